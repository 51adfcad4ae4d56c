"""Read pictures as upright 8-bit sRGB, within limits on size."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, TiffImagePlugin

from hub.errors import ImageError
from hub.images.profiles import source_profile
from hub.images.tensors import filled, to_image, to_tensor
from hub.images.tiff import Levels, TiffFile, check_kind, decode_tiff, is_raw, misread, raw_file, to_levels

Source = Path | str | bytes | BinaryIO | Image.Image


logger = logging.getLogger(__name__)

MAX_PIXELS = 256_000_000  # larger pictures are refused before decoding
MAX_BYTES = 1 << 30  # limit for a pipe or another file object
_DECODERS = ("Png", "Jpeg", "WebP", "Gif", "Tiff", "Bmp", "Ppm", "Avif")  # the JPEG decoder opens MPO
_GREY_MODES = {"1", "L", "LA", "La", "F"}  # and every mode that starts with I
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Photo:
    """An upright sRGB picture: `rgb` in mode RGB, `alpha` in mode L and of the same size, or None if opaque."""

    rgb: Image.Image
    alpha: Image.Image | None
    grey: bool  # the source had no colour channels
    metadata: Mapping[str, Any] = field(default_factory=dict)  # the source's `exif` and `dpi`

    @property
    def image(self) -> Image.Image:
        """Colour and alpha in one picture: a copy in mode RGBA, or `rgb` itself if opaque."""
        if self.alpha is None:
            return self.rgb
        both = self.rgb.copy()
        both.putalpha(self.alpha)
        return both

    @property
    def on_black(self) -> Image.Image:
        """`rgb` on black, for masks and maps."""
        black = Image.new("RGB", self.rgb.size)
        return self.rgb if self.alpha is None else Image.composite(self.rgb, black, self.alpha)

    @property
    def visible(self) -> Image.Image:
        """`rgb`, where the colours under transparent pixels are replaced by those of the visible surroundings."""
        if self.alpha is None:
            return self.rgb
        return to_image(filled(to_tensor(self.rgb), to_tensor(self.alpha.convert("RGB"))[:, :1]))


def read_image(source: Source, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a picture from a path, bytes, a binary file object (up to 1 GiB) or a PIL image (left unmodified).

    Colours become 8-bit sRGB, the EXIF orientation is applied, and an animation gives its first frame. Raises
    ImageError if the source is missing, damaged, of an unknown format or larger than `max_pixels`.
    """
    with opened(source, max_pixels=max_pixels) as (image, name):
        return decoded(image, name)


def read_size(source: Source) -> tuple[int, int]:
    """Width and height from the file's header, before the EXIF orientation. Raises ImageError as read_image does."""
    with opened(source) as (image, _):
        return image.size


@contextlib.contextmanager
def opened(source: Source, *, max_pixels: int | None = None) -> Iterator[tuple[Image.Image, str]]:
    """Yield the image, not yet decoded, and its name for messages; any failure in the block becomes an ImageError.

    Raises ImageError also if the header announces more than `max_pixels` pixels.
    """
    name = str(source) if isinstance(source, str | Path) else "The picture"
    try:
        with contextlib.ExitStack() as stack:
            if isinstance(source, Image.Image):
                if 0 in source.size:
                    raise ImageError(f"{name} is empty, {source.width} x {source.height}; pass one with pixels.")
                _check_size(source, name, max_pixels)
                yield source, name
                return
            stream: BinaryIO
            if isinstance(source, bytes):
                stream = io.BytesIO(source)
            elif isinstance(source, str | Path):
                stream = stack.enter_context(Path(source).open("rb"))
                if not stream.seekable():  # a named pipe, or the shell's <(...)
                    stream = buffered(stream, name)
            elif hasattr(source, "read"):
                stream = buffered(source, name)
            else:
                raise ImageError(
                    f"A {type(source).__name__} is not a picture; give a path, bytes, an open file or a PIL image "
                    "(for an array: Image.fromarray)."
                )
            image = _identified(stream, name)
            _check_size(image, name, max_pixels)
            yield image, name
    except ImageError:
        raise
    except FileNotFoundError as error:
        if is_address(name):
            raise not_a_file(name) from error
        raise ImageError(f"{name} does not exist; check the path.") from error
    except IsADirectoryError as error:
        raise ImageError(f"{name} is a folder; name a picture in it.") from error
    except PermissionError as error:
        raise ImageError(f"{name} cannot be read; check its permissions.") from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise ImageError(f"{name} is too large to decode here; make it smaller first.") from error
    except Exception as error:  # decoders raise nearly anything: SyntaxError, struct.error, KeyError, zlib.error ...
        if isinstance(error, OSError) and error.errno is not None:
            raise ImageError(f"{name} cannot be read ({reason(error)}); check the path.") from error
        raise ImageError(f"{name} is damaged or cut off; fetch it again or export it anew.") from error


