"""How a picture was made, as JSON in the EXIF of its file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from hub.errors import ImageError
from hub.images.reading import opened

MAX_RECIPE = 1 << 20  # bytes of JSON in a recipe at most
_COMMENT_PREFIX = b"ASCII\0\0\0"  # how EXIF marks the character set of a UserComment


def read_recipe(source: Path | bytes) -> dict[str, Any] | None:
    """Return the recipe that write_image or encode_image stored, or None when the picture has none of ours.

    Raises ImageError when the source is no readable picture; foreign or garbled metadata is only "none of ours".
    """
    with opened(source) as (image, _), contextlib.suppress(Exception):
        exif = image.getexif()
        comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
        if exif.get(ExifTags.Base.Software) == "stylehub" and isinstance(comment, bytes):
            text = comment.removeprefix(_COMMENT_PREFIX)
            recipe = json.loads(text) if len(text) <= MAX_RECIPE else None
            return recipe if isinstance(recipe, dict) else None
    return None


def recipe_exif(recipe: Mapping[str, Any], format: str) -> bytes:
    """The EXIF that carries `recipe` in a file of `format`; raises ImageError when it is no JSON or too long."""
    try:
        text = json.dumps(dict(recipe), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ImageError(f"The recipe cannot be stored as JSON ({error}); give it plain values only.") from error
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = "stylehub"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _COMMENT_PREFIX + text
    data = exif.tobytes()
    if len(text) > MAX_RECIPE or (format == "jpeg" and len(data) > 65_533):  # one JPEG segment
        raise ImageError(f"The recipe is too long for {format.upper()} ({len(text):,} bytes); shorten it.")
    return data
