"""Read and write pictures of 16 bits per channel without rounding to 8 bits.

Pillow keeps only 8 bits of a colour. Here it reads the header only, so that limits and errors are the same as in
``hub.images``; imagecodecs (the extra ``deep``) handles pixels and colour profiles.
"""

import logging
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard, cast

import numpy as np
import torch
from PIL import Image, ImageFile, PngImagePlugin, TiffImagePlugin
from torch import Tensor

from hub.errors import ImageError, StylehubError
from hub.images.metadata import recipe_exif
from hub.images.profiles import source_profile
from hub.images.reading import MAX_PIXELS, buffered, decoded, opened, upright
from hub.images.tensors import to_levels, to_tensor
from hub.images.writing import write_encoded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Levels = NDArray[np.uint16]
    PathOrStream = Path | str | bytes | BinaryIO

WHITE = 65535
RECORD = {"bits": 16}  # added to the provenance metadata of a 16-bit picture

_PNG_SAMPLES = {"I;16B": 1, "LA;16B": 2, "RGB;16B": 3, "RGBA;16B": 4}  # Pillow's raw modes
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2  # photometric interpretations of a TIFF
_UNSPECIFIED, _PREMULTIPLIED = 0, 1  # kinds of a TIFF's fourth sample besides a plain alpha
_TURNS: dict[Image.Transpose, Callable[["Levels"], "Levels"]] = {
    Image.Transpose.FLIP_LEFT_RIGHT: lambda rows: rows[:, ::-1],
    Image.Transpose.FLIP_TOP_BOTTOM: lambda rows: rows[::-1],
    Image.Transpose.ROTATE_90: np.rot90,
    Image.Transpose.ROTATE_180: lambda rows: rows[::-1, ::-1],
    Image.Transpose.ROTATE_270: lambda rows: np.rot90(rows, -1),
    Image.Transpose.TRANSPOSE: lambda rows: rows.swapaxes(0, 1),
    Image.Transpose.TRANSVERSE: lambda rows: rows[::-1, ::-1].swapaxes(0, 1),
}

logging.getLogger("imagecodecs").addHandler(logging.NullHandler())  # keeps its warnings off the terminal


@dataclass(frozen=True)
class DeepPhoto:
    """An upright sRGB picture: ``pixels`` are float32 ``(1, 3, H, W)`` in [0, 1].

    ``alpha`` is float32 ``(1, 1, H, W)`` in [0, 1], or None for an opaque picture. ``recipe`` is the provenance metadata
    of a result, None for a photo.
    """

    pixels: Tensor
    alpha: Tensor | None = None
    recipe: Mapping[str, Any] | None = None


def read_deep(source: "PathOrStream", *, max_pixels: int = MAX_PIXELS) -> DeepPhoto:
    """Read a picture from a path, bytes or a binary file object: a 16-bit PNG or TIFF at 16 bits, any other at 8 bits.

    Grey or RGB, with or without alpha. The colour profile is converted to sRGB and the EXIF orientation applied. Raises
    ``ImageError`` as ``hub.images.read_image`` does, also for a 16-bit file above 1 GiB, and ``StylehubError`` if
    imagecodecs is missing.
    """
    codecs = _codecs()
    with opened(source, max_pixels=max_pixels) as (image, name):
        if not _is_deep(image):
            photo = decoded(image)
            alpha = None if photo.alpha is None else to_tensor(photo.alpha.convert("RGB"))[:, :1]
            return DeepPhoto(to_tensor(photo.rgb), alpha)
        profile = source_profile(image)
        stream = cast(BinaryIO, image.fp)
        stream.seek(0)
        data = buffered(stream, name).getbuffer()
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            colour, opacity = _from_tiff(image, data, codecs)
        else:
            colour, opacity = _from_png(image, data, codecs)
        del data
        colour = _srgb(colour, profile, codecs)
        if opacity is not None and opacity.min() == WHITE:
            opacity = None
        if (orientation := upright(image)) is not None:
            turn = _TURNS[orientation]
            colour, opacity = turn(colour), opacity if opacity is None else turn(opacity)
        return DeepPhoto(_tensor(colour), None if opacity is None else _tensor(opacity[..., None]))


def encode_deep(pixels: Tensor, *, alpha: Tensor | None = None, recipe: Mapping[str, Any] | None = None) -> bytes:
    """Encode ``pixels`` ``(1, 3, H, W)`` in [0, 1] as a 16-bit PNG, with ``alpha`` ``(1, 1, H, W)`` if given.

    ``recipe`` is stored as JSON in the EXIF. Raises ``ImageError`` for NaN, other shapes, an alpha of another size or a
    recipe that is not JSON, and ``StylehubError`` if imagecodecs is missing.
    """
    codecs = _codecs()
    exif = b"" if recipe is None else recipe_exif({**recipe, **RECORD}, "png").removeprefix(b"Exif\0\0")
    levels = to_levels(pixels, bits=16)
    if alpha is not None:
        opacity = to_levels(alpha, bits=16, channels=1)
        if opacity.shape[:2] != levels.shape[:2]:
            raise ImageError(
                f"The alpha channel is {opacity.shape[1]} x {opacity.shape[0]}, but the result is {levels.shape[1]} x "
                f"{levels.shape[0]}; resize the alpha first."
            )
        levels = np.concatenate([levels, opacity], axis=2)
    # The low bytes of a photo are noise: searching them for repetitions takes four times as long and saves 2 %.
    data: bytes = codecs.png_encode(levels, strategy=codecs.PNG.STRATEGY.RLE, filter=codecs.PNG.FILTER.SUB)
    end_of_header = 33  # the signature and the chunk IHDR, both of fixed length
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    return b"".join([data[:end_of_header], chunk if exif else b"", data[end_of_header:]])


