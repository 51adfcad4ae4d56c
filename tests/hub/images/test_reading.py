"""What is read: every mode and depth, alpha, the way up, and every kind of source."""

import io
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hub import images
from hub.images import (
    read_image,
)
from hub.provenance import read_recipe
from tests.support.pictures import encoded, noise, png
from tests.support.profiles import ADOBE_RGB, rgb_profile


def pixels(photo):
    picture = photo.rgb.copy()
    if photo.alpha is not None:
        picture.putalpha(photo.alpha)
    return np.asarray(picture)


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
    floats = b"Pf 3 1 -1.0\n" + struct.pack("<3f", 0, 0.5, 1)
    assert np.asarray(read_image(floats).rgb)[0, :, 0].tolist() == [0, 128, 255]
    dark = b"P5 4 1 65535\n" + struct.pack(">4H", 0, 100, 200, 250)  # still 16 bits, though nothing exceeds 255
    assert np.asarray(read_image(dark).rgb).max() == 1


def test_float_and_small_integers():
    image = Image.fromarray(np.array([[0, 0.5, 1.0, np.nan, -1]], dtype=np.float32))
    assert np.asarray(read_image(image).rgb)[0, :, 0].tolist() == [0, 128, 255, 0, 0]
    image = Image.fromarray(np.array([[0, 7, 255]], dtype=np.int32))
    assert np.asarray(read_image(image).rgb)[0, :, 0].tolist() == [0, 7, 255]


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


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_grey_that_means_transparent(bits):
    """Its level counts in the bits of the file."""
    white = (1 << bits) - 1
    row = struct.pack(">2H", white, white // 3) if bits == 16 else bytes((white, white // 3)) if bits == 8 else b""
    row = row or bytes([white << 8 - bits | white // 3 << 8 - 2 * bits])
    photo = read_image(png(2, 1, bits, 0, b"\0" + row, (b"tRNS", struct.pack(">H", white))))
    assert photo.alpha is not None and np.asarray(photo.alpha)[0].tolist() == [0, 255]
    assert np.asarray(photo.rgb)[0, :, 0].tolist() == [255, 255 * (white // 3) // white] and photo.grey


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


@pytest.mark.skipif("AVIF" not in Image.SAVE, reason="this Pillow has no AVIF")
def test_an_avif_that_calls_itself_a_heif_first():
    data = encoded(Image.new("RGB", (16, 9), "red"), "AVIF")
    assert data[8:12] == b"avif" and b"avif" in data[16:32]
    photo = read_image(data[:8] + b"mif1" + data[12:])
    assert np.abs(np.array(photo.rgb.getpixel((3, 3))) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("size", [(1, 1), (3, 5000), (5000, 3)])
def test_odd_sizes(size):
    assert read_image(encoded(noise("RGB", size), "PNG")).rgb.size == size


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
