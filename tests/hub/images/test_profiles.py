"""Colour profiles: every picture is sRGB once it is read, and a profile that is none changes nothing."""

import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image, features

from hub.deep import read_deep
from hub.images import read_image
from tests.support.pictures import encoded, png, tiff
from tests.support.profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB,
    as_srgb,
    curve,
    icc_profile,
    rgb_profile,
    table_profile,
    xyz,
)


@pytest.mark.parametrize("colorants", [ADOBE_RGB, DISPLAY_P3], ids=["adobe", "p3"])
@pytest.mark.parametrize("colour", [(230, 60, 40), (40, 200, 90), (255, 0, 0), (0, 255, 0), (128, 128, 128)])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_wide_gamut_becomes_srgb(colorants, colour, format):
    options = {"lossless": True} if format == "WEBP" else {}
    if format == "JPEG":
        options = {"quality": 100, "subsampling": 0}
    data = encoded(Image.new("RGB", (8, 8), colour), format, icc_profile=rgb_profile(colorants), **options)
    photo = read_image(data)
    expected = as_srgb(colour, colorants)
    tolerance = 4 if format == "JPEG" else 2  # JPEG rounds before the conversion
    assert np.abs(np.array(photo.rgb.getpixel((4, 4))) - expected).max() <= tolerance
    assert "icc_profile" not in photo.rgb.info  # or a later save would attach the wrong one
    if 40 in colour:  # a missing conversion would show (pure primaries clip back to themselves, greys stay)
        assert np.abs(expected - colour).max() > 5


def test_alpha_survives_a_profile():
    image = Image.new("RGBA", (4, 4), (230, 60, 40, 77))
    photo = read_image(encoded(image, "PNG", icc_profile=rgb_profile(ADOBE_RGB)))
    assert np.abs(np.array(photo.rgb.getpixel((0, 0))) - as_srgb((230, 60, 40), ADOBE_RGB)).max() <= 2
    assert photo.alpha is not None and photo.alpha.getextrema() == (77, 77)


def test_grey_profile_and_rgb_profile_on_grey():
    linear = icc_profile(b"GRAY", {"kTRC": curve(1.0)})
    photo = read_image(encoded(Image.new("L", (4, 4), 55), "PNG", icc_profile=linear))
    assert photo.grey and abs(photo.rgb.getpixel((0, 0))[1] - 128) <= 2  # 55/255 of the light is sRGB 128
    photo = read_image(encoded(Image.new("L", (4, 4), 55), "PNG", icc_profile=rgb_profile(ADOBE_RGB)))
    assert photo.grey and abs(photo.rgb.getpixel((0, 0))[1] - as_srgb((55,) * 3, ADOBE_RGB)[1]) <= 2


@pytest.mark.parametrize("profile", [b"garbage", bytes(200), rgb_profile(ADOBE_RGB)[:150]])
def test_broken_profile_is_ignored(profile):
    photo = read_image(encoded(Image.new("RGB", (3, 3), (230, 60, 40)), "PNG", icc_profile=profile))
    assert photo.rgb.getpixel((1, 1)) == (230, 60, 40)


def test_profile_of_another_colour_space_is_ignored():
    grey = icc_profile(b"GRAY", {"kTRC": curve(1.0)})
    photo = read_image(encoded(Image.new("RGB", (3, 3), (230, 60, 40)), "PNG", icc_profile=grey))
    assert photo.rgb.getpixel((1, 1)) == (230, 60, 40)


COLOURS = ((40, 200, 60), (10, 20, 30), (250, 240, 200))
D65, P3 = (0.3127, 0.329), (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
WITH_ADOBE, WITH_SRGB = (*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06), (*D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)


def cicp(*numbers: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes(numbers)


def gama(gamma: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(gamma * 1e5))


def chrm(places: tuple[float, ...]) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(place * 1e5) for place in places))


