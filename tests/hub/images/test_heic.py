"""Pictures as phones write them."""

import sys

import numpy as np
import pytest
from PIL import Image

from hub.errors import ImageError
from hub.images import read_image
from tests.support.pictures import encoded
from tests.support.profiles import ADOBE_RGB, as_srgb, rgb_profile

COLOR = (40, 200, 60)


def heic(image: Image.Image, **options: object) -> bytes:
    pytest.importorskip("pillow_heif").register_heif_opener()
    return encoded(image, "HEIF", quality=100, chroma=444, **options)


def near(photo: Image.Image, wanted: object) -> bool:
    return bool(np.abs(np.subtract(photo.getpixel((8, 8)), wanted)).max() <= 3)


def test_heic_is_read_with_its_colours_its_transparency_and_its_orientation() -> None:
    plain = Image.new("RGB", (64, 48), COLOR)
    assert near(read_image(heic(plain)).rgb, COLOR)
    assert near(read_image(heic(plain, icc_profile=rgb_profile(ADOBE_RGB))).rgb, as_srgb(COLOR, ADOBE_RGB))
    p3 = heic(plain, save_nclx_profile=True, color_primaries=12, transfer_characteristics=13)
    assert near(read_image(p3).rgb, (0, 204, 12))  # colour-science 0.4.7
    clear = Image.new("RGBA", (64, 48), (*COLOR, 128))
    photo = read_image(heic(clear))
    assert photo.alpha is not None
    assert photo.alpha.getextrema() == (128, 128)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_image(heic(plain, exif=exif.tobytes())).rgb.size == (48, 64)


def test_heic_without_its_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", None)
    with pytest.raises(ImageError, match=r"HEIC picture, and these need .*stylehub\[heic\]"):
        read_image(b"\0\0\0\x1cftypheic" + bytes(100))


def test_broken_heic_is_one_sentence() -> None:
    pytest.importorskip("pillow_heif")
    for file in (b"\0\0\0\x1cftypheic" + bytes(100), heic(Image.new("RGB", (64, 48), COLOR))[:300]):
        with pytest.raises(ImageError, match="damaged"):
            read_image(file)


def test_a_gain_map_that_is_left_out_is_said(caplog: pytest.LogCaptureFixture) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" hdrgm:Version="1.0"/>'
    read_image(encoded(Image.new("RGB", (8, 8)), "JPEG", xmp=xmp))
    assert caplog.messages == ["The picture has a gain map for HDR screens; the picture is read without it."]
