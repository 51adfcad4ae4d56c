"""The EXIF of a result: provenance metadata (the recipe) as JSON, and what is kept of the photo's EXIF."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from PIL import ExifTags, Image

from hub.errors import ImageError

MAX_RECIPE = 1 << 20  # bytes of JSON in a recipe at most
Keep = Literal["all", "safe", "none"]
PHOTO = "photo_metadata"  # in the ``info`` of a result: the ``metadata`` of its photo
_SAFE = {
    271, 272, 282, 283, 296, 306, 33432,  # camera, resolution, date, copyright
    33434, 33437, 34850, 34855, *range(36864, 36869), *range(36880, 36883), *range(37377, 37387), *range(37520, 37523),
    *range(41985, 41991), 42034, 42035, 42036,  # exposure, dates, lens; no serial numbers
}  # fmt: skip
_OF_PIXELS = {
    *range(273, 282), 284, *range(317, 348), *range(512, 533), 700, 33723, 34377, 34665, 34675, 34853, 37510, 40961, 40962,
    40963, 40965,
}  # fmt: skip
COMMENT_PREFIX = b"ASCII\0\0\0"  # how EXIF marks the character set of a UserComment


def result_exif(
    recipe: Mapping[str, Any] | None, format: str, photo: bytes | None = None, keep: Keep = "safe"
) -> bytes:
    """The EXIF of a result: ``recipe``, and what ``keep`` keeps of the EXIF of its ``photo``.

    Raises ImageError if ``recipe`` is too long or not JSON.
    """
    exif = _kept(photo, keep) if photo and keep != "none" else Image.Exif()
    if recipe is not None:
        exif[ExifTags.Base.Software] = "stylehub"
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = COMMENT_PREFIX + _json(recipe)
    data = exif.tobytes()
    too_long = format == "jpeg" and len(data) > 65_533  # one JPEG segment
    if too_long and photo and keep != "none":
        return result_exif(recipe, format)
    if too_long or (recipe is not None and len(_json(recipe)) > MAX_RECIPE):
        raise ImageError(
            f"The provenance metadata are too long for {format.upper()} ({len(data):,} bytes); shorten them."
        )
    return data


def _json(recipe: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(dict(recipe), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ImageError(
            f"The provenance metadata cannot be stored as JSON ({error}); use plain values only."
        ) from error


def _kept(photo: bytes, keep: Keep) -> Image.Exif:
    """The EXIF to keep: what describes neither the photo's pixels nor, with ``safe``, a place, a person or a device.

    The copyright stays: who claims it wants to be named.
    """
    source, kept = Image.Exif(), Image.Exif()
    with contextlib.suppress(Exception):  # broken EXIF is not kept
        source.load(photo)
        for tag, value in source.items():
            if tag in _SAFE or (keep == "all" and tag > 269 and tag not in _OF_PIXELS):
                kept[tag] = value
        inner = source.get_ifd(ExifTags.IFD.Exif)
        kept.get_ifd(ExifTags.IFD.Exif).update(
            {tag: v for tag, v in inner.items() if tag in _SAFE or (keep == "all" and tag not in _OF_PIXELS)}
        )
        if keep == "all" and (location := source.get_ifd(ExifTags.IFD.GPSInfo)):
            kept.get_ifd(ExifTags.IFD.GPSInfo).update(location)
        kept.tobytes()  # values that cannot be written raise here
        return kept
    return Image.Exif()
