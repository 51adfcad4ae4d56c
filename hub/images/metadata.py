"""Provenance metadata (the recipe) as JSON in the EXIF of a picture."""

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
    """Return the recipe that write_image or encode_image stored; None for a picture without one.

    Foreign or damaged metadata count as no recipe. Raises ImageError if the picture cannot be read.
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
    """The EXIF with `recipe` for a file of `format`. Raises ImageError if it is too long or not JSON."""
    try:
        text = json.dumps(dict(recipe), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ImageError(f"The recipe cannot be stored as JSON ({error}); use plain values only.") from error
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = "stylehub"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _COMMENT_PREFIX + text
    data = exif.tobytes()
    if len(text) > MAX_RECIPE or (format == "jpeg" and len(data) > 65_533):  # one JPEG segment
        raise ImageError(f"The recipe is too long for {format.upper()} ({len(text):,} bytes); shorten it.")
    return data
