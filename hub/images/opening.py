"""Open a picture within limits on size, and say in one sentence why one cannot be read."""

import contextlib
import importlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from PIL import Image, ImageFile

from hub.errors import ImageError
from hub.images.tiff import TiffFile, is_raw, raw_file

Source = Path | str | bytes | BinaryIO | Image.Image

MAX_PIXELS = 256_000_000  # larger pictures are refused before decoding
MAX_BYTES = 1 << 30  # limit for a pipe or another file object
_DECODERS = ("Jpeg", "Png", "WebP", "Gif", "Tiff", "Bmp", "Ppm", "Avif")  # the JPEG decoder opens MPO
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
# Refused (2026): no package tells the size before it decodes and gives the profile of the pixels that it returns.
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")  # the codestream alone, or in a container


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
    prefix = stream.read(64)
    if not prefix:
        raise ImageError(f"{name} is empty; download it again or choose another picture.")
    if is_raw(name, prefix):
        raise raw_file(name)
    if prefix.startswith(_JPEG_XL):
        raise ImageError(f"{name} is a JPEG XL picture, which stylehub does not read; convert it to PNG or TIFF first.")
    if prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIC and b"avif" not in prefix[: prefix[3]]:
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


def whole_file(image: Image.Image, name: str) -> memoryview:
    """The bytes of the file of ``image``, whose pixels Pillow does not decode."""
    stream = cast(BinaryIO, cast(ImageFile.ImageFile, image).fp)
    stream.seek(0)
    return buffered(stream, name).getbuffer()


def is_address(name: str) -> bool:
    return re.match(r"(?i)(https?|ftp|s3|gs|data):", name) is not None


def not_a_file(name: str) -> ImageError:
    return ImageError(f"{name[:60]} is an address, and stylehub fetches no pictures; download it and give the file.")


def reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
