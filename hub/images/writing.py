"""Encode pictures in one of four formats, and write them atomically."""

import errno
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from hub.errors import ImageError
from hub.files import already_exists, write_whole
from hub.images.finding import FORMATS
from hub.images.metadata import PHOTO, Keep, result_exif
from hub.images.opening import opened, reason
from hub.images.reading import decoded
from hub.images.tensors import to_image

# libjpeg allows 65500, a little less than the file format's 65535.
_LONGEST_SIDE = {"jpeg": 65_500, "webp": 16_383}


def encode_image(
    image: Image.Image,
    format: str,
    *,
    recipe: Mapping[str, Any] | None = None,
    quality: int = 95,
    keep_metadata: Keep = "safe",
) -> bytes:
    """Encode a PIL image of any mode as 'png', 'jpeg', 'webp' or 'tiff' (8-bit sRGB; grey stays grey).

    `quality` (1 to 100) is for JPEG and WebP. For JPEG, transparency becomes white. `recipe` is stored as JSON in the
    EXIF, beside what `keep_metadata` keeps of the photo's: all, safe (no place, no name but the copyright's, no serial number) or none.
    Raises ImageError for an unknown format, a side too long for it, or a recipe that is not JSON.
    """
    if format not in FORMATS.values():
        raise ImageError(f"Cannot write the format {format!r}; choose {', '.join(sorted(set(FORMATS.values())))}.")
    if not 1 <= quality <= 100:
        raise ImageError(f"A quality of {quality} is out of range; choose 1 to 100.")
    longest = _LONGEST_SIDE.get(format, max(image.size))
    if max(image.size) > longest:
        raise ImageError(
            f"{format.upper()} allows at most {longest} pixels per side, but this picture is {image.width} x "
            f"{image.height}; choose PNG or TIFF, or make it smaller."
        )
    options: dict[str, Any] = {}  # TIFF stays uncompressed, since Pillow cannot write EXIF through libtiff
    if format == "jpeg":
        options = {"quality": quality, "subsampling": "4:4:4"}  # halved chroma would smear painted edges
    elif format == "webp":
        options = {"quality": quality, "method": 4}
    photo_metadata = image.info.get(PHOTO) or {}
    if recipe is not None or photo_metadata:
        options["exif"] = result_exif(recipe, format, photo_metadata.get("exif"), keep_metadata)
    if keep_metadata != "none" and "dpi" in photo_metadata:
        options["dpi"] = photo_metadata["dpi"]
    with opened(image) as (source, _):  # turns any error of a bad image into an ImageError
        photo = decoded(source)
    picture = photo.rgb.convert("L") if photo.grey and photo.alpha is None else photo.rgb
    if photo.alpha is not None and format == "jpeg":
        picture = Image.new("RGB", photo.rgb.size, "white")
        picture.paste(photo.rgb, mask=photo.alpha)
    elif photo.alpha is not None:
        picture.putalpha(photo.alpha)
    buffer = io.BytesIO()
    try:
        picture.save(buffer, format, **options)
    except Exception as error:  # encoders raise many kinds of errors
        raise _not_written(f"The {format.upper()} picture", error) from error
    return buffer.getvalue()


def write_image(image: Image.Image, path: Path, *, overwrite: bool = False, **options: Any) -> None:
    """Write `image` to `path` atomically, in the format of its extension; `options` are those of encode_image.

    Raises ImageError for an unknown extension, and as write_encoded does.
    """
    path = Path(path)
    format = format_of(path)
    write_encoded(lambda: encode_image(image, format, **options), path, overwrite=overwrite)


def format_of(path: Path) -> str:
    """The format that the extension of ``path`` names. Raises ``ImageError`` for one that is not written."""
    if path.suffix.lower() not in FORMATS:
        raise ImageError(f"{path} has an unknown extension; choose one of {', '.join(FORMATS)}.")
    return FORMATS[path.suffix.lower()]


def write_encoded(encode: Callable[[], bytes], path: Path, *, overwrite: bool = False) -> None:
    """Write the bytes of `encode()` to `path` atomically; `encode` is called only once `path` is known to be free.

    Missing parent folders are created. Raises ImageError for an existing file without `overwrite`, for a folder and for
    errors of the disk; an old file then stays intact.
    """
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder; give a file name.")
        if os.path.lexists(path) and not overwrite:
            raise ImageError(already_exists(path))  # before the work of encoding; write_whole checks again
        data = encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise ImageError(f"{path.parent} is a file; choose another folder for {path.name}.") from error
        write_whole(path, data, overwrite=overwrite)
    except FileExistsError as error:
        raise ImageError(already_exists(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise _not_written(str(path), error) from error


def _not_written(name: str, error: Exception) -> ImageError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ImageError(f"{name} was not written because the disk is full; free some space or choose another folder.")
    return ImageError(f"{name} cannot be written ({reason(error)}); choose another folder or format.")


def save(
    image: Image.Image | Any,
    path: str | Path,
    *,
    overwrite: bool = False,
    quality: int = 95,
    keep_metadata: Keep = "safe",
) -> Path:
    """Write a method's result with its provenance metadata: an image, or a tensor or an array, which carry none.

    ``keep_metadata``: of the photo's own, "all", "safe" (no place, no name but the copyright's, no serial number) or "none".
    Raises ``ImageError`` if ``path`` exists (unless ``overwrite``) or cannot be written.
    """
    path = Path(path)
    if not isinstance(image, Image.Image):
        image = _as_image(image)
    recipe = image.info.get("stylehub")
    write_image(image, path, overwrite=overwrite, recipe=recipe, quality=quality, keep_metadata=keep_metadata)
    return path


def _as_image(picture: Any) -> Image.Image:
    """A tensor ``(1, 3, H, W)`` in [0, 1], or an array uint8 ``(H, W, 3)``. Raises ``ImageError`` for anything else."""
    shape = tuple(getattr(picture, "shape", ()))
    if len(shape) == 4 and shape[:2] == (1, 3) and getattr(picture, "is_floating_point", bool)():
        return to_image(picture.detach().clamp(0, 1))
    if len(shape) == 3 and shape[2] == 3 and str(picture.dtype) == "uint8":
        return Image.fromarray(picture)
    what = f"{type(picture).__name__} {shape or ''}".strip()
    raise ImageError(f"{what} cannot be saved; give a PIL image, a tensor (1, 3, H, W), or an array uint8 (H, W, 3).")
