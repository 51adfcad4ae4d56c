"""Pictures in: whatever a user has becomes upright 8-bit sRGB, within limits on size."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageCms

from hub.errors import ImageError

Source = Path | str | bytes | BinaryIO | Image.Image


MAX_PIXELS = 256_000_000  # refused beyond this, before decoding
MAX_BYTES = 1 << 30  # read from a pipe or another file object at most
_DECODERS = ("Png", "Jpeg", "WebP", "Gif", "Tiff", "Bmp", "Ppm", "Avif")  # MPO is opened by the JPEG decoder
_GREY_MODES = {"1", "L", "LA", "La", "F"}  # and every mode that starts with I
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
    """An upright sRGB picture: `rgb` is in mode RGB, `alpha` in mode L and of the same size, or None when opaque."""

    rgb: Image.Image
    alpha: Image.Image | None
    grey: bool  # the source had no colour channels

    @property
    def image(self) -> Image.Image:
        """Colour and alpha in one picture: a copy in mode RGBA, or `rgb` itself when opaque."""
        if self.alpha is None:
            return self.rgb
        both = self.rgb.copy()
        both.putalpha(self.alpha)
        return both


def read_image(source: Source, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a picture from a path, bytes, a binary file object (up to 1 GiB) or a PIL image (left unmodified).

    Colours are converted to 8-bit sRGB and the EXIF orientation is applied; of an animation the first frame counts.
    Raises ImageError when the source is missing, damaged, of no known format or of more than `max_pixels` pixels.
    """
    with opened(source, max_pixels=max_pixels) as (image, _):
        return decoded(image)


def read_size(source: Source) -> tuple[int, int]:
    """Width and height as the file's header says, before the EXIF orientation; raises ImageError as read_image does."""
    with opened(source) as (image, _):
        return image.size


@contextlib.contextmanager
def opened(source: Source, *, max_pixels: int | None = None) -> Iterator[tuple[Image.Image, str]]:
    """Yield the not yet decoded image and its name for messages; any failure inside the block becomes an ImageError.

    So does a header that speaks of more than `max_pixels` pixels.
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
                    f"A {type(source).__name__} is no picture; give a path, bytes, an open file or a PIL image "
                    "(of an array: Image.fromarray)."
                )
            image = _identified(stream, name)
            _check_size(image, name, max_pixels)
            yield image, name
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{name} does not exist; check the path.") from error
    except IsADirectoryError as error:
        raise ImageError(f"{name} is a folder; name a picture in it.") from error
    except PermissionError as error:
        raise ImageError(f"{name} may not be read; check its permissions.") from error
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
    """Read all of a stream in small steps, since read(MAX_BYTES) may set aside that much memory at once.

    Raises ImageError, with `name` for the picture, when it is longer than MAX_BYTES or holds text.
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
    """Do what Image.open(stream, formats=...) does for our formats alone, but without Pillow's own pixel limit.

    That limit sits below ours, and both it and the warning before it are switched off only for the whole process,
    other threads included. So the registered decoders are called here in the way Image.open calls them.
    """
    prefix = stream.read(16)
    if not prefix:
        raise ImageError(f"{name} is empty; fetch it again or choose another picture.")
    recognised = False
    for decoder in _DECODERS:
        with contextlib.suppress(ImportError):  # Pillow before 11.3 has no AVIF
            importlib.import_module(f"PIL.{decoder}ImagePlugin")
        with contextlib.suppress(SyntaxError, IndexError, TypeError, KeyError):  # "not mine after all", or not built in
            factory, accept = Image.OPEN[decoder.upper()]
            if accept is None or accept(prefix) is True:  # a string where Pillow was built without the format
                recognised = True
                stream.seek(0)
                return factory(stream, "")
    if recognised:
        raise ImageError(f"{name} is damaged or cut off; fetch it again or export it anew.")
    raise ImageError(f"{name} is of no known format; convert it to PNG, JPEG, WebP, TIFF, GIF or AVIF.")


def decoded(image: Image.Image) -> Photo:
    """Decode, separate the alpha, convert the colours to sRGB and turn the result upright.

    Decoders raise nearly anything, so call it inside of `opened`.
    """
    image.load()
    grey = image.mode in _GREY_MODES or image.mode.startswith("I")
    colour, alpha = image, None
    if image.mode == "F" or image.mode.startswith("I"):
        colour = _eight_bit(image)
    elif image.has_transparency_data:
        merged = image.convert("LA" if grey else "RGBA")
        colour, alpha = merged.convert("L" if grey else "RGB"), merged.getchannel("A")
        if alpha.getextrema() == (255, 255):
            alpha = None
    rgb = _srgb(colour, image.info.get("icc_profile"))
    orientation = upright(image)  # none for a TIFF: Pillow has turned it
    if orientation is not None:
        rgb = rgb.transpose(orientation)
        alpha = alpha and alpha.transpose(orientation)
    rgb.info = {}  # neither the profile nor the orientation holds any longer
    return Photo(rgb, alpha, grey)


def upright(image: Image.Image) -> Image.Transpose | None:
    """The turn that the EXIF asks for, if any; a decoded TIFF is upright already."""
    with contextlib.suppress(Exception):  # broken EXIF says nothing about the way up, and the pixels are fine
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return None


def _eight_bit(image: Image.Image) -> Image.Image:
    """Bring a deeper grey picture to mode L by scaling; Pillow's own convert("L") would clip at 255 instead."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=65535, neginf=0)
    highest = values.max()
    scale = 1.0
    if image.mode.startswith("I;") or image.format == "PPM" or highest > 255:
        scale = 1 / 257
    if image.mode == "F" and highest <= 1:
        scale = 255
    return Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))


def _srgb(colour: Image.Image, icc: bytes | None) -> Image.Image:
    """Return a new RGB image in sRGB; a profile that is broken or of another kind of image is ignored."""
    if icc:
        with contextlib.suppress(Exception):
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if profile.profile.xcolor_space.strip() == "RGB" and colour.mode != "CMYK":
                colour = colour.convert("RGB")  # grey, palette and YCbCr pictures often carry an RGB profile
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


def reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
