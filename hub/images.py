"""Pictures in and out: whatever a user has becomes upright 8-bit sRGB, and results are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import glob
import importlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageCms

from hub.errors import ImageError
from hub.files import already_exists, write_whole

if TYPE_CHECKING:
    from torch import Tensor

    Source = Path | str | bytes | BinaryIO | Image.Image

MAX_PIXELS = 256_000_000  # refused beyond this, before decoding
MAX_BYTES = 1 << 30  # read from a pipe or another file object at most
MAX_RECIPE = 1 << 20  # bytes of JSON in a recipe at most

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff"}
READ_EXTENSIONS = {*FORMATS, ".jfif", ".mpo", ".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".apng", ".avif"}

# libjpeg stops at 65500, a little short of the 65535 that the file format has room for.
_LONGEST_SIDE = {"jpeg": 65_500, "webp": 16_383}
_DECODERS = ("Png", "Jpeg", "WebP", "Gif", "Tiff", "Bmp", "Ppm", "Avif")  # MPO is opened by the JPEG decoder
_GREY_MODES = {"1", "L", "LA", "La", "F"}  # and every mode that starts with I
_COMMENT_PREFIX = b"ASCII\0\0\0"  # how EXIF marks the character set of a UserComment
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


def read_recipe(source: Path | bytes) -> dict[str, Any] | None:
    """Return the recipe that write_image or encode_image stored, or None when the picture has none of ours.

    Raises ImageError when the source is no readable picture; foreign or garbled metadata is only "none of ours".
    """
    with opened(source) as (image, _), contextlib.suppress(Exception):
        exif = image.getexif()
        comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
        if exif.get(ExifTags.Base.Software) == "stylehub" and isinstance(comment, bytes):
            text = comment.removeprefix(_COMMENT_PREFIX)
            recipe = json.loads(text) if len(text) <= MAX_RECIPE else None
            return recipe if isinstance(recipe, dict) else None
    return None


def is_flat(image: Image.Image) -> bool:
    """Whether an RGB picture has but one colour, or nearly: there is no style in it."""
    return max(high - low for low, high in image.getextrema()) < 8  # type: ignore[misc]


def to_tensor(image: Image.Image) -> Tensor:
    """Turn an RGB image into a float32 tensor (1, 3, H, W) in [0, 1]. Raises ImageError for any other mode."""
    import torch

    if image.mode != "RGB":
        raise ImageError(f"A picture in mode {image.mode} has no three channels; pass it through read_image first.")
    pixels = torch.from_numpy(np.array(image))  # a copy: PIL's own memory is read-only
    return pixels.permute(2, 0, 1).unsqueeze(0).contiguous().float().div_(255)


def to_image(tensor: Tensor, alpha: Image.Image | None = None) -> Image.Image:
    """Turn a tensor (1, 3, H, W) or (3, H, W) into an RGB image, or RGBA with `alpha` (any mode L image of W x H).

    Values are clamped to [0, 1] and rounded to the nearest of 256 levels. Raises ImageError for NaN and other shapes.
    """
    image = Image.fromarray(to_levels(tensor))
    if alpha is not None:
        if alpha.size != image.size:
            raise ImageError(f"The alpha channel is {alpha.size}, the result {image.size}; resize the alpha first.")
        image.putalpha(alpha)
    return image


def to_levels(tensor: Tensor, *, bits: int = 8, channels: int = 3) -> np.ndarray[Any, Any]:
    """Turn a tensor (1, C, H, W) or (C, H, W) of so many `channels` into an array (H, W, C), uint8 or (`bits=16`) uint16.

    Values are clamped to [0, 1] and rounded to the nearest level. Raises ImageError for NaN and other shapes.
    """
    import torch

    if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise ImageError(f"A result is a float tensor (1, {channels}, H, W) in [0, 1]; this is {kind}.")
    values = tensor.detach()
    if values.ndim == 4 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 3 or values.shape[0] != channels or values.numel() == 0:
        raise ImageError(f"A tensor of shape {tuple(tensor.shape)} is no picture; pass one of (1, {channels}, H, W).")
    height, width = values.shape[1:]
    levels = torch.empty((height, width, channels), dtype=torch.uint8 if bits == 8 else torch.uint16)
    rows = max(1, (1 << 20) // width)  # at a time, since the steps in between take four bytes a value
    for source, target in zip(torch.split(values, rows, dim=1), torch.split(levels, rows), strict=True):
        band = source.float()
        if bool(torch.isnan(band).any()):
            raise ImageError("The result holds values that are not numbers (NaN); try float32 or a lower strength.")
        target.copy_(band.clamp(0, 1).mul_((1 << bits) - 1).round_().to(levels.dtype).permute(1, 2, 0))
    return levels.numpy()


def encode_image(
    image: Image.Image, format: str, *, recipe: Mapping[str, Any] | None = None, quality: int = 95
) -> bytes:
    """Encode a PIL image of any mode as 'png', 'jpeg', 'webp' or 'tiff' (8-bit sRGB; grey stays grey).

    `quality` (1 to 100) counts for JPEG and WebP. JPEG has no alpha, so it is laid over white. `recipe` is stored as
    JSON in the EXIF. Raises ImageError for an unknown format, a side too long for it, or a recipe that is not JSON.
    """
    if format not in FORMATS.values():
        raise ImageError(f"{format!r} is no format to write; choose one of {', '.join(sorted(set(FORMATS.values())))}.")
    if not 1 <= quality <= 100:
        raise ImageError(f"A quality of {quality} is out of range; choose 1 to 100.")
    longest = _LONGEST_SIDE.get(format, max(image.size))
    if max(image.size) > longest:
        raise ImageError(
            f"{format.upper()} holds at most {longest} pixels a side, and this picture is {image.width} x "
            f"{image.height}; choose PNG or TIFF, or make it smaller."
        )
    options: dict[str, Any] = {}  # so TIFF stays uncompressed: Pillow writes no EXIF directory through libtiff
    if format == "jpeg":
        options = {"quality": quality, "subsampling": "4:4:4"}  # halved chroma would smear painted edges
    elif format == "webp":
        options = {"quality": quality, "method": 4}
    if recipe is not None:
        options["exif"] = recipe_exif(recipe, format)
    with opened(image) as (source, _):  # names whatever is wrong with the image given
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
    except Exception as error:  # encoders, like decoders, raise nearly anything
        raise _not_written(f"The {format.upper()} picture", error) from error
    return buffer.getvalue()


def write_image(
    image: Image.Image,
    path: Path,
    *,
    overwrite: bool = False,
    recipe: Mapping[str, Any] | None = None,
    quality: int = 95,
) -> None:
    """Write `image` to `path` in the format its extension names, completely or not at all; see encode_image.

    Raises ImageError for an unknown extension, and what write_encoded does.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ImageError(f"{path} has no known extension to write; choose one of {', '.join(FORMATS)}.")
    format = FORMATS[path.suffix.lower()]
    write_encoded(lambda: encode_image(image, format, recipe=recipe, quality=quality), path, overwrite=overwrite)


