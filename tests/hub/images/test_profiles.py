"""Colour profiles: every picture is sRGB once it is read, and a profile that is none changes nothing."""

import numpy as np
import pytest
from PIL import Image

from hub.images import (
    read_image,
)
from tests.support.pictures import encoded
from tests.support.profiles import ADOBE_RGB, DISPLAY_P3, as_srgb, curve, icc_profile, rgb_profile


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
