"""TIFFs that Pillow does not read, or reads wrongly: floats, 32 bits, grey with alpha, separate planes, 0 as white ...

Pillow reads the header only, so that limits and errors are those of every picture; imagecodecs (the extra ``deep``)
reads the pixels.
"""

import logging
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from hub.errors import ImageError
from hub.images.profiles import from_lab

Levels = NDArray[np.uint16]
WHITE = 65535
_WHITE_IS_ZERO, _RGB, _PALETTE, _CMYK, _LAB = 0, 2, 3, 5, 8  # photometric interpretations; 1 is grey with 0 as black
_COLORS = {_WHITE_IS_ZERO: 1, 1: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _LAB: 3}  # samples of a colour
_RAW = (32803, 34892)  # photometric interpretations of what a camera's sensor saw
_SUBFILE, _WHITE_POINT, _DNG_VERSION = 254, 318, 50706  # tags
_THUMBNAIL, _MASK = 1, 4  # bits of the kind of a page
_COMPRESSIONS = {*range(1, 9), 32773, 32946, 34925, 50000}  # that every Pillow decodes
_RAW_SUFFIXES = (
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw",
    ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
)  # fmt: skip
_RAW_MAGIC = re.compile(b"ftypcrx |FUJIFILMCCD-RAW|IIRO|IIRS|IIU\0|FOVb|\0MRM|HEAPCCDR|CR\2\0")
_UNSPECIFIED, _PREMULTIPLIED = 0, 1  # kinds of an extra sample besides a plain alpha
_KINDS = {1: "u", 2: "i", 3: "f"}  # NumPy's letters for sample formats

logger = logging.getLogger(__name__)
logging.getLogger("imagecodecs").addHandler(logging.NullHandler())  # keeps its warnings off the terminal


class TiffFile(TiffImagePlugin.TiffImageFile):
    """A TIFF at its first page that is neither a thumbnail nor a mask.

    Its header is read even if Pillow cannot decode its pixels; it then has no ``tile``.
    """

    def _open(self) -> None:
        super()._open()
        self.is_raw = bool(self.tag_v2.get(_DNG_VERSION)) or any(kind in _RAW for kind in _photometrics(self))
        self.whole: list[int] = []  # pages that are pictures, the first two at most
        with suppress(Exception):  # there is no such page, or it is broken
            for page in count():
                self.seek(page)
                if not self.tag_v2.get(_SUBFILE, 0) & (_THUMBNAIL | _MASK):
                    self.whole.append(page)
                if len(self.whole) == 2:
                    break
        self.seek([*self.whole, 0][0])

    def _setup(self) -> None:
        try:
            super()._setup()
        except (SyntaxError, KeyError):
            self._size = self.tag_v2[TiffImagePlugin.IMAGEWIDTH], self.tag_v2[TiffImagePlugin.IMAGELENGTH]
            self._mode, self.tile = "RGB", []
            self.info["icc_profile"] = self.tag_v2.get(TiffImagePlugin.ICCPROFILE)


def codecs_for(what: str) -> Any:
    """The package imagecodecs. Raises ``ImageError``, with ``what`` as what needs it, if it is not installed."""
    try:
        import imagecodecs
    except ImportError:
        raise ImageError(f"{what} need another package: pip install 'stylehub[deep]'.") from None
    return imagecodecs


def is_deep_tiff(image: Image.Image) -> bool:
    """Whether this is a TIFF of a kind in ``_COLORS`` with more than 8 bits a channel."""
    return isinstance(image, TiffFile) and max(bits_of(image)) > 8 and _photometric(image) in _COLORS


def misread(image: Image.Image) -> bool:
    """Whether this is a TIFF whose pixels Pillow would not decode as they are meant."""
    if not isinstance(image, TiffFile):
        return False
    bits, kinds, extra = set(bits_of(image)), _formats(image), image.tag_v2.get(TiffImagePlugin.EXTRASAMPLES, ())
    if not image.tile or _compression(image) not in _COMPRESSIONS or len(extra) > 1:
        return True
    if max(bits) <= 8:
        return kinds == {2} or (_planar(image) and _photometric(image) < _RGB)  # kind 2: with signs
    whole = image.mode.startswith("I") and (bits, kinds) not in (({16}, {1}), ({12}, {1}), ({32}, {2}))
    return _planar(image) or whole or _PREMULTIPLIED in extra or _photometric(image) == _WHITE_IS_ZERO