# The chunks of a PNG, and what colour-science 0.4.7 makes of COLOURS.
LIGHT = ((110.3, 229.1, 133.2), (55.7, 79.1, 96.3), (252.8, 248.3, 229.1))
IN_P3 = ((0.0, 203.6, 12.3), (7.1, 20.3, 30.9), (252.2, 239.6, 195.2))
SAID = {
    "Display P3": ([cicp(12, 13, 0, 1)], IN_P3),
    "linear": ([cicp(1, 8, 0, 1)], LIGHT),
    "BT.2020": ([cicp(9, 1, 0, 1)], ((0.0, 216.7, 35.1), (7.4, 36.9, 47.0), (255.0, 240.8, 200.7))),
    "PQ": ([cicp(9, 16, 0, 1)], ((0.0, 255.0, 0.0), (0.0, 3.1, 8.8), (255.0, 255.0, 255.0))),
    "HLG": ([cicp(9, 18, 0, 1)], ((0.0, 255.0, 0.0), (0.0, 10.5, 22.6), (255.0, 255.0, 255.0))),
    "DCI P3": ([cicp(11, 4, 0, 1)], ((0.0, 205.2, 0.0), (1.1, 12.3, 24.8), (251.7, 240.2, 196.7))),
    "narrow range": ([cicp(1, 13, 0, 0)], ((27.9, 214.2, 51.2), (0.0, 4.7, 16.3), (255.0, 255.0, 214.3))),
    "gamma 1": ([gama(1)], LIGHT),
    "gamma 1.8": ([gama(1 / 1.8), chrm(WITH_SRGB)], ((53.0, 210.2, 76.9), (9.7, 25.8, 40.0), (251.0, 243.1, 210.2))),
    "Adobe RGB": ([gama(0.45472), chrm(WITH_ADOBE)], ((0.0, 201.3, 36.6), (0.0, 12.1, 24.2), (253.9, 240.5, 199.4))),
    "primaries alone": ([chrm((*D65, *P3))], IN_P3),
    "cICP before all others": ([cicp(12, 13, 0, 1), (b"sRGB", b"\0"), gama(1)], IN_P3),
    "sRGB by cICP": ([cicp(1, 13, 0, 1), gama(1)], COLOURS),
    "sRGB before gAMA": ([(b"sRGB", b"\0"), gama(1), chrm((*D65, *P3))], COLOURS),
    "sRGB as libpng writes it": ([gama(0.45455), chrm(WITH_SRGB)], COLOURS),
    "numbers of no meaning": ([cicp(2, 2, 0, 1)], COLOURS),
    "broken chunks": ([(b"cICP", b"\1"), chrm((0.0,) * 8)], COLOURS),
}


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("kind", SAID)
def test_colours_that_a_png_describes_without_a_profile(kind, deep):
    chunks, wanted = SAID[kind]
    if deep:
        row = b"\0" + b"".join(struct.pack(">H", 257 * level) for colour in COLOURS for level in colour)
        found = read_deep(png(3, 1, 16, 2, row, *chunks)).pixels[0, :, 0].T.numpy() * 255
    else:
        found = np.asarray(read_image(png(3, 1, 8, 2, bytes((0, *sum(COLOURS, ()))), *chunks)).rgb, float)[0]
    assert np.abs(found - wanted).max() <= (0.2 if deep else 1)


def exif(space: int, index: str) -> bytes:
    found = Image.Exif()
    found.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ColorSpace] = space
    found.get_ifd(ExifTags.IFD.Exif)[ExifTags.IFD.Interop] = {1: index}
    return found.tobytes()


@pytest.mark.parametrize(
    ("space", "index", "adobe"), [(0xFFFF, "R03", True), (2, "R98", True), (1, "R98", False), (0xFFFF, "R98", False)]
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_cameras_say_adobe_rgb_in_the_exif(format, space, index, adobe):
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    data = encoded(Image.new("RGB", (16, 16), (40, 200, 60)), format, exif=exif(space, index), **options)
    wanted = (0, 201, 37) if adobe else (40, 200, 60)  # by the matrices of the standards
    assert np.abs(np.subtract(read_image(data).rgb.getpixel((8, 8)), wanted)).max() <= 1
    sure = encoded(
        Image.new("RGB", (16, 16), (40, 200, 60)),
        format,
        exif=exif(space, index),
        icc_profile=rgb_profile(DISPLAY_P3),
        **options,
    )
    assert np.abs(read_image(sure).rgb.getpixel((8, 8)) - as_srgb((40, 200, 60), DISPLAY_P3)).max() <= 2


@pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF")
def test_colours_that_an_avif_describes_without_a_profile():
    data = encoded(Image.new("RGB", (16, 16), (128, 128, 128)), "AVIF", quality=100, subsampling="4:4:4")
    place = data.index(b"colrnclx") + 8
    linear = data[:place] + struct.pack(">HH", 1, 8) + data[place + 4 :]
    assert abs(read_image(data).rgb.getpixel((8, 8))[1] - 128) <= 1
    assert abs(read_image(linear).rgb.getpixel((8, 8))[1] - 188) <= 1


NTSC, LINEAR = [0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08], [257 * level for level in range(256)]
CURVES = [[round(65535 * (level / 255) ** gamma) for level in range(256)] for gamma in (1.0, 1.8, 2.2)]
# Tags of a TIFF (318 and 319: white and primaries, 301: curves), and what colour-science 0.4.7 makes of COLOURS.
TAGS = {
    "primaries of Display P3": (
        [(318, [*D65]), (319, [*P3])],
        ((0.0, 204.9, 0.0), (0.5, 12.4, 24.8), (252.3, 240.0, 196.6)),
    ),
    "NTSC": ([(318, NTSC[:2]), (319, NTSC[2:])], ((0.0, 197.5, 36.5), (0.0, 13.3, 24.6), (255.0, 237.7, 197.8))),
    "a linear curve": ([(301, LINEAR)], LIGHT),
    "a curve for each channel": (
        [(301, [level for levels in CURVES for level in levels])],
        ((110.3, 210.2, 57.4), (55.8, 25.9, 23.8), (252.8, 243.1, 201.3)),
    ),
    "sRGB": ([(318, [*WITH_SRGB[:2]]), (319, [*WITH_SRGB[2:]])], COLOURS),
    "primaries without a white": ([(319, [*P3])], COLOURS),
    "no light": ([(318, [0.0, 0.0]), (319, [*P3])], COLOURS),
}


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("kind", TAGS)
def test_colours_that_a_tiff_describes_without_a_profile(kind, deep):
    tags, wanted = TAGS[kind]
    pixels = np.array([COLOURS], np.uint16 if deep else np.uint8)
    file = tiff(pixels * (257 if deep else 1), 2, *tags)
    found = read_deep(file).pixels[0, :, 0].T.numpy() * 255 if deep else np.asarray(read_image(file).rgb, float)[0]
    assert np.abs(found - wanted).max() <= (0.3 if deep else 1)


def test_exif_can_hold_primaries_and_a_gamma_too():
    described = Image.Exif()
    described.update({318: D65, 319: P3})
    described.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.Gamma] = 1.8
    image = Image.new("RGB", (16, 16), COLOURS[0])
    assert (
        np.abs(np.subtract(read_image(encoded(image, "PNG", exif=described)).rgb.getpixel((8, 8)), (0, 214, 48))).max()
        <= 1
    )
    described.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ColorSpace] = 1
    assert read_image(encoded(image, "PNG", exif=described)).rgb.getpixel((8, 8)) == COLOURS[0]