def save_deep(
    pixels: Tensor,
    path: str | Path,
    *,
    alpha: Tensor | None = None,
    recipe: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a 16-bit PNG atomically; see ``encode_deep``.

    ``recipe``: the provenance metadata, such as ``style.describe(style.checked({"style": ...}), "photo.tif")``. Raises
    ``ImageError`` if ``path`` is not a ``.png``, exists (unless ``overwrite``) or cannot be written.
    """
    path = Path(path)
    check_png(path)
    write_encoded(lambda: encode_deep(pixels, alpha=alpha, recipe=recipe), path, overwrite=overwrite)
    return path


def check_png(path: Path) -> None:
    """Raise ``ImageError`` unless ``path`` names a PNG, the only format for writing 16 bits."""
    if path.suffix.lower() != ".png":
        raise ImageError(f"16 bits per channel need a PNG file; give {path} the extension .png.")


def _codecs() -> Any:
    try:
        import imagecodecs
    except ImportError:
        raise StylehubError("16 bits per channel need another package: pip install 'stylehub[deep]'.") from None
    return imagecodecs


def _is_deep(image: Image.Image) -> TypeGuard[ImageFile.ImageFile]:
    """Whether the header announces grey or RGB with 16 bits per channel."""
    if isinstance(image, PngImagePlugin.PngImageFile):
        return bool(image.tile) and image.tile[0].args in _PNG_SAMPLES
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        unsigned = set(tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))) == {1}
        return set(tags.get(TiffImagePlugin.BITSPERSAMPLE, ())) == {16} and unsigned and _photometric(image) <= _RGB
    return False


# The decoders read the shape from the file again. They get an array of the checked shape and refuse to fill it if the
# shapes differ.


def _from_png(image: ImageFile.ImageFile, data: memoryview, codecs: Any) -> "tuple[Levels, Levels | None]":
    """Colour ``(H, W, 1 or 3)`` and alpha ``(H, W)`` as stored."""
    samples = _PNG_SAMPLES[str(image.tile[0].args)] + ("transparency" in image.info)  # a colour key becomes an alpha
    shape = (image.height, image.width, samples)
    stored = codecs.png_decode(data, out=np.empty(shape if samples > 1 else shape[:2], np.uint16)).reshape(shape)
    return (stored[..., :-1], stored[..., -1]) if samples in (2, 4) else (stored, None)


def _from_tiff(image: TiffImagePlugin.TiffImageFile, data: memoryview, codecs: Any) -> "tuple[Levels, Levels | None]":
    """Colour ``(H, W, 1 or 3)`` and alpha ``(H, W)``, with black at 0 and colours not premultiplied."""
    tags = image.tag_v2
    height, width = tags[TiffImagePlugin.IMAGELENGTH], tags[TiffImagePlugin.IMAGEWIDTH]  # `image.size` is upright
    samples = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
    planar = samples > 1 and tags.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 2
    shape = (samples, height, width) if planar else (height, width, samples)
    stored = codecs.tiff_decode(data, out=np.empty(shape if samples > 1 else shape[:2], np.uint16)).reshape(shape)
    stored = np.moveaxis(stored, 0, -1) if planar else stored
    if _photometric(image) != _RGB:
        return WHITE - stored if _photometric(image) == _WHITE_IS_ZERO else stored, None  # grey: Pillow reads no alpha
    colour, fourth = stored[..., :3], (*tags.get(TiffImagePlugin.EXTRASAMPLES, ()), None)[0]
    if samples == 3 or fourth == _UNSPECIFIED:
        return colour, None
    alpha = stored[..., 3]
    if fourth == _PREMULTIPLIED:
        share = np.maximum(alpha, 1)[..., None]
        colour = np.minimum((colour.astype(np.uint32) * WHITE + share // 2) // share, WHITE).astype(np.uint16)
    return colour, alpha


def _photometric(image: TiffImagePlugin.TiffImageFile) -> int:
    return int(image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, _WHITE_IS_ZERO))


def _srgb(colour: "Levels", icc: bytes | None, codecs: Any) -> "Levels":
    """``colour`` ``(H, W, 1 or 3)`` as sRGB ``(H, W, 3)``. A broken or unsuitable profile is ignored."""
    plain = colour if colour.shape[2] == 3 else np.repeat(colour, 3, axis=2)
    if not icc:
        return plain
    by_grey = colour.shape[2] == 1 and icc[16:20] == b"GRAY"  # grey pictures often have an RGB profile instead
    flags = codecs.CMS.FLAGS
    try:
        srgb: Levels = codecs.cms_transform(
            colour[..., 0] if by_grey else plain,
            icc,
            codecs.cms_profile("srgb"),
            colorspace="gray" if by_grey else "rgb",
            outcolorspace="rgb",
            intent=codecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            # Optimisation would use a coarse table, with errors of thousands of the 65536 levels.
            flags=flags.BLACKPOINTCOMPENSATION | flags.NOOPTIMIZE,
        )
    except (codecs.CmsError, ValueError):
        return plain
    return srgb


def _tensor(levels: "Levels") -> Tensor:
    """Levels ``(H, W, C)`` as ``(1, C, H, W)``, float32 in [0, 1]."""
    planes = np.ascontiguousarray(levels.transpose(2, 0, 1))  # copied before the conversion, at two bytes per value
    return torch.from_numpy(planes)[None].float().div_(WHITE)
