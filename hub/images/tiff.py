"""TIFFs that Pillow does not read, or reads wrongly: floats, 32 bits, grey with alpha, separate planes, 0 as white.

Pillow reads the header only, so that limits and errors are those of every picture; imagecodecs (the extra ``deep``)
reads the pixels.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from hub.errors import ImageError

Levels = NDArray[np.uint16]
WHITE = 65535
_WHITE_IS_ZERO, _RGB = 0, 2  # photometric interpretations; 1 is grey with 0 as black
_RAW = (32803, 34892)  # photometric interpretations of what a camera's sensor saw
_DNG_VERSION = 50706
_RAW_SUFFIXES = (
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw",
    ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
)  # fmt: skip
_RAW_MAGIC = (b"ftypcrx ", b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"IIU\0", b"FOVb", b"\0MRM", b"HEAPCCDR", b"CR\2\0")
_UNSPECIFIED, _PREMULTIPLIED = 0, 1  # kinds of an extra sample besides a plain alpha
_KINDS = {1: "u", 2: "i", 3: "f"}  # NumPy's letters for sample formats

logger = logging.getLogger(__name__)
logging.getLogger("imagecodecs").addHandler(logging.NullHandler())  # keeps its warnings off the terminal


class TiffFile(TiffImagePlugin.TiffImageFile):
    """A TIFF whose header is read even if Pillow cannot decode its pixels; it then has no ``tile``."""

    def _setup(self) -> None:
        try:
            super()._setup()
        except SyntaxError:
            if min(self.size) < 1:  # not even a size was found
                raise
            self._mode, self.tile = "RGB", []
            self.info["icc_profile"] = self.tag_v2.get(TiffImagePlugin.ICCPROFILE)


def codecs_for(what: str) -> Any:
    """The package imagecodecs. Raises ``ImageError``, with ``what`` as what needs it, if it is not installed."""
    try:
        import imagecodecs
    except ImportError:
        raise ImageError(f"{what} need another package: pip install 'stylehub[deep]'.") from None
    return imagecodecs


def is_deep(image: Image.Image) -> bool:
    """Whether this is a grey or RGB TIFF with more than 8 bits a channel."""
    return isinstance(image, TiffFile) and max(_bits(image)) in (16, 32, 64) and _photometric(image) <= _RGB


def misread(image: Image.Image) -> bool:
    """Whether this is a TIFF whose pixels Pillow would not decode as they are meant."""
    if not isinstance(image, TiffFile):
        return False
    if not image.tile:
        return True
    planar = image.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 2 and len(_bits(image)) > 1
    whole = image.mode.startswith("I") and (set(_bits(image)), _formats(image)) not in (
        ({16}, {1}),
        ({12}, {1}),
        ({32}, {2}),
    )
    return max(_bits(image)) > 8 and (planar or whole or _photometric(image) == _WHITE_IS_ZERO)


def decode_tiff(image: Image.Image, data: memoryview, name: str) -> tuple[Levels, Levels | None]:
    """Colour ``(H, W, 1 or 3)`` and alpha ``(H, W)`` at 16 bits, with black at 0 and colours not premultiplied.

    Raises ``ImageError`` for a kind of TIFF that nothing here reads, and without imagecodecs.
    """
    assert isinstance(image, TiffFile)
    tags, bits = image.tag_v2, _bits(image)
    samples = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
    colors = 3 if _photometric(image) == _RGB else 1
    if _photometric(image) > _RGB or len({*bits}) != 1 or len(_formats(image)) != 1 or not colors <= samples <= 16:
        raise _unsupported(image, name)
    try:
        dtype = np.dtype(f"{_KINDS[_formats(image).pop()]}{bits[0] // 8}") if bits[0] % 8 == 0 else None
    except (KeyError, TypeError):
        dtype = None
    if dtype is None:
        raise _unsupported(image, name)
    height, width = tags[TiffImagePlugin.IMAGELENGTH], tags[TiffImagePlugin.IMAGEWIDTH]  # `image.size` is upright
    planar = samples > 1 and tags.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 2
    shape = (samples, height, width) if planar else (height, width, samples)
    # The decoder reads the shape from the file again. It refuses to fill an array of another shape.
    out = np.empty(shape if samples > 1 else shape[:2], dtype)
    stored = codecs_for("Some kinds of TIFF").tiff_decode(data, out=out).reshape(shape)
    stored = np.moveaxis(stored, 0, -1) if planar else stored
    color = to_levels(stored[..., :colors], name)
    color = WHITE - color if _photometric(image) == _WHITE_IS_ZERO else color
    extra = (*tags.get(TiffImagePlugin.EXTRASAMPLES, ()), _UNSPECIFIED)[0]
    if samples == colors or extra == _UNSPECIFIED:
        return color, None
    alpha = to_levels(stored[..., colors], name)
    if extra == _PREMULTIPLIED:
        share = np.maximum(alpha, 1)[..., None]
        color = np.minimum((color.astype(np.uint32) * WHITE + share // 2) // share, WHITE).astype(np.uint16)
    return color, alpha


def to_levels(values: NDArray[Any], name: str = "The picture", white: float | None = None) -> Levels:
    """``values`` of any type from 0 to 65535. Without ``white`` it is 1 for floats, the largest number for integers.

    Many pictures of 32 bits or floats hold the levels of 8 or 16 bits instead. They are known by numbers that would be
    black or white otherwise, and this is said.
    """
    if values.dtype == np.uint16 and white is None:
        return values
    if values.dtype.kind == "f":
        values = np.nan_to_num(values.astype(np.float32), posinf=1, neginf=0)
    if white is None:
        white, highest = 1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max, values.max()
        if values.dtype.kind == "f":
            guessed = highest > 1 and (np.median(values) > 8 or bool((values == np.rint(values)).all()))
        else:
            guessed = values.dtype.itemsize > 2 and 0 < highest <= WHITE
        if guessed:
            white = 255 if highest <= 255 else WHITE
            logger.warning("%s holds numbers from 0 to %.6g; %d counts as white.", name, highest, white)
    scaled: NDArray[np.float64] = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32)
    return np.clip(np.rint(scaled * (WHITE / white)), 0, WHITE).astype(np.uint16)


def check_kind(image: Image.Image, name: str) -> None:
    """Raises ``ImageError`` for a camera's raw file; warns if a TIFF has more pages than the one that is read."""
    if not isinstance(image, TiffFile):
        return
    if image.tag_v2.get(_DNG_VERSION) or any(photometric in _RAW for photometric in _photometrics(image)):
        raise raw_file(name)
    if image.is_animated:
        logger.warning("%s has several pages; the first one is read.", name)


