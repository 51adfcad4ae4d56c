"""Read pictures as upright 8-bit sRGB, within limits on size."""

import contextlib
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from hub.images.opening import MAX_PIXELS, Source, opened
from hub.images.profiles import from_lab, source_profile
from hub.images.sixteen import as_srgb, decode_deep, is_deep
from hub.images.tensors import filled, to_image, to_tensor
from hub.images.tiff import Levels, TiffFile, bits_of, check_kind, misread, to_levels, white_point

logger = logging.getLogger(__name__)

_GREY_MODES = {"1", "L", "LA", "La", "F"}  # and every mode that starts with I
_SPREAD = {"L;2": 85, "L;4": 17}  # from levels of 2 and 4 bits to 8, by Pillow's raw modes
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


def read_plane(source: Source) -> NDArray[np.float32]:
    """Read a grey picture with all its bits, ``(H, W)`` in [0, 1]; floats as stored. What is transparent is black.

    Of a coloured one it is the mean of the channels. Raises ImageError as read_image does.
    """
    with opened(source, max_pixels=MAX_PIXELS) as (image, name):
        if misread(image) or not (image.mode == "F" or image.mode.startswith("I;16")):
            plane, white = np.asarray(decoded(image, name).on_black, np.float32).mean(2), 255
        else:
            image.load()
            turn = upright(image)
            plane, white = np.asarray(image if turn is None else image.transpose(turn), np.float32), _white(image) or 1
        scaled: NDArray[np.float32] = plane / np.float32(white)
        return scaled


def read_size(source: Source) -> tuple[int, int]:
    """Width and height from the file's header, before the EXIF orientation. Raises ImageError as read_image does."""
    with opened(source) as (image, _):
        return image.size


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
    # Pillow would round before a wide profile is converted, which dark colours show.
    if misread(image) or (profile and is_deep(image) and find_spec("imagecodecs")):
        levels, opacity = decode_deep(image, name)
        grey, levels, profile = levels.shape[2] == 1, as_srgb(levels, profile), None
        colour, alpha = _eight_bit(levels), None if opacity is None else _eight_bit(opacity)
    else:
        stored = image.tile[0].args if image.format == "PNG" and image.tile else None  # type: ignore[attr-defined]
        image.load()
        grey = image.mode in _GREY_MODES or image.mode.startswith("I")
        key = image.info.get("transparency")
        if stored and grey and isinstance(key, int):
            # Pillow compares the key, a level of 2 to 16 bits, with levels of 8 bits.
            colour = image if image.mode != "1" else image.convert("L")
            alpha = Image.fromarray(np.where(np.asarray(colour) == key * _SPREAD.get(stored, 1), 0, 255).astype("u1"))
        elif image.has_transparency_data:
            merged = image.convert("LA" if grey else "RGBA")
            colour, alpha = merged.convert("L" if grey else "RGB"), merged.getchannel("A")
        if colour.mode[0] in "FI":
            colour = _eight_bit(to_levels(np.asarray(colour), name, _white(image)))
        elif colour.mode == "LAB":
            lightness, *others = (np.asarray(plane) for plane in colour.split())
            lab = np.stack([lightness / np.float32(2.55), *(plane - np.float32(128) for plane in others)], 2)
            colour, profile = _eight_bit(from_lab(lab, white_point(image))), None
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    rgb = _srgb(colour, profile)
    orientation = upright(image)  # None for a TIFF: Pillow has turned it already
    if orientation is not None:
        rgb = rgb.transpose(orientation)
        alpha = alpha and alpha.transpose(orientation)
    rgb.info = {}  # profile and orientation are applied and no longer valid
    return Photo(rgb, alpha, grey, metadata_of(image))


def _white(image: Image.Image) -> int | None:
    """The level of white in a grey picture of more than 8 bits; None where the numbers decide."""
    if image.mode.startswith("I;"):
        return (1 << (bits_of(image)[0] if isinstance(image, TiffFile) else 16)) - 1
    return 65535 if image.format == "PPM" and image.mode == "I" else None


def metadata_of(image: Image.Image) -> dict[str, Any]:
    """The EXIF and the resolution of a file whose pixels have been read."""
    found = {"exif": image.info["exif"]} if image.info.get("exif") else {}
    with contextlib.suppress(Exception):
        dpi = tuple(float(number) for number in image.info.get("dpi", ()))
        if len(dpi) == 2 and dpi != (1, 1) and all(0 < number < 65535 for number in dpi):  # NaN too would stop a writer
            found["dpi"] = dpi
        if isinstance(image, TiffFile):
            found["exif"] = image.getexif().tobytes()
    return found


def upright(image: Image.Image) -> Image.Transpose | None:
    """The turn that the EXIF orientation requires, if any; a decoded TIFF is upright already."""
    with contextlib.suppress(Exception):  # with broken EXIF the pixels are still usable
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return None


def _eight_bit(levels: Levels) -> Image.Image:
    """Levels of 16 bits, ``(H, W)`` or ``(H, W, 1 or 3)``, as a picture in mode L or RGB."""
    grey = levels.ndim == 2 or levels.shape[2] == 1
    return Image.fromarray(
        ((levels.reshape(levels.shape[:2]) if grey else levels) / np.float32(257)).round().astype(np.uint8)
    )


def _srgb(colour: Image.Image, icc: bytes | None) -> Image.Image:
    """Return a new RGB image in sRGB. A broken or unsuitable profile is ignored."""
    if not icc:
        return colour.convert("RGB")
    with contextlib.suppress(Exception):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() == "RGB" and colour.mode != "CMYK":
            colour = colour.convert("RGB")  # grey, palette and YCbCr pictures often have an RGB profile
        # Without a simple matrix, optimisation would use a coarse table, with errors of tens of levels.
        exact = 0 if profile.profile.is_matrix_shaper else ImageCms.Flags.NOOPTIMIZE
        transform = ImageCms.buildTransform(
            profile, ImageCms.createProfile("sRGB"), colour.mode, "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION | exact,
        )  # fmt: skip
        if exact and colour.mode in ("CMYK", "RGB"):
            return _by_colours(colour, transform)
        return ImageCms.applyTransform(colour, transform) or colour.convert("RGB")
    return colour.convert("RGB")


def _by_colours(picture: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    """``picture`` in mode RGB by ``transform``, applied once to each colour: exact is slow, and photos repeat colours."""
    raw = "CMYK" if picture.mode == "CMYK" else "RGBX"
    pixels = np.frombuffer(picture.tobytes("raw", raw), np.uint32)
    found = np.empty_like(pixels)
    for begin in range(0, pixels.size, 1 << 22):  # at a time, since sorting needs memory
        part = pixels[begin : begin + (1 << 22)].astype(np.uint64)
        ordered = np.sort(part << np.uint64(32) | np.arange(part.size, dtype=np.uint64))
        keys, places = (ordered >> np.uint64(32)).astype(np.uint32), ordered.astype(np.uint32)
        first = np.diff(keys, prepend=~keys[:1]) != 0
        few = Image.frombytes(picture.mode, (int(first.sum()), 1), keys[first].tobytes(), "raw", raw)
        few = ImageCms.applyTransform(few, transform) or few
        found[begin:][places] = np.frombuffer(few.tobytes("raw", "RGBX"), np.uint32)[np.cumsum(first) - 1]
    return Image.frombytes("RGB", picture.size, found.tobytes(), "raw", "RGBX")