def encoded_light(light: np.ndarray) -> np.ndarray:
    """Linear sRGB as levels from 0 to 255."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_profile_is_converted_before_rounding_to_8_bits(format):
    """Of light at 16 bits, 8 would leave three levels for what is dark."""
    pytest.importorskip("imagecodecs")
    tags = {f"{name}XYZ": xyz(*SRGB[:, place]) for place, name in enumerate("rgb")}
    linear = icc_profile(b"RGB ", tags | {f"{name}TRC": curve(1.0) for name in "rgb"})
    dark = np.arange(3 * 64).reshape(1, 64, 3).astype(np.uint16) * 4
    if format == "TIFF":
        file = tiff(dark, 2, (34675, linear))
    else:
        file = png(64, 1, 16, 2, b"\0" + dark.astype(">u2").tobytes(), (b"iCCP", b"linear\0\0" + zlib.compress(linear)))
    assert np.abs(np.asarray(read_image(file).rgb) - encoded_light(dark / 65535)).max() <= 0.6


@pytest.mark.parametrize("bits", [8, 16])
def test_a_profile_with_a_table_is_converted_exactly(bits):
    """Little CMS would replace the table by a coarser one, which is wrong where colours are clipped."""
    cyan, magenta, yellow, black = np.mgrid[0:2, 0:2, 0:2, 0:2]
    lightness = (1 - 0.4 * cyan) * (1 - 0.5 * magenta) * (1 - 0.1 * yellow) * (1 - black)
    corners = np.stack([100 * lightness, -120 * cyan + 70 * magenta, -60 * cyan + 90 * yellow], 4)
    ramp = np.zeros((1, 256, 4), np.uint8)
    ramp[..., 0] = np.arange(256)
    share = np.arange(256)[:, None] / 255
    middle = (100 - 40 * share + 16) / 116
    f = np.concatenate([middle - share * 120 / 500, middle, middle + share * 60 / 200], 1)
    light = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 108 / 841) * (0.9642, 1.0, 0.8249) @ np.linalg.inv(SRGB).T
    profile = (34675, table_profile(corners))
    file = tiff(ramp if bits == 8 else ramp.astype(np.uint16) * 257, 5, profile)
    assert np.abs(np.asarray(read_image(file).rgb)[0] - encoded_light(light)).max() <= 1
    if bits == 16:
        assert np.abs(read_deep(file).pixels[0, :, 0].T.numpy() * 255 - encoded_light(light)).max() <= 0.2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_ink_without_a_profile(dtype):
    """Black ink takes the same share of the light that every other ink leaves."""
    ink = np.random.default_rng(0).integers(0, 256, (4, 64, 4))
    stored = (
        (ink / 255).astype(dtype)
        if dtype == np.float32
        else ink.astype(dtype) * dtype(257 if dtype == np.uint16 else 1)
    )
    for planar in (False, True):
        file = tiff(stored, 5, planar=planar)
        wanted = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
        assert np.abs(np.asarray(read_image(file).rgb) - wanted).max() <= 1
        assert np.abs(read_deep(file).pixels[0].permute(1, 2, 0).numpy() * 255 - wanted).max() <= (
            1 if dtype == np.uint8 else 0.1
        )


def test_a_colour_becomes_the_same_wherever_it_stands():
    """The exact conversion takes each colour once."""
    corners = np.random.default_rng(1).uniform((0, -60, -60), (100, 60, 60), (2, 2, 2, 2, 3))
    few = np.random.default_rng(2).integers(0, 256, (300, 4)).astype(np.uint8)
    order = np.random.default_rng(3).integers(0, 300, (50, 70))
    profile = (34675, table_profile(corners))
    one = np.asarray(read_image(tiff(few[:, None], 5, profile)).rgb)[:, 0]
    assert np.array_equal(np.asarray(read_image(tiff(few[order], 5, profile)).rgb), one[order])