def write_encoded(encode: Callable[[], bytes], path: Path, *, overwrite: bool = False) -> None:
    """Write what `encode` returns to `path`, completely or not at all; it is called once the place is known to be free.

    Missing parent folders are made. Raises ImageError for an existing file without `overwrite`, a folder in its place
    and whatever the disk refuses; a file that was there before is then still intact.
    """
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder; name a file to write.")
        if os.path.lexists(path) and not overwrite:
            raise ImageError(already_exists(path))  # before the work of encoding; write_whole makes sure
        data = encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise ImageError(f"{path.parent} is a file, not a folder; choose another place for {path.name}.") from error
        write_whole(path, data, overwrite=overwrite)
    except FileExistsError as error:
        raise ImageError(already_exists(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise _not_written(str(path), error) from error


def find_named(folder: Path, name: str) -> Path:
    """The picture ``name`` of ``folder``, whatever its format. Raises ``ImageError`` when there is none."""
    for suffix in FORMATS:
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    raise ImageError(f"There is no picture {name} ({', '.join(FORMATS)}) in {folder}; put it there or name its folder.")


def resized(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """``pixels`` ``(N, C, H, W)`` in [0, 1] at ``size`` (rows, columns), bicubic; the very same tensor if that is its size."""
    import torch.nn.functional as F

    if tuple(pixels.shape[-2:]) == size:
        return pixels
    return F.interpolate(pixels, size=size, mode="bicubic", antialias=True, align_corners=False).clamp_(0, 1)


def at_short_side(image: Image.Image, size: int) -> Image.Image:
    """``image`` with a short side of ``size`` pixels; the very same object when it has that already."""
    scale = size / min(image.size)
    if scale == 1:
        return image
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)


def find_images(patterns: Sequence[str | Path]) -> list[Path]:
    """List the pictures that files, folders (not their subfolders) and globs (`**` too) name, in order, each once.

    A file named outright is taken whatever its extension; folders and globs yield visible files with an extension of
    READ_EXTENSIONS, sorted. Raises ImageError for a pattern that matches nothing.
    """
    found: dict[Path, Path] = {}  # resolved path -> path as given
    for pattern in patterns:
        try:
            path = Path(pattern)
            if str(pattern) and path.is_file():
                matches = [path]  # first, since a name such as "a[1].jpg" is also a glob
            elif str(pattern) and path.is_dir():
                matches = _pictures(path.iterdir())
            else:
                # Path.glob takes neither absolute patterns nor leaves hidden files out.
                matches = _pictures(Path(name) for name in glob.glob(str(pattern), recursive=True))  # noqa: PTH207
        except (OSError, ValueError) as error:
            raise ImageError(f"{pattern} cannot be looked up ({_reason(error)}); check the path.") from error
        if not matches:
            raise ImageError(f"{str(pattern)!r} matches no picture; check the path and the extension.")
        for match in matches:
            found.setdefault(match.resolve(), match)
    return list(found.values())


def _pictures(paths: Iterator[Path]) -> list[Path]:
    # macOS leaves "._photo.jpg" files that are no pictures, hence the leading dot.
    return sorted(p for p in paths if p.suffix.lower() in READ_EXTENSIONS and p.name[0] != "." and p.is_file())


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
            raise ImageError(f"{name} cannot be read ({_reason(error)}); check the path.") from error
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


def recipe_exif(recipe: Mapping[str, Any], format: str) -> bytes:
    """The EXIF that carries `recipe` in a file of `format`; raises ImageError when it is no JSON or too long."""
    try:
        text = json.dumps(dict(recipe), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ImageError(f"The recipe cannot be stored as JSON ({error}); give it plain values only.") from error
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = "stylehub"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _COMMENT_PREFIX + text
    data = exif.tobytes()
    if len(text) > MAX_RECIPE or (format == "jpeg" and len(data) > 65_533):  # one JPEG segment
        raise ImageError(f"The recipe is too long for {format.upper()} ({len(text):,} bytes); shorten it.")
    return data


def _not_written(name: str, error: Exception) -> ImageError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ImageError(f"{name} was not written, since the disk is full; free some space or choose another place.")
    return ImageError(f"{name} cannot be written ({_reason(error)}); choose another place or format.")


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
