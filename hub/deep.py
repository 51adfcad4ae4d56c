"""Read, stylise and write pictures of 16 bits per channel without rounding to 8 bits (the extra ``deep``)."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import torch
from PIL import ExifTags, Image, TiffImagePlugin
from torch import Tensor

from hub.calling import record
from hub.errors import ImageError
from hub.images.finding import FORMATS
from hub.images.metadata import Keep, result_exif
from hub.images.opening import MAX_PIXELS, opened
from hub.images.profiles import source_profile
from hub.images.reading import decoded, metadata_of, upright
from hub.images.sixteen import as_srgb, decode_deep, is_deep
from hub.images.tensors import filled, to_levels, to_tensor
from hub.images.tiff import WHITE, Levels, check_kind, codecs_for
from hub.images.writing import write_encoded
from hub.progress import ProgressCallback

if TYPE_CHECKING:
    from hub.method import Method

    PathOrStream = Path | str | bytes | BinaryIO

RECORD = {"bits": 16}  # added to the provenance metadata of a 16-bit picture

_TURNS: dict[Image.Transpose, Callable[["Levels"], "Levels"]] = {
    Image.Transpose.FLIP_LEFT_RIGHT: lambda rows: rows[:, ::-1],
    Image.Transpose.FLIP_TOP_BOTTOM: lambda rows: rows[::-1],
    Image.Transpose.ROTATE_90: np.rot90,
    Image.Transpose.ROTATE_180: lambda rows: rows[::-1, ::-1],
    Image.Transpose.ROTATE_270: lambda rows: np.rot90(rows, -1),
    Image.Transpose.TRANSPOSE: lambda rows: rows.swapaxes(0, 1),
    Image.Transpose.TRANSVERSE: lambda rows: rows[::-1, ::-1].swapaxes(0, 1),
}


@dataclass(frozen=True)
class DeepPhoto:
    """An upright sRGB picture: ``pixels`` are float32 ``(1, 3, H, W)`` in [0, 1].

    ``alpha`` is float32 ``(1, 1, H, W)`` in [0, 1], or None for an opaque picture. ``recipe`` is the provenance metadata
    of a result, None for a photo. ``metadata``: the EXIF and the resolution of the file, for ``save_deep``.
    """

    pixels: Tensor
    alpha: Tensor | None = None
    recipe: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def visible(self) -> Tensor:
        """``pixels``, where the colours under transparent pixels are replaced by those of the visible surroundings."""
        return self.pixels if self.alpha is None else filled(self.pixels, self.alpha)


def read_deep(source: "PathOrStream", *, max_pixels: int = MAX_PIXELS) -> DeepPhoto:
    """Read a picture from a path, bytes or a binary file object: a 16-bit PNG or TIFF at 16 bits, any other at 8 bits.

    Grey or RGB, with or without alpha. The colour profile is converted to sRGB and the EXIF orientation applied. Raises
    ``ImageError`` as ``hub.images.read_image`` does, also for a 16-bit file above 1 GiB, and ``StylehubError`` if
    imagecodecs is missing.
    """
    codecs_for("16 bits per channel")
    with opened(source, max_pixels=max_pixels) as (image, name):
        if not is_deep(image):
            photo = decoded(image, name)
            alpha = None if photo.alpha is None else to_tensor(photo.alpha.convert("RGB"))[:, :1]
            return DeepPhoto(to_tensor(photo.rgb), alpha, metadata=photo.metadata)
        check_kind(image, name)
        profile = source_profile(image)
        colour, opacity = decode_deep(image, name)
        colour = as_srgb(colour, profile)
        if opacity is not None and opacity.min() == WHITE:
            opacity = None
        if (orientation := upright(image)) is not None:
            turn = _TURNS[orientation]
            colour, opacity = turn(colour), opacity if opacity is None else turn(opacity)
        alpha = None if opacity is None else _tensor(opacity[..., None])
        return DeepPhoto(_tensor(colour), alpha, metadata=metadata_of(image))


def encode_deep(
    pixels: Tensor,
    *,
    alpha: Tensor | None = None,
    recipe: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    keep_metadata: Keep = "safe",
    format: str = "png",
) -> bytes:
    """Encode ``pixels`` ``(1, 3, H, W)`` in [0, 1] with 16 bits a channel, and ``alpha`` ``(1, 1, H, W)`` if given.

    ``format``: png, or tiff without compression. ``recipe`` is stored as JSON in the EXIF, beside what ``keep_metadata``
    keeps of ``metadata``, which is that of a ``DeepPhoto``; see ``hub.save``. Raises ``ImageError`` for NaN, other shapes,
    an alpha of another size or a recipe that is not JSON, and ``StylehubError`` if imagecodecs is missing.
    """
    codecs = codecs_for("16 bits per channel")
    kept = {} if keep_metadata == "none" or metadata is None else metadata
    exif = b""
    if recipe is not None or kept:
        made = None if recipe is None else {**recipe, **RECORD}
        exif = result_exif(made, format, kept.get("exif"), keep_metadata).removeprefix(b"Exif\0\0")
    levels = to_levels(pixels, bits=16)
    if alpha is not None:
        opacity = to_levels(alpha, bits=16, channels=1)
        if opacity.shape[:2] != levels.shape[:2]:
            raise ImageError(
                f"The alpha channel is {opacity.shape[1]} x {opacity.shape[0]}, but the result is {levels.shape[1]} x "
                f"{levels.shape[0]}; resize the alpha first."
            )
        levels = np.concatenate([levels, opacity], axis=2)
    if format == "tiff":
        return _tiff(levels, exif, kept.get("dpi"))
    # The low bytes of a photo are noise: searching them for repetitions takes four times as long and saves 2 %.
    data: bytes = codecs.png_encode(levels, strategy=codecs.PNG.STRATEGY.RLE, filter=codecs.PNG.FILTER.SUB)
    chunks = [(b"eXIf", exif)] if exif else []
    if "dpi" in kept:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(number / 0.0254) for number in kept["dpi"]), 1)))
    end_of_header = 33  # the signature and the chunk IHDR, both of fixed length
    extra = [struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in chunks]
    return b"".join([data[:end_of_header], *extra, data[end_of_header:]])


def _tiff(levels: "Levels", exif: bytes, dpi: tuple[float, float] | None) -> bytes:
    """``levels`` ``(H, W, 3 or 4)`` as an uncompressed TIFF. Pillow writes the tags; it has no mode for such pixels."""
    height, width, samples = levels.shape
    described, tags = Image.Exif(), TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    described.load(exif)
    for tag, value in described.items():
        tags[tag] = dict(described.get_ifd(tag)) if tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo) else value
    if dpi:
        tags[TiffImagePlugin.X_RESOLUTION], tags[TiffImagePlugin.Y_RESOLUTION] = dpi
        tags[TiffImagePlugin.RESOLUTION_UNIT] = 2  # inches
    if samples == 4:
        tags[TiffImagePlugin.EXTRASAMPLES] = 2  # alpha, colours not multiplied by it
    for number, fact in {
        TiffImagePlugin.IMAGEWIDTH: width,
        TiffImagePlugin.IMAGELENGTH: height,
        TiffImagePlugin.BITSPERSAMPLE: (16,) * samples,
        TiffImagePlugin.COMPRESSION: 1,
        TiffImagePlugin.PHOTOMETRIC_INTERPRETATION: 2,  # RGB
        TiffImagePlugin.STRIPOFFSETS: (0,),  # from the end of the tags on; Pillow adds what comes before
        TiffImagePlugin.SAMPLESPERPIXEL: samples,
        TiffImagePlugin.ROWSPERSTRIP: height,
        TiffImagePlugin.STRIPBYTECOUNTS: (levels.nbytes,),
    }.items():
        tags[number] = fact
    buffer = io.BytesIO()
    tags.save(buffer)
    buffer.write(np.ascontiguousarray(levels, "<u2").data)
    return buffer.getvalue()


def save_deep(
    pixels: Tensor,
    path: str | Path,
    *,
    alpha: Tensor | None = None,
    recipe: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    keep_metadata: Keep = "safe",
    overwrite: bool = False,
) -> Path:
    """Write a PNG or TIFF of 16 bits atomically; see ``encode_deep``.

    ``recipe``: the provenance metadata, such as ``style.describe(style.checked({"style": ...}), "photo.tif")``.
    ``metadata``: of the photo, ``photo.metadata``. Raises ``ImageError`` if ``path`` is no ``.png``, ``.tif`` or
    ``.tiff``, exists (unless ``overwrite``) or cannot be written.
    """
    path = Path(path)
    format = check_deep(path)
    options: dict[str, Any] = {"alpha": alpha, "recipe": recipe, "metadata": metadata, "keep_metadata": keep_metadata}
    write_encoded(lambda: encode_deep(pixels, format=format, **options), path, overwrite=overwrite)
    return path


def check_deep(path: Path) -> str:
    """The format, png or tiff, that ``path`` names. Raises ``ImageError`` for others, which have no 16 bits."""
    format = FORMATS.get(path.suffix.lower(), "")
    if format not in ("png", "tiff"):
        raise ImageError(f"16 bits per channel need a PNG or TIFF file; give {path} the extension .png or .tif.")
    return format


def stylize_deep(
    method: "Method",
    source: Path | str | bytes | BinaryIO,
    /,
    *,
    strength_map: Path | str | bytes | BinaryIO | None = None,
    progress: ProgressCallback | None = None,
    **parameters: Any,
) -> DeepPhoto:
    """``method(source, ...)`` at 16 bits per channel; the strength map is read at 16 bits too.

    A method in another dtype than float32 rounds to fewer bits. Raises the errors of the call and of ``read_deep``.
    """
    values = method.checked(parameters)
    photo = read_deep(source)
    where = None
    if strength_map is not None:
        strength = read_deep(strength_map)
        where = (strength.pixels * (1 if strength.alpha is None else strength.alpha))[0].mean(0)
    pixels = method(
        photo.visible if values.strength else photo.pixels, strength_map=where, progress=progress, **parameters
    )
    alpha = photo.alpha
    if alpha is not None and alpha.shape[2:] != pixels.shape[2:]:
        alpha = method.prepare(alpha.expand(-1, 3, -1, -1), values)[:, :1]
    return DeepPhoto(pixels, alpha, record(method, values, source, strength_map) | RECORD, photo.metadata)


def _tensor(levels: "Levels") -> Tensor:
    """Levels ``(H, W, C)`` as ``(1, C, H, W)``, float32 in [0, 1]."""
    # Copied before the conversion, at two bytes per value; a turned picture of one row would keep a negative stride.
    planes = np.array(levels.transpose(2, 0, 1), order="C")
    return torch.from_numpy(planes)[None].float().div_(WHITE)
