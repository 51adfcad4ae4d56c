"""The colour space of a picture: by its ICC profile, or by what a file without one says about its colours.

A PNG says it by its chunks cICP, iCCP, sRGB, gAMA and cHRM, in this order; an AVIF or HEIC by its ICC profile or else by its nclx
box, which holds the same numbers of ITU-T H.273 as cICP. Cameras say Adobe RGB in the EXIF; EXIF and TIFF can hold primaries
and curves. Everything else is sRGB.
"""

import re
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

Array = NDArray[np.float64]

_D50 = np.array([0.9642, 1.0, 0.8249])  # X, Y, Z
_D65 = (0.3127, 0.3290)  # x and y
_SRGB = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # x and y of white, red, green and blue
_ADOBE_RGB = (*_D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_PRIMARIES = {  # by their numbers in H.273
    1: _SRGB,
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # DCI P3
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
}
# The entry ColorSpace of an EXIF in either order of bytes: parsing all of it would take as long as decoding a small JPEG.
_COLOR_SPACE = re.compile(b"(?:\xa0\1\0\3\0\0\0\1|\1\xa0\3\0\1\0\0\0)(..)", re.DOTALL)
_WHITE = 203  # cd/m² of white in HDR pictures (ITU-R BT.2408); what is brighter is clipped


def _power(gamma: float) -> Callable[[Array], Array]:
    return lambda x: x**gamma


def _curve(light: Array) -> Callable[[Array], Array]:
    return lambda x: np.interp(x, np.linspace(0, 1, len(light)), light)


def _srgb(x: Array) -> Array:
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def _bt709(x: Array) -> Array:
    return np.where(x < 0.081, x / 4.5, ((x + 0.099) / 1.099) ** (1 / 0.45))


def _pq(x: Array) -> Array:
    root = x ** (32 / 2523)
    return (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305) * 10000 / _WHITE


def _hlg(x: Array) -> Array:
    scene = np.where(x <= 0.5, x**2 / 3, (np.exp((x - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    return scene**1.2 * 1000 / _WHITE  # on a display of 1000 cd/m²


_TRANSFERS = {  # from levels to light, by their numbers in H.273
    1: _bt709, 4: _power(2.2), 5: _power(2.8), 6: _bt709, 8: _power(1.0), 13: _srgb, 14: _bt709, 15: _bt709, 16: _pq, 18: _hlg,
}  # fmt: skip


def source_profile(image: Image.Image) -> bytes | None:
    """The ICC profile of the colours of ``image``, made here if the file says them in another way; None means sRGB.

    Call it before the pixels are decoded, since the file is then closed.
    """
    icc: bytes | None = image.info.get("icc_profile")
    if icc and image.format != "PNG":
        return icc
    with suppress(Exception):  # what is broken says nothing
        if code := _h273(image):
            primaries, transfer, full = code[0], code[1], image.format != "PNG" or code[2] != 0
            is_srgb = (primaries, transfer, full) == (1, 13, True)
            return None if is_srgb else _profile(_PRIMARIES[primaries], _TRANSFERS[transfer], full=full)
    if icc or image.info.get("srgb") is not None:
        return icc
    with suppress(Exception):
        gamma, points = image.info.get("gamma"), image.info.get("chromaticity")
        if image.format == "PNG" and (gamma or points):
            plain = points is None or np.abs(np.subtract(points, _SRGB)).max() < 0.005
            if plain and (not gamma or abs(gamma * 2.2 - 1) < 0.05):  # the tolerance of libpng: sRGB is meant
                return None
            return _profile(points or _SRGB, _power(1 / gamma) if gamma else _srgb)
        exif = image.info.get("exif", b"")
        said = _COLOR_SPACE.search(exif)
        if (exif or image.format == "TIFF") and not (said and said[1] in (b"\0\1", b"\1\0")):  # 1: sRGB
            return _by_exif(image.getexif())
    return None


def _by_exif(exif: Image.Exif) -> bytes | None:
    """The profile that the EXIF or the tags of a TIFF describe."""
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    space = inner.get(ExifTags.Base.ColorSpace, 0xFFFF)
    dcf = exif.get_ifd(ExifTags.IFD.Interop) if ExifTags.IFD.Interop in inner else {}
    adobe = str(dcf.get(ExifTags.Interop.InteropIndex)).startswith("R03")
    if space == 2 or (space == 0xFFFF and adobe):  # R03: DCF 2.0, 2 is older than it
        return _profile(_ADOBE_RGB, _power(563 / 256))
    table, gamma = exif.get(ExifTags.Base.TransferFunction), float(inner.get(ExifTags.Base.Gamma, 2.2))
    points = [
        float(x) for tag in (ExifTags.Base.WhitePoint, ExifTags.Base.PrimaryChromaticities) for x in exif.get(tag, ())
    ]
    plain = len(points) != 8 or np.abs(np.subtract(points, _SRGB)).max() < 0.005
    if space == 1 or (plain and not table and abs(gamma / 2.2 - 1) < 0.05):
        return None
    if not table:
        return _profile(_SRGB if plain else points, _power(gamma))  # 2.2: as TIFF 6.0 says
    channels = np.reshape(table, (3 if len(table) % 3 == 0 else 1, -1))
    return _profile(_SRGB if plain else points, *map(_curve, channels / 65535))


def _h273(image: Image.Image) -> tuple[int, int, int] | None:
    """The numbers of primaries, transfer and range in the header of a PNG or AVIF; None where they are not said."""
    if nclx := image.info.get("nclx_profile"):  # of HEIC
        numbers = nclx["color_primaries"], nclx["transfer_characteristics"]
        return (*numbers, 1) if numbers[0] in _PRIMARIES and numbers[1] in _TRANSFERS else None
    stream: Any = getattr(image, "fp", None)
    if image.format not in ("PNG", "AVIF") or stream is None:
        return None
    position = stream.tell()
    try:
        stream.seek(0)
        if image.format == "AVIF":
            _, box, after = stream.read(1 << 16).partition(b"colrnclx")
            found = struct.unpack(">HHxxB", after[:7]) if box else None
        else:
            found = _cicp(stream)
    finally:
        stream.seek(position)
    return found if found and found[0] in _PRIMARIES and found[1] in _TRANSFERS else None


def _cicp(stream: Any) -> tuple[int, int, int] | None:
    stream.seek(8)
    while len(head := stream.read(8)) == 8 and head[4:] != b"IDAT":
        if head[4:] == b"cICP":
            primaries, transfer, _, full = stream.read(4)
            return primaries, transfer, full
        stream.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return None


def from_lab(lab: NDArray[Any], white: Sequence[float] | None = None) -> NDArray[np.uint16]:
    """L*a*b* ``(H, W, 3)``, L to 100, as sRGB levels of 16 bits; ``white``: its x and y, by default of D50."""
    full = _D50 if white is None else _as_xyz(white)[0]
    middle = (lab[..., :1] + np.float32(16)) / 116
    f = np.concatenate([middle + lab[..., 1:2] / np.float32(500), middle, middle - lab[..., 2:] / np.float32(200)], 2)
    xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * (108 / 841)) * full
    light = (xyz @ np.linalg.inv(_to_xyz(_SRGB, full)).T).clip(0, 1)
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    deep: NDArray[np.uint16] = np.rint(levels * 65535).astype(np.uint16)
    return deep


def _as_xyz(chromaticities: Sequence[float]) -> Array:
    """Rows of X, Y = 1, Z from ``chromaticities``: x and y, one after the other."""
    x, y = np.reshape(np.asarray(chromaticities, np.float64), (-1, 2)).T
    if not y.all():
        raise ValueError("a primary without light")
    return np.stack([x / y, np.ones(len(x)), (1 - x - y) / y], 1)


def _to_xyz(primaries: Sequence[float], target: Array = _D50) -> Array:
    """The matrix from light of ``primaries`` to X, Y, Z, with their white adapted to ``target``."""
    white, *colors = _as_xyz(primaries)
    matrix = np.transpose(colors)
    matrix = matrix * np.linalg.solve(matrix, white)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    adapted: Array = np.linalg.solve(bradford, np.diag(bradford @ target / (bradford @ white)) @ bradford @ matrix)
    return adapted


def _profile(primaries: Sequence[float], *to_light: Callable[[Array], Array], full: bool = True) -> bytes:
    """An ICC profile, version 2: x and y of white, red, green and blue, and one curve for all channels or for each."""
    levels = np.linspace(0, 1, 4096)
    levels = levels if full else ((levels * 255 - 16) / 219).clip(0, 1)
    tags = {b"wtpt": _xyz(_D50)}
    tags |= {name + b"XYZ": _xyz(column) for name, column in zip((b"r", b"g", b"b"), _to_xyz(primaries).T, strict=True)}
    for number, name in enumerate((b"rTRC", b"gTRC", b"bTRC")):
        light = to_light[number % len(to_light)](levels).clip(0, 1)
        tags[name] = b"curv" + struct.pack(">4xI", len(light)) + np.rint(light * 65535).astype(">u2").tobytes()
    end = 128 + 4 + 12 * len(tags)
    sizes = [len(tag) for tag in tags.values()]
    entries = [(name, end + sum(sizes[:number]), sizes[number]) for number, name in enumerate(tags)]
    table = struct.pack(">I", len(entries)) + b"".join(struct.pack(">4sII", *entry) for entry in entries)
    body: bytes = table + b"".join(tags.values())
    head: bytes = (
        struct.pack(">I4xI4s4s4s", 128 + len(body), 0x02400000, b"mntr", b"RGB ", b"XYZ ").ljust(36, b"\0") + b"acsp"
    )
    return head.ljust(68, b"\0") + _xyz(_D50)[8:].ljust(60, b"\0") + body


def _xyz(color: Array) -> bytes:
    return b"XYZ " + struct.pack(">4x3i", *(round(value * 65536) for value in color))