def _check_size(image: Image.Image, name: str, max_pixels: int | None) -> None:
    width, height = image.size
    if max_pixels is not None and width * height > max_pixels:
        raise ImageError(
            f"{name} is {width} x {height} = {width * height:,} pixels, more than the limit of {max_pixels:,}; "
            "make it smaller first."
        )


def buffered(stream: BinaryIO, name: str) -> io.BytesIO:
    """Read a stream in small steps, since read(MAX_BYTES) may allocate that much memory at once.

    Raises ImageError, with `name` for the picture, if the stream is longer than MAX_BYTES or holds text.
    """
    buffer = io.BytesIO()
    while chunk := stream.read(1 << 20):
        if not isinstance(chunk, bytes):
            raise ImageError(f"{name} comes from a text stream; open it in binary mode.")
        if buffer.write(chunk) and buffer.tell() > MAX_BYTES:
            raise ImageError(f"{name} is longer than {MAX_BYTES:,} bytes; pass a smaller file.")
    buffer.seek(0)
    return buffer


def _identified(stream: BinaryIO, name: str) -> Image.Image:
    """Image.open(stream, formats=...) for our formats, without Pillow's own pixel limit.

    That limit is lower than ours and can be switched off only for the whole process. So this function calls the
    registered decoders as Image.open does.
    """
    prefix = stream.read(16)
    if not prefix:
        raise ImageError(f"{name} is empty; download it again or choose another picture.")
    if is_raw(name, prefix):
        raise raw_file(name)
    if prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIC:
        return _heic(stream, name)
    recognised = False
    for decoder in _DECODERS:
        with contextlib.suppress(ImportError):  # Pillow before 11.3 has no AVIF
            importlib.import_module(f"PIL.{decoder}ImagePlugin")
        with contextlib.suppress(SyntaxError, IndexError, TypeError, KeyError):  # another format, or not built in
            factory, accept = Image.OPEN[decoder.upper()]
            if accept is None or accept(prefix) is True:  # a string if Pillow was built without the format
                recognised = True
                stream.seek(0)
                return TiffFile(stream, "") if decoder == "Tiff" else factory(stream, "")
    if recognised:
        raise ImageError(f"{name} is damaged or cut off; download or export it again.")
    raise ImageError(f"{name} has an unknown format; convert it to PNG, JPEG, WebP, TIFF, GIF or AVIF.")


def _heic(stream: BinaryIO, name: str) -> Image.Image:
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError:
        raise ImageError(
            f"{name} is a HEIC picture, and these need another package: pip install 'stylehub[heic]'."
        ) from None
    stream.seek(0)
    image: Image.Image = HeifImageFile(stream, "")  # type: ignore[no-untyped-call]
    return image


def _warn_of_gain_map(image: Image.Image, name: str) -> None:
    """Phones store a second picture that makes the first one brighter on HDR screens."""
    if b"hdrgm" in (image.info.get("xmp") or b"") or any("gainmap" in kind for kind in image.info.get("aux", ())):
        logger.warning("%s has a gain map for HDR screens; the picture is read without it.", name)


