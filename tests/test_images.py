import errno
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hub import images
from hub.errors import ImageError
from hub.images import (
    FORMATS,
    MAX_PIXELS,
    Photo,
    encode_image,
    find_images,
    read_image,
    read_recipe,
    to_image,
    to_tensor,
    write_image,
)

RECIPE = {"model": "adain", "styles": ["wave", "Sternennacht ☆"], "strength": 0.75, "seed": 3}
QUICK = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def encoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def noise(mode, size, seed=0):
    raw = random.Random(seed).randbytes(size[0] * size[1] * len(mode))
    return Image.frombytes(mode, size, raw)


def pixels(photo):
    picture = photo.rgb.copy()
    if photo.alpha is not None:
        picture.putalpha(photo.alpha)
    return np.asarray(picture)


def fails(source, **options):
    """Return the message of the ImageError that reading must raise, having checked that it is one sentence."""
    with pytest.raises(ImageError) as caught:
        read_image(source, **options)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and "Traceback" not in message
    return message


# Colour profiles

# Colorants adapted to D50, as in the published profiles; columns are red, green and blue.
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
GAMMA = 563 / 256


def icc_profile(space, tags):
    """A minimal ICC version 2 display profile."""
    tags = {"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"wide\0" + bytes(78), **tags}
    tags["cprt"] = b"text" + bytes(4) + b"none\0"
    tags["wtpt"] = xyz(0.9642, 1.0, 0.8249)
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name.encode() + struct.pack(">II", offset + len(body), len(data))
        body += data
    size = offset + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += xyz(0.9642, 1.0, 0.8249)[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*values):
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def curve(gamma):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def rgb_profile(colorants):
    tags = {f"{c}XYZ": xyz(*colorants[:, i]) for i, c in enumerate("rgb")}
    return icc_profile(b"RGB ", {**tags, **{f"{c}TRC": curve(GAMMA) for c in "rgb"}})


def as_srgb(colour, colorants):
    """The same conversion by plain arithmetic, as the independent witness."""
    linear = np.linalg.solve(SRGB, colorants @ (np.array(colour) / 255) ** GAMMA).clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255


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


# Modes


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk(format):
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    photo = read_image(encoded(image, format))
    assert np.abs(np.array(photo.rgb.getpixel((3, 3))) - (255, 0, 0)).max() <= 4 and not photo.grey
    unusable = encoded(image, format, icc_profile=rgb_profile(ADOBE_RGB))
    assert np.abs(np.array(read_image(unusable).rgb.getpixel((3, 3))) - (255, 0, 0)).max() <= 4


def test_ycbcr_lab_and_hsv():
    red = Image.new("RGB", (8, 8), (200, 40, 30))
    for mode in ("YCbCr", "HSV"):
        assert np.abs(pixels(read_image(red.convert(mode))).astype(int) - (200, 40, 30)).max() <= 3
    compressed = encoded(red.convert("YCbCr"), "TIFF", compression="tiff_lzw")
    assert np.abs(pixels(read_image(compressed)).astype(int) - (200, 40, 30)).max() <= 3
    lab = read_image(encoded(Image.new("LAB", (4, 4), (128, 128, 128)), "TIFF"))  # L = 50, neutral: sRGB 119
    assert np.abs(pixels(lab).astype(int) - 119).max() <= 2


def test_grey_modes():
    photo = read_image(encoded(Image.new("L", (3, 2), 90), "PNG"))
    assert photo.grey and photo.rgb.mode == "RGB" and photo.rgb.getpixel((0, 0)) == (90, 90, 90)
    photo = read_image(encoded(Image.new("1", (3, 2), 1), "PNG"))
    assert photo.grey and photo.rgb.getpixel((0, 0)) == (255, 255, 255)
    photo = read_image(encoded(Image.new("LA", (3, 2), (90, 10)), "PNG"))
    assert photo.grey and photo.alpha is not None and photo.alpha.getpixel((0, 0)) == 10
    assert photo.rgb.getpixel((0, 0)) == (90, 90, 90)
    assert not read_image(Image.new("RGB", (3, 2), (90, 90, 90))).grey


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
def test_sixteen_bits_are_scaled_not_clipped(mode):
    ramp = np.array([[0, 128, 257, 12850, 25700, 65535]])
    dtype = {"I;16": "<u2", "I;16B": ">u2", "I": "i4", "F": "f4"}[mode]
    image = Image.frombytes(mode, (6, 1), ramp.astype(dtype).tobytes())
    for source in (image, encoded(image, "TIFF")):
        photo = read_image(source)
        assert np.asarray(photo.rgb)[0, :, 0].tolist() == [0, 0, 1, 50, 100, 255] and photo.grey


def test_sixteen_bit_png_and_pgm():
    ramp = np.array([[0, 257, 25700, 65535]], dtype=np.uint16)
    png = encoded(Image.fromarray(ramp), "PNG")
    assert np.asarray(read_image(png).rgb)[0, :, 1].tolist() == [0, 1, 100, 255]
    dark = b"P5 4 1 65535\n" + struct.pack(">4H", 0, 100, 200, 250)  # still 16 bits, though nothing exceeds 255
    assert np.asarray(read_image(dark).rgb).max() == 1


def test_float_and_small_integers():
    image = Image.fromarray(np.array([[0, 0.5, 1.0, np.nan, -1]], dtype=np.float32))
    assert np.asarray(read_image(image).rgb)[0, :, 0].tolist() == [0, 128, 255, 0, 0]
    image = Image.fromarray(np.array([[0, 7, 255]], dtype=np.int32))
    assert np.asarray(read_image(image).rgb)[0, :, 0].tolist() == [0, 7, 255]


def png(width, height, depth, colour, rows, *extra):
    """A PNG by hand, for what Pillow does not write."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)), *extra]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def test_sixteen_bit_rgb_png():
    data = png(2, 1, 16, 2, b"\0" + struct.pack(">6H", 65535, 25700, 0, 257, 514, 51400))
    assert np.asarray(read_image(data).rgb).tolist() == [[[255, 100, 0], [1, 2, 200]]]


def test_palette_transparency():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    for transparency, expected in ((1, [255, 0]), (bytes([40, 200]), [40, 200])):
        photo = read_image(encoded(image, "PNG", transparency=transparency))
        assert photo.alpha is not None and np.asarray(photo.alpha)[0].tolist() == expected
        assert photo.rgb.getpixel((0, 0)) == (255, 0, 0) and not photo.grey
    assert read_image(encoded(image, "PNG")).alpha is None
    gif = read_image(encoded(image, "GIF", transparency=1))
    assert gif.alpha is not None and np.asarray(gif.alpha)[0].tolist() == [255, 0]


def test_colour_key_transparency():
    image = Image.new("RGB", (2, 1), (9, 8, 7))
    image.putpixel((1, 0), (1, 2, 3))
    photo = read_image(encoded(image, "PNG", transparency=(1, 2, 3)))
    assert photo.alpha is not None and np.asarray(photo.alpha)[0].tolist() == [255, 0]


def test_alpha_kept_and_opaque_dropped():
    image = noise("RGBA", (5, 4))
    photo = read_image(encoded(image, "PNG"))
    assert np.array_equal(pixels(photo), np.asarray(image))  # also the colours below full transparency
    assert photo.alpha is not None and photo.alpha.mode == "L" and photo.alpha.size == photo.rgb.size
    image.putalpha(255)
    assert read_image(encoded(image, "PNG")).alpha is None


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation(format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
    assert read_image(data).rgb.getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize("format", ["BMP", "PPM", "GIF", "MPO", "AVIF"])
def test_other_formats(format):
    if format == "AVIF" and "AVIF" not in Image.SAVE:
        pytest.skip("this Pillow has no AVIF")
    photo = read_image(encoded(Image.new("RGB", (16, 9), "red"), format))
    assert photo.rgb.size == (16, 9) and np.abs(np.array(photo.rgb.getpixel((3, 3))) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("size", [(1, 1), (3, 5000), (5000, 3)])
def test_odd_sizes(size):
    assert read_image(encoded(noise("RGB", size), "PNG")).rgb.size == size


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_orientation(orientation, format):
    upright = np.full((24, 48, 3), 20, np.uint8)  # three different corners tell the eight apart
    upright[:8, :8], upright[:8, -8:], upright[-8:, :8] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    # What the camera stores: the upright picture before the turn that EXIF asks for.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    alpha = Image.fromarray(np.ascontiguousarray(stored[..., 0]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    options = {"lossless": True} if format == "WEBP" else {}
    if format in ("PNG", "WEBP"):
        image.putalpha(alpha)
        options["exact"] = True
    photo = read_image(encoded(image, format, exif=exif, **options))
    assert photo.rgb.size == (48, 24)
    tolerance = 40 if format == "JPEG" else 0
    assert np.abs(np.asarray(photo.rgb).astype(int) - upright)[2:6, 2:6].max() <= tolerance
    assert np.abs(np.asarray(photo.rgb).astype(int) - upright)[-6:-2, 2:6].max() <= tolerance
    if format != "JPEG":
        assert np.array_equal(np.asarray(photo.rgb), upright)
    if photo.alpha is not None:
        assert np.array_equal(np.asarray(photo.alpha), upright[..., 0])
    assert (photo.alpha is None) == (format in ("TIFF", "JPEG"))
    assert read_image(photo.rgb).rgb.size == (48, 24)  # not turned twice


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_leaves_the_pixels_alone(exif, format):
    data = encoded(Image.new("RGB", (8, 4), "red"), format, exif=exif)
    assert read_image(data).rgb.size == (8, 4)
    assert read_recipe(data) is None


# What cannot be read


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
    assert "of no known format" in fails(tmp_path / "notes.jpg")
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


# Sources


def test_all_sources_agree(tmp_path):
    image = noise("RGB", (6, 5))
    data = encoded(image, "PNG")
    path = tmp_path / "a.bin"  # the content counts, not the extension
    path.write_bytes(data)
    with path.open("rb") as stream:
        photos = [read_image(s) for s in (path, str(path), data, stream, io.BytesIO(data), image)]
    assert all(np.array_equal(np.asarray(p.rgb), np.asarray(image)) for p in photos)


def test_pipes(tmp_path):
    data = encoded(noise("RGB", (6, 5)), "PNG")
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as stream:
        stream.write(data)
    with os.fdopen(reader, "rb", buffering=0) as stream:  # not seekable
        assert read_image(stream).rgb.size == (6, 5)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    thread = threading.Thread(target=fifo.write_bytes, args=(data,))
    thread.start()
    assert read_image(fifo).rgb.size == (6, 5)
    thread.join()


def test_stream_length_limit(monkeypatch):
    monkeypatch.setattr(images.reading, "MAX_BYTES", 100)
    assert "longer than 100 bytes" in fails(io.BytesIO(bytes(101)))


def test_pil_source_is_not_modified():
    image = noise("RGBA", (4, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.info.update(exif=exif.tobytes(), icc_profile=rgb_profile(ADOBE_RGB))
    before, info = image.tobytes(), dict(image.info)
    photo = read_image(image)
    assert photo.rgb.size == (3, 4)
    photo.rgb.paste((1, 2, 3), (0, 0, 3, 4))
    assert image.tobytes() == before and image.info == info and image.size == (4, 3)
    plain = noise("RGB", (4, 3))
    assert read_image(plain).rgb is not plain


def test_reading_does_not_import_torch():
    code = "import sys, hub.images, PIL; assert 'torch' not in sys.modules"
    root = Path(images.__file__).parents[2]
    shim = f"import sys, types; p = types.ModuleType('hub'); p.__path__ = [{str(root / 'hub')!r}]; "
    subprocess.run([sys.executable, "-c", shim + "sys.modules['hub'] = p; " + code], check=True, cwd=root)


# Tensors


def test_tensor_round_trip():
    image = noise("RGB", (7, 5))
    tensor = to_tensor(image)
    assert tensor.shape == (1, 3, 5, 7) and tensor.dtype == torch.float32
    assert tensor[0, 2, 4, 6] == pytest.approx(image.getpixel((6, 4))[2] / 255)
    assert to_image(tensor).tobytes() == image.tobytes()
    assert to_image(tensor[0].double().requires_grad_()).tobytes() == image.tobytes()
    with pytest.raises(ImageError):
        to_tensor(image.convert("L"))


def test_to_image_clamps_and_rounds():
    tensor = torch.tensor([-1.0, 0.499 / 255, 0.501 / 255, 2.0, float("inf"), 0.5]).expand(3, 1, 6)
    assert np.asarray(to_image(tensor))[0, :, 0].tolist() == [0, 0, 1, 255, 255, 128]


def test_to_image_alpha():
    alpha = noise("L", (4, 2))
    image = to_image(torch.zeros(1, 3, 2, 4), alpha)
    assert image.mode == "RGBA" and image.getchannel("A").tobytes() == alpha.tobytes()
    with pytest.raises(ImageError, match="resize"):
        to_image(torch.zeros(1, 3, 4, 2), alpha)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 4, 4, 4), (4, 4), (1, 3, 0, 4)])
def test_to_image_refuses_other_shapes(shape):
    with pytest.raises(ImageError, match="shape"):
        to_image(torch.zeros(shape))


def test_to_image_refuses_nan():
    tensor = torch.zeros(1, 3, 2, 2)
    tensor[0, 1, 1, 1] = float("nan")
    with pytest.raises(ImageError, match="NaN"):
        to_image(tensor)


# Writing


@pytest.mark.parametrize("extension", sorted(FORMATS))
def test_extension_decides_and_recipe_comes_back(tmp_path, extension):
    path = tmp_path / "new" / "folder" / f"out{extension.upper()}"
    write_image(noise("RGB", (20, 10)), path, recipe=RECIPE)
    with Image.open(path) as image:
        assert image.format.lower() == FORMATS[extension] and image.size == (20, 10)
    assert read_recipe(path) == RECIPE == read_recipe(path.read_bytes())
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("format", sorted(set(FORMATS.values())))
def test_recipe_in_every_mode_and_format(mode, format):
    image = noise(mode, (20, 10))
    data = encode_image(image, format, recipe=RECIPE)
    assert read_recipe(data) == RECIPE
    assert read_image(data).rgb.size == (20, 10)
    assert read_recipe(encode_image(image, format)) is None


def test_recipe_is_plain_exif():
    exif = Image.open(io.BytesIO(encode_image(noise("RGB", (8, 8)), "jpeg", recipe=RECIPE))).getexif()
    comment = exif.get_ifd(0x8769)[0x9286]
    assert exif[0x0131] == "stylehub" and comment[:8] == b"ASCII\0\0\0"
    assert json.loads(comment[8:].decode("ascii")) == RECIPE


@pytest.mark.parametrize(
    ("software", "comment"),
    [
        ("other", b'ASCII\0\0\0{"a": 1}'),
        ("stylehub", b"ASCII\0\0\0{garbage"),
        ("stylehub", b"ASCII\0\0\0[1, 2]"),
        ("stylehub", b"\xff\xfe\0\0"),
        ("stylehub", b"ASCII\0\0\0" + b"[" * 60_000),
        ("stylehub", b""),
        ("stylehub", None),
    ],
)
def test_foreign_recipes(software, comment):
    exif = Image.Exif()
    exif[0x0131] = software
    if comment is not None:
        exif.get_ifd(0x8769)[0x9286] = comment
    for format in ("PNG", "JPEG", "WEBP"):
        assert read_recipe(encoded(Image.new("RGB", (4, 4)), format, exif=exif.tobytes())) is None


def test_recipe_length(monkeypatch):
    image = Image.new("RGB", (4, 4))
    long = {"note": "x" * 70_000}
    assert read_recipe(encode_image(image, "png", recipe=long)) == long
    with pytest.raises(ImageError, match="too long for JPEG"):
        encode_image(image, "jpeg", recipe=long)
    huge = {"note": "x" * (1 << 20)}
    with pytest.raises(ImageError, match="too long"):
        encode_image(image, "png", recipe=huge)
    monkeypatch.setattr(images.metadata, "MAX_RECIPE", 1 << 22)
    data = encode_image(image, "png", recipe=huge)
    monkeypatch.undo()
    assert read_recipe(data) is None


@pytest.mark.parametrize("recipe", [{"a": object()}, {"a": float("nan")}, {"a": Path("x")}])
def test_recipe_must_be_json(recipe):
    with pytest.raises(ImageError, match="JSON"):
        encode_image(Image.new("RGB", (4, 4)), "png", recipe=recipe)


def test_reading_a_recipe_from_no_picture(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        read_recipe(tmp_path / "absent.png")
    with pytest.raises(ImageError):
        read_recipe(b"text")


@QUICK
@given(
    st.sampled_from(["RGB", "RGBA", "L"]),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(0, 2**32),
    st.sampled_from([".png", ".tif"]),
)
def test_lossless_round_trip(mode, size, seed, extension):
    image = noise(mode, size, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{extension}"
        write_image(image, path, recipe={"seed": seed})
        photo = read_image(path)
        assert read_recipe(path) == {"seed": seed}
    assert photo.rgb.size == size and photo.grey == (mode == "L")
    expected = image.convert("RGB") if mode == "L" else image
    if mode == "RGBA" and photo.alpha is None:
        photo.rgb.putalpha(255)
    assert np.array_equal(pixels(photo), np.asarray(expected))


def test_any_mode_can_be_encoded():
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "I;16", "F"):
        for format in set(FORMATS.values()):
            assert read_image(encode_image(Image.new(mode, (4, 3)), format)).rgb.size == (4, 3)


def test_encoding_does_not_pass_old_metadata_on():
    image = noise("RGB", (4, 3))
    image.info.update(icc_profile=b"stale", transparency=(1, 2, 3), dpi=(7, 7))
    with Image.open(io.BytesIO(encode_image(image, "png"))) as written:
        assert written.info == {}


def test_jpeg_lays_alpha_over_white():
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    assert min(read_image(encode_image(image, "jpeg")).rgb.getpixel((8, 8))) >= 253
    image.putalpha(128)
    assert abs(read_image(encode_image(image, "jpeg")).rgb.getpixel((8, 8))[0] - 127) <= 3


def test_jpeg_keeps_full_colour_resolution():
    with Image.open(io.BytesIO(encode_image(noise("RGB", (16, 16)), "jpeg"))) as image:
        assert {layer[1:3] for layer in image.layer} == {(1, 1)}


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_quality_counts(format):
    image = noise("RGB", (64, 64))
    assert len(encode_image(image, format, quality=30)) < len(encode_image(image, format)) * 0.7
    for quality in (0, 101):
        with pytest.raises(ImageError, match="1 to 100"):
            encode_image(image, format, quality=quality)


@pytest.mark.parametrize(("format", "longest"), [("jpeg", 65_500), ("webp", 16_383)])
def test_longest_side(format, longest):
    assert read_image(encode_image(Image.new("L", (longest, 1)), format)).rgb.width == longest
    for size in ((longest + 1, 1), (1, longest + 1)):
        with pytest.raises(ImageError, match=str(longest)):
            encode_image(Image.new("L", size), format)


def test_unknown_formats(tmp_path):
    with pytest.raises(ImageError, match=r"\.png.*\.webp"):
        write_image(Image.new("RGB", (4, 4)), tmp_path / "out.xyz")
    with pytest.raises(ImageError, match="jpeg, png, tiff, webp"):
        encode_image(Image.new("RGB", (4, 4)), "gif")
    assert list(tmp_path.iterdir()) == []


def test_existing_files(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(ImageError, match=r"exists; choose another name, or overwrite it with --overwrite"):
        write_image(Image.new("RGB", (4, 4)), path)
    assert path.read_bytes() == b"old"
    write_image(Image.new("RGB", (4, 4)), path, overwrite=True)
    assert read_image(path).rgb.size == (4, 4)
    dangling = tmp_path / "link.png"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ImageError, match="exists"):
        write_image(Image.new("RGB", (4, 4)), dangling)


def test_bad_places(tmp_path):
    image = Image.new("RGB", (4, 4))
    (tmp_path / "folder.png").mkdir()
    for overwrite in (False, True):
        with pytest.raises(ImageError, match="is a folder"):
            write_image(image, tmp_path / "folder.png", overwrite=overwrite)
    (tmp_path / "file").touch()
    for place in ("file/a.png", "file/deeper/a.png"):
        with pytest.raises(ImageError, match="choose another place"):
            write_image(image, tmp_path / place)
    for name in ("x" * 300 + ".png", "bad\0.png"):
        with pytest.raises(ImageError):
            write_image(image, tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.png"]


def test_unwritable_folder(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"Permission denied.*choose another place"):
        write_image(Image.new("RGB", (4, 4)), tmp_path / "a.png")


def test_permissions_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write_image(Image.new("RGB", (4, 4)), tmp_path / "a.png")
    finally:
        os.umask(old)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("target", [(os, "fsync"), (Image.Image, "save"), (os, "replace")])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch, target, error):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(*target, fail)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else ImageError) as caught:
        write_image(Image.new("RGB", (4, 4)), path, overwrite=True)
    assert isinstance(error, KeyboardInterrupt) or "disk is full" in str(caught.value)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def no_links(*_, **__):
    raise OSError(errno.EPERM, "Operation not permitted")


def test_failed_new_file_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(ImageError, match="disk is full"):
            write_image(Image.new("RGB", (4, 4)), tmp_path / "a.png")
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ImageError, match="disk is full"):
        write_image(Image.new("RGB", (4, 4)), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("links", [True, False])
def test_racing_writers_do_not_clobber(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "a.png"
    plain_fsync = os.fsync

    def other_writer_comes_first(descriptor):
        plain_fsync(descriptor)
        path.write_bytes(b"theirs")

    monkeypatch.setattr(os, "fsync", other_writer_comes_first)
    with pytest.raises(ImageError, match="exists; choose another name, or overwrite"):
        write_image(Image.new("RGB", (4, 4)), path)
    assert path.read_bytes() == b"theirs" and list(tmp_path.iterdir()) == [path]


def test_many_racing_writers_have_one_winner(tmp_path):
    outcomes = []
    start = threading.Barrier(6)

    def write(level):
        start.wait()
        try:
            write_image(Image.new("RGB", (4, 4), (level,) * 3), tmp_path / "a.png")
            outcomes.append(level)
        except ImageError:
            pass

    threads = [threading.Thread(target=write, args=(level,)) for level in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 1 and read_image(tmp_path / "a.png").rgb.getpixel((0, 0))[0] == outcomes[0]
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_without_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    write_image(Image.new("RGB", (4, 4)), tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").rgb.size == (4, 4)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


# Finding


@pytest.fixture
def album(tmp_path, monkeypatch):
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png", "c[1].png", "c1.png", "sub/d.webp", "sub/deep/e.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_find_images(album):
    def names(*patterns):
        return [p.as_posix() for p in find_images(patterns)]

    assert names("b.png", "a.JPG") == ["b.png", "a.JPG"]
    assert names(".") == ["a.JPG", "b.png", "c1.png", "c[1].png"]
    assert names("*.png") == ["b.png", "c1.png", "c[1].png"]
    assert names("*") == ["a.JPG", "b.png", "c1.png", "c[1].png"]
    assert names("**/*") == ["a.JPG", "b.png", "c1.png", "c[1].png", "sub/d.webp", "sub/deep/e.tif"]
    assert names("c[1].png") == ["c[1].png"]
    assert names("c[0-9].png") == ["c1.png"]
    assert names("notes.txt") == ["notes.txt"]  # named outright; reading it tells what is wrong
    assert names("b.png", "*.png", "./b.png", album / "b.png") == ["b.png", "c1.png", "c[1].png"]
    assert names(album / "sub") == [(album / "sub/d.webp").as_posix()]
    assert names(str(album / "sub" / "**" / "*.tif")) == [(album / "sub/deep/e.tif").as_posix()]
    assert names() == []


@pytest.mark.parametrize("pattern", ["absent.png", "*.bmp", "empty", "absent/**/*.png", "", "folder.png", "x\0y"])
def test_find_nothing(album, pattern):
    with pytest.raises(ImageError) as caught:
        find_images(["b.png", pattern])
    assert pattern.replace("\0", "") in str(caught.value).replace("\\x00", "").replace("\0", "")


@pytest.mark.parametrize("source", [np.zeros((4, 4, 3), np.uint8), None, 3])
def test_what_is_no_picture_is_told_so(source: object) -> None:
    with pytest.raises(ImageError, match=r"is no picture; give a path.*fromarray"):
        read_image(source)  # type: ignore[arg-type]
