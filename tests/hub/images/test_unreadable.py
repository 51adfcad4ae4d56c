"""What cannot be read is one sentence, soon, and without much memory."""

import errno
import io
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hub import images
from hub.errors import ImageError
from hub.images import (
    MAX_PIXELS,
    Photo,
    encode_image,
    read_image,
)
from hub.provenance import read_recipe
from tests.support.fuzzing import QUICK
from tests.support.pictures import encoded, noise, png
from tests.support.profiles import ADOBE_RGB, rgb_profile

RECIPE = {"model": "adain", "styles": ["wave", "Sternennacht ☆"], "strength": 0.75, "seed": 3}


def fails(source, **options):
    """Return the message of the ImageError that reading must raise, having checked that it is one sentence."""
    with pytest.raises(ImageError) as caught:
        read_image(source, **options)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and "Traceback" not in message
    return message


def test_pixel_limit_is_checked_before_decoding():
    data = png(200_000, 200_000, 8, 2, b"")
    begin = time.perf_counter()
    message = fails(data)
    assert time.perf_counter() - begin < 1
    assert "200000 x 200000" in message and "40,000,000,000" in message and "256,000,000" in message


def test_pixel_limit_stands_instead_of_pillows_own(monkeypatch, recwarn):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # Pillow refuses 20 pixels now, and warns from 10
    assert read_image(encoded(Image.new("RGB", (10, 10)), "PNG")).rgb.size == (10, 10)
    assert Image.MAX_IMAGE_PIXELS == 10 and not recwarn.list
    assert "more than the limit of 99" in fails(encoded(Image.new("RGB", (10, 10)), "PNG"), max_pixels=99)
    assert "limit of 99" in fails(Image.new("RGB", (10, 10)), max_pixels=99)


def test_default_limit():
    assert MAX_PIXELS == 256_000_000
    assert "limit" in fails(png(16_001, 16_000, 8, 0, b""))
    assert "damaged" in fails(png(16_000, 16_000, 8, 0, b""))  # within the limit, so decoding is tried


def test_unreadable_sources(tmp_path, monkeypatch):
    whole = encoded(noise("RGB", (40, 40)), "PNG")
    assert "does not exist" in fails(tmp_path / "absent.png")
    assert "absent.png" in fails(str(tmp_path / "absent.png"))
    assert "folder" in fails(tmp_path)
    (tmp_path / "empty.jpg").touch()
    assert "empty" in fails(tmp_path / "empty.jpg")
    (tmp_path / "notes.jpg").write_text("not a picture at all, only text")
    assert "an unknown format" in fails(tmp_path / "notes.jpg")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    assert "damaged" in fails(tmp_path / "cut.png")
    assert "P" in fails(b"P") and fails(b"BM") and fails(b"\x89PNG\r\n\x1a\n") and fails(whole[:33])
    assert fails("bad\0name.png") and fails("x" * 5000)
    assert "text stream" in fails(io.StringIO("text"))
    assert "empty" in fails(Image.new("RGB", (0, 5)))

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "permissions" in fails(tmp_path / "cut.png")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_header_only_and_truncated(format):
    data = encoded(noise("RGB", (60, 60)), format)
    assert fails(data[:24]) and fails(data[: len(data) // 2])


def test_text_chunk_bomb():
    bomb = zlib.compress(bytes(80_000_000), 9)
    chunk = b"Comment\0\1\0\0\0" + bomb
    assert "damaged" in fails(png(1, 1, 8, 0, b"\0\0", (b"iTXt", chunk)))


def test_dangerous_decoders_are_never_reached(monkeypatch):
    from PIL import EpsImagePlugin

    def reached(*_):
        raise AssertionError("the EPS decoder was called")

    monkeypatch.setitem(Image.OPEN, "EPS", (reached, None))
    eps = encoded(Image.new("RGB", (4, 4)), "EPS")
    assert EpsImagePlugin._accept(eps[:16])
    assert "known format" in fails(eps)
    for format in ("ICO", "TGA", "PCX", "JPEG2000", "SGI"):
        assert "known format" in fails(encoded(Image.new("RGB", (16, 16)), format))


@pytest.mark.parametrize("start", [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"])
def test_jpeg_xl_is_named(start):
    assert "JPEG XL picture, which stylehub does not read; convert it to PNG" in fails(start + bytes(100))


@pytest.mark.filterwarnings("ignore")
@QUICK
@given(st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"GIF89a", b"BM", b"P6"]), st.binary())
def test_random_bytes(start, rest):
    with_image_error_only(start + rest)


VALID = [
    encoded(noise("RGB", (9, 7)), "PNG", icc_profile=rgb_profile(ADOBE_RGB), exif=Image.Exif()),
    encode_image(noise("RGBA", (9, 7)), "png", recipe=RECIPE),
    encode_image(noise("RGB", (19, 17)), "jpeg", recipe=RECIPE),
    encode_image(noise("RGB", (19, 17)), "webp", recipe=RECIPE),
    encode_image(noise("RGB", (9, 7)), "tiff", recipe=RECIPE),
    encoded(noise("RGB", (9, 7)), "TIFF", compression="tiff_lzw"),
    encoded(noise("L", (9, 7)), "GIF"),
    encoded(noise("RGB", (9, 7)), "BMP"),
    encoded(noise("RGB", (9, 7)), "PPM"),
]


@pytest.mark.filterwarnings("ignore")
@settings(QUICK, max_examples=150)
@given(st.sampled_from(VALID), st.data())
def test_damaged_files(valid, data):
    if data.draw(st.booleans()):
        damaged = valid[: data.draw(st.integers(0, len(valid) - 1))]
    else:
        damaged = bytearray(valid)
        for position in data.draw(st.lists(st.integers(0, 8 * len(valid) - 1), min_size=1, max_size=4)):
            damaged[position // 8] ^= 1 << position % 8
    with_image_error_only(bytes(damaged))


def with_image_error_only(data):
    try:
        photo = read_image(data, max_pixels=1_000_000)
        assert isinstance(photo, Photo) and photo.rgb.mode == "RGB"
    except ImageError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
    try:
        recipe = read_recipe(data)
        assert recipe is None or isinstance(recipe, dict)
    except ImageError as error:
        assert str(error).endswith(".")


def test_stream_length_limit(monkeypatch):
    monkeypatch.setattr(images.opening, "MAX_BYTES", 100)
    assert "longer than 100 bytes" in fails(io.BytesIO(bytes(101)))


@pytest.mark.parametrize("source", [np.zeros((4, 4, 3), np.uint8), None, 3])
def test_what_is_no_picture_is_told_so(source: object) -> None:
    with pytest.raises(ImageError, match=r"is not a picture; give a path.*fromarray"):
        read_image(source)  # type: ignore[arg-type]