def decoded(image: Image.Image, name: str = "The picture") -> Photo:
    """Decode, separate the alpha, convert the colours to sRGB and turn the result upright.

    Call it inside `opened`, since decoders raise many kinds of errors. `name` is for messages.
    """
    check_kind(image, name)
    _warn_of_gain_map(image, name)
    profile = source_profile(image)
    colour, alpha = image, None
    if misread(image):
        levels, opacity = decode_tiff(image, whole_file(image, name), name)
        colour, alpha = _eight_bit(levels), None if opacity is None else _eight_bit(opacity)
        grey = colour.mode == "L"
    else:
        image.load()
        grey = image.mode in _GREY_MODES or image.mode.startswith("I")
    if colour is image and grey and image.mode[0] in "FI":
        bits = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (16,))[0] if isinstance(image, TiffFile) else 16
        white = (1 << bits) - 1 if image.mode.startswith("I;") else 65535 if image.format == "PPM" else None
        colour = _eight_bit(to_levels(np.asarray(image), name, white))
    elif colour is image and image.has_transparency_data:
        merged = image.convert("LA" if grey else "RGBA")
        colour, alpha = merged.convert("L" if grey else "RGB"), merged.getchannel("A")
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    rgb = _srgb(colour, profile)
    orientation = upright(image)  # None for a TIFF: Pillow has turned it already
    if orientation is not None:
        rgb = rgb.transpose(orientation)
        alpha = alpha and alpha.transpose(orientation)
    rgb.info = {}  # profile and orientation are applied and no longer valid
    return Photo(rgb, alpha, grey, metadata_of(image))


def metadata_of(image: Image.Image) -> dict[str, Any]:
    """The EXIF and the resolution of a file whose pixels have been read."""
    found = {name: image.info[name] for name in ("exif", "dpi") if image.info.get(name)}
    with contextlib.suppress(Exception):
        return {"exif": image.getexif().tobytes()} | found if isinstance(image, TiffFile) else found
    return {}


def upright(image: Image.Image) -> Image.Transpose | None:
    """The turn that the EXIF orientation requires, if any; a decoded TIFF is upright already."""
    with contextlib.suppress(Exception):  # with broken EXIF the pixels are still usable
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return None


def whole_file(image: Image.Image, name: str) -> memoryview:
    """The bytes of the file of ``image``, whose pixels Pillow does not decode."""
    stream = cast(BinaryIO, cast(ImageFile.ImageFile, image).fp)
    stream.seek(0)
    return buffered(stream, name).getbuffer()


def _eight_bit(levels: Levels) -> Image.Image:
    """Levels of 16 bits, ``(H, W)`` or ``(H, W, 1 or 3)``, as a picture in mode L or RGB."""
    grey = levels.ndim == 2 or levels.shape[2] == 1
    return Image.fromarray(
        ((levels.reshape(levels.shape[:2]) if grey else levels) / np.float32(257)).round().astype(np.uint8)
    )


def _srgb(colour: Image.Image, icc: bytes | None) -> Image.Image:
    """Return a new RGB image in sRGB. A broken or unsuitable profile is ignored."""
    if icc or colour.mode == "LAB":
        with contextlib.suppress(Exception):
            lab = ImageCms.createProfile("LAB") if colour.mode == "LAB" else io.BytesIO(icc or b"")
            profile = ImageCms.ImageCmsProfile(lab)
            if profile.profile.xcolor_space.strip() == "RGB" and colour.mode != "CMYK":
                colour = colour.convert("RGB")  # grey, palette and YCbCr pictures often have an RGB profile
            converted = ImageCms.profileToProfile(
                colour,
                profile,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if converted is not None:
                return converted
    return colour.convert("RGB")


def is_address(name: str) -> bool:
    return re.match(r"(?i)(https?|ftp|s3|gs|data):", name) is not None


def not_a_file(name: str) -> ImageError:
    return ImageError(f"{name[:60]} is an address, and stylehub fetches no pictures; download it and give the file.")


def reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