def decode_tiff(image: Image.Image, data: memoryview, name: str) -> tuple[Levels, Levels | None]:
    """Colour ``(H, W, 1, 3 or 4)`` and alpha ``(H, W)`` at 16 bits, with black at 0 and colours not premultiplied.

    Raises ``ImageError`` for a kind of TIFF that nothing here reads, and without imagecodecs.
    """
    assert isinstance(image, TiffFile)
    tags, bits, photometric = image.tag_v2, bits_of(image), _photometric(image)
    samples = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
    colors = _COLORS.get(photometric, 99)
    kinds = {_KINDS.get(kind, "") for kind in _formats(image)}
    if len({*bits}) != 1 or len(kinds) != 1 or not colors <= samples <= 16:
        raise _unsupported(image, name)
    size = next((size for size in (8, 16, 32, 64) if size >= bits[0]), 0)
    (kind,) = kinds
    if not kind or not size or (size != bits[0] and (kind != "u" or size > 16)) or (kind, size) == ("f", 8):
        raise _unsupported(image, name)
    codecs = codecs_for("Some kinds of TIFF")
    height, width = tags[TiffImagePlugin.IMAGELENGTH], tags[TiffImagePlugin.IMAGEWIDTH]  # `image.size` is upright
    planes = _planar(image)
    shape = (samples, height, width) if planes else (height, width, samples)
    # The decoder reads the shape from the file again. It refuses to fill an array of another shape.
    if photometric == _CMYK:
        _call_it_rgb(image, data)
    out = np.empty(shape if samples > 1 else shape[:2], bool if bits[0] == 1 else f"{kind}{size // 8}")
    try:
        stored = codecs.tiff_decode(data, index=image.tell(), out=out).reshape(shape)
    except codecs.TiffError:
        if _compression(image) in _COMPRESSIONS:
            raise
        raise _unsupported(image, name) from None
    stored = np.moveaxis(stored, 0, -1) if planes else stored
    white = None if size == bits[0] else (1 << bits[0]) - 1
    if photometric == _PALETTE:
        palette = np.array(tags[TiffImagePlugin.COLORMAP], np.uint16).reshape(3, -1).T
        color = palette[stored[..., 0]]
    elif photometric == _LAB and stored.dtype == np.uint16:
        lab = np.concatenate(
            [stored[..., :1] / np.float32(655.35), stored[..., 1:3].astype(np.int16) / np.float32(256)], 2
        )
        color = from_lab(lab, white_point(image))
    elif photometric == _LAB:
        raise _unsupported(image, name)
    else:
        color = to_levels(stored[..., :colors], name, white)
    color = WHITE - color if photometric == _WHITE_IS_ZERO else color
    extra = tags.get(TiffImagePlugin.EXTRASAMPLES, ())[: samples - colors]
    index = next((index for index, kind in enumerate(extra) if kind != _UNSPECIFIED), None)
    if index is None:
        return color, None
    alpha = to_levels(stored[..., colors + index], name, white)
    if extra[index] == _PREMULTIPLIED:
        share = np.maximum(alpha, 1)[..., None]
        color = np.minimum((color.astype(np.uint32) * WHITE + share // 2) // share, WHITE).astype(np.uint16)
    return color, alpha


def _call_it_rgb(image: TiffFile, data: memoryview) -> None:
    """Change the photometric interpretation in ``data``: the decoder refuses CMYK, though it need not convert it."""
    tags: Any = image.tag_v2
    first, entry, value = (8, 20, 12) if tags._bigtiff else (2, 12, 8)
    for place in range(tags.offset + first, len(data) - entry, entry):
        if struct.unpack_from(f"{tags._endian}H", data, place)[0] == TiffImagePlugin.PHOTOMETRIC_INTERPRETATION:
            struct.pack_into(f"{tags._endian}H", data, place + value, _RGB)
            break


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
    if image.is_raw:
        raise raw_file(name)
    if not image.whole and TiffImagePlugin.SUBIFD in image.tag_v2:
        raise ImageError(f"{name} shows a thumbnail first and hides its picture; export it as a plain TIFF or JPEG.")
    if len(image.whole) > 1:
        logger.warning("%s has several pages; the first one is read.", name)


def white_point(image: Image.Image) -> tuple[float, ...] | None:
    """X and y of the white of a TIFF in L*a*b*; None if it does not say."""
    return image.tag_v2.get(_WHITE_POINT) if isinstance(image, TiffFile) else None


def is_raw(name: str, prefix: bytes) -> bool:
    """Whether the name of a file, or its first 16 bytes, are those of a camera's raw file."""
    return name.lower().endswith(_RAW_SUFFIXES) or _RAW_MAGIC.search(prefix) is not None


def raw_file(name: str) -> ImageError:
    return ImageError(f"{name} is a camera's raw file; develop it to TIFF or JPEG first, in a program for raw files.")


def _photometrics(image: TiffFile) -> Iterator[int]:
    """The photometric interpretation of the picture, and of those that belong to it."""
    yield _photometric(image)
    stream: Any = image.fp
    position = stream.tell()
    try:
        for offset in image.tag_v2.get(TiffImagePlugin.SUBIFD, ())[:8] if stream else ():
            stream.seek(0)
            directory = TiffImagePlugin.ImageFileDirectory_v2(stream.read(8))
            stream.seek(offset)
            directory.load(stream)
            yield int(directory.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, _WHITE_IS_ZERO))
    finally:
        stream.seek(position)


def bits_of(image: TiffFile) -> tuple[int, ...]:
    return tuple(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))


def _formats(image: TiffFile) -> set[int]:
    return set(image.tag_v2.get(TiffImagePlugin.SAMPLEFORMAT, (1,)))


def _photometric(image: TiffFile) -> int:
    return int(image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, _WHITE_IS_ZERO))


def _planar(image: TiffFile) -> bool:
    return len(bits_of(image)) > 1 and image.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 2


def _compression(image: TiffFile) -> int:
    return int(image.tag_v2.get(TiffImagePlugin.COMPRESSION, 1))


def _unsupported(image: TiffFile, name: str) -> ImageError:
    bits = ", ".join(map(str, bits_of(image)[:5]))  # a damaged header may hold thousands
    return ImageError(
        f"{name} is a TIFF of a rare kind ({bits} bits a channel, compression {_compression(image)}); export it with 8 or "
        "16 bits of RGB or grey, without compression or with LZW."
    )