def is_raw(name: str, prefix: bytes) -> bool:
    """Whether the name of a file, or its first 16 bytes, are those of a camera's raw file."""
    return name.lower().endswith(_RAW_SUFFIXES) or any(magic in prefix for magic in _RAW_MAGIC)


def raw_file(name: str) -> ImageError:
    return ImageError(f"{name} is a camera's raw file; develop it to TIFF or JPEG first, in a program for raw files.")


def _photometrics(image: TiffFile) -> Iterator[int]:
    """The photometric interpretation of the picture, and of those that belong to it."""
    yield _photometric(image)
    stream: Any = image.fp
    place = stream.tell()
    try:
        for offset in image.tag_v2.get(TiffImagePlugin.SUBIFD, ())[:8] if stream else ():
            stream.seek(0)
            directory = TiffImagePlugin.ImageFileDirectory_v2(stream.read(8))
            stream.seek(offset)
            directory.load(stream)
            yield int(directory.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, _WHITE_IS_ZERO))
    finally:
        stream.seek(place)


def _bits(image: TiffFile) -> tuple[int, ...]:
    return tuple(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))


def _formats(image: TiffFile) -> set[int]:
    return set(image.tag_v2.get(TiffImagePlugin.SAMPLEFORMAT, (1,)))


def _photometric(image: TiffFile) -> int:
    return int(image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, _WHITE_IS_ZERO))


def _unsupported(image: TiffFile, name: str) -> ImageError:
    bits = ", ".join(map(str, _bits(image)))
    return ImageError(
        f"{name} is a TIFF of a rare kind ({bits} bits a channel); export it with 8 or 16 bits of RGB or grey."
    )
