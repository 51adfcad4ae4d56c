"""Every kind of TIFF that people bring, with its right values, at 8 and at 16 bits; raw files of cameras."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hub.deep import read_deep
from hub.errors import ImageError
from hub.images import read_image
from tests.support.pictures import encoded, tiff

Y, X = np.mgrid[0:24, 0:32]
COLOR = np.stack([X * 8, Y * 10, 255 - X * 4], -1).astype(np.uint8)
GREY, ALPHA = COLOR[..., :1], np.where(X < 16, 255, 128).astype(np.uint8)[..., None]
TYPES = {"8": (np.uint8, 1), "16": (np.uint16, 257), "32": (np.uint32, 16843009), "64": (np.uint64, 72340172838076673)}
FLOATS = {"half": np.float16, "float": np.float32, "double": np.float64}
STRAIGHT, PREMULTIPLIED = (338, 2), (338, 1)


def packed(samples: np.ndarray, bits: int) -> bytes:
    """8-bit ``samples`` at ``bits`` without gaps, each row from a whole byte on."""
    levels = np.rint(samples.astype(float) * ((1 << bits) - 1) / 255).astype(np.uint16)
    planes = levels.reshape(len(levels), -1, 1) >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(planes.reshape(len(levels), -1), axis=1).tobytes()


def kinds() -> dict[str, tuple[bytes, np.ndarray]]:
    """A name, a file, and the levels that are meant, from 0 to 255."""
    found = {}
    scaled = {name: (dtype, lambda a, d=dtype, f=factor: a.astype(d) * d(f)) for name, (dtype, factor) in TYPES.items()}
    scaled |= {name: (dtype, lambda a, d=dtype: (a / 255).astype(d)) for name, dtype in FLOATS.items()}
    for name, (_, levels) in scaled.items():
        color, grey, alpha = levels(COLOR), levels(GREY), levels(ALPHA)
        found[f"RGB {name}"] = tiff(color, 2), COLOR
        found[f"RGB {name} planes"] = tiff(color, 2, planar=True), COLOR
        found[f"RGBA {name}"] = tiff(np.dstack([color, alpha]), 2, STRAIGHT), np.dstack([COLOR, ALPHA])
        found[f"RGBA {name} planes"] = (
            tiff(np.dstack([color, alpha]), 2, STRAIGHT, planar=True),
            np.dstack([COLOR, ALPHA]),
        )
        found[f"grey {name}"] = tiff(grey, 1), GREY
        found[f"grey {name}, 0 is white"] = tiff(grey, 0), 255 - GREY
        found[f"grey with alpha {name}"] = tiff(np.dstack([grey, alpha]), 1, STRAIGHT), np.dstack([GREY, ALPHA])
    half = np.where(X[..., None] < 16, COLOR, COLOR // 2)
    found["RGBA premultiplied"] = (
        tiff(np.dstack([half, ALPHA]).astype(np.uint32) * 16843009, 2, PREMULTIPLIED),
        np.dstack([COLOR, ALPHA]),
    )
    over = (COLOR / 255).astype(np.float32)
    over[0, 0] = 1.01
    white = COLOR.copy()
    white[0, 0] = 255
    found["RGB float, one pixel above 1"] = tiff(over, 2), white
    found["grey float, one pixel above 1"] = tiff(over[..., :1], 1), white[..., :1]
    found["RGB float, half of it above 1"] = (
        tiff((COLOR / 255 * 4).astype(np.float32), 2),
        np.minimum(255, COLOR.astype(int) * 4),
    )
    found["grey float with levels of 8 bits"] = tiff(GREY.astype(np.float32), 1), GREY
    found["RGB float with levels of 16 bits"] = tiff(COLOR.astype(np.float32) * 257, 2), COLOR
    found["grey 32 with levels of 16 bits"] = tiff(GREY.astype(np.uint32) * 257, 1), GREY
    found["grey of 16 bits with sign"] = tiff(np.rint(GREY * (32767 / 255)).astype(np.int16), 1), GREY
    found["grey of 32 bits with sign"] = tiff(GREY.astype(np.int32) * 8421504, 1), GREY
    found["RGBA premultiplied 16"] = (
        tiff(np.dstack([half, ALPHA]).astype(np.uint16) * 257, 2, PREMULTIPLIED),
        np.dstack([COLOR, ALPHA]),
    )
    for bits in (2, 4, 6, 10, 12, 14):
        found[f"grey {bits}"] = tiff(GREY, 1, bits=bits, data=packed(GREY, bits)), GREY
    for bits in (10, 12, 14):
        found[f"RGB {bits}"] = tiff(COLOR, 2, bits=bits, data=packed(COLOR, bits)), COLOR
    found["grey of 8 bits with sign"] = tiff((GREY // 2).astype(np.int8), 1), GREY
    found["grey with alpha, in planes"] = (
        tiff(np.dstack([GREY, ALPHA]), 1, STRAIGHT, planar=True),
        np.dstack([GREY, ALPHA]),
    )
    ramp = np.arange(65536)
    palette = (320, np.stack([ramp, 65535 - ramp, ramp]).ravel().tolist())
    found["palette 16"] = tiff(GREY.astype(np.uint16) * 257, 3, palette), np.dstack([GREY, 255 - GREY, GREY])
    for name, factor in (("8", np.uint8(1)), ("16", np.uint16(257))):
        samples = np.dstack([COLOR, ALPHA // 2, ALPHA]) * factor
        found[f"RGB with another channel and alpha {name}"] = tiff(samples, 2, (338, [0, 2])), np.dstack([COLOR, ALPHA])
    found["RGB with another channel"] = tiff(np.dstack([COLOR, ALPHA]).astype(np.uint16) * 257, 2, (338, 0)), COLOR
    return found


KINDS = kinds()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_it_is_meant(kind: str) -> None:
    file, wanted = KINDS[kind]
    photo, deep = read_image(file), read_deep(file)
    color = np.broadcast_to(wanted[..., :1] if wanted.shape[2] < 3 else wanted[..., :3], COLOR.shape).astype(float)
    coarse = {"grey 2": 43, "grey 4": 9, "grey 6": 3, "grey of 8 bits with sign": 2}  # half a step of so few levels
    rounding = coarse.get(kind, 2 if "premultiplied" in kind else 0.4 if kind[-2:] in ("10", "12", "14") else 0)
    assert np.abs(np.asarray(photo.rgb) - color).max() <= rounding
    assert np.abs(deep.pixels[0].permute(1, 2, 0).numpy() * 255 - color).max() <= rounding + 0.1
    assert photo.grey == (wanted.shape[2] < 3)
    if wanted.shape[2] in (2, 4):
        assert np.array_equal(photo.alpha, wanted[..., -1])
        assert np.abs(deep.alpha[0, 0].numpy() * 255 - wanted[..., -1]).max() <= 0.1
    else:
        assert photo.alpha is None
        assert deep.alpha is None


def test_what_was_guessed_is_said(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "levels.tif").write_bytes(KINDS["grey float with levels of 8 bits"][0])
    read_image(tmp_path / "levels.tif")
    assert caplog.messages == [f"{tmp_path / 'levels.tif'} holds numbers from 0 to 248; 255 counts as white."]
    caplog.clear()
    pages = [Image.fromarray(COLOR), Image.fromarray(255 - COLOR)]
    photo = read_image(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert np.array_equal(photo.rgb, COLOR)
    assert caplog.messages == ["The picture has several pages; the first one is read."]


def test_a_rare_kind_is_not_called_damaged() -> None:
    for rare in (
        tiff(COLOR.astype(np.uint16), 5),
        tiff(COLOR.astype(np.float32), 8),
        tiff(COLOR, 2, (259, 34712), data=b"\xff\x4f\xff\x51" + bytes(60)),
        tiff(COLOR, 2, bits=24, data=bytes(24 * 32 * 9)),
    ):
        with pytest.raises(ImageError, match=r"rare kind \(.* bits a channel, compression \d+\)"):
            read_image(rare)


def test_a_compression_that_pillow_may_lack() -> None:
    codecs = pytest.importorskip("imagecodecs")
    webp = codecs.webp_encode(COLOR, lossless=True)
    assert np.array_equal(read_image(tiff(COLOR, 2, (259, 50001), data=webp)).rgb, COLOR)


def test_the_first_page_that_is_no_thumbnail_is_read(caplog: pytest.LogCaptureFixture) -> None:
    small, whole = tiff(COLOR[:4, :4].copy(), 2, (254, 1)), tiff(COLOR, 2)
    place = len(small) + len(small) % 2
    link = small.index(bytes(4), 10 + 12 * small[8])  # after the directory: the place of the next one
    both = small[:link] + (place + 8).to_bytes(4, "little") + small[link + 4 :].ljust(place - link - 4, b"\0")
    moved = tiff(COLOR, 2, base=place)
    assert np.array_equal(read_image(both + moved).rgb, COLOR)
    assert np.array_equal(read_image(whole).rgb, COLOR)
    assert not caplog.messages
    with pytest.raises(ImageError, match="shows a thumbnail first"):
        read_image(raw(((254, 1),), sub=2))


def test_without_imagecodecs_the_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(ImageError, match=r"stylehub\[deep\]"):
        read_image(KINDS["RGB float"][0])
    assert np.array_equal(read_image(KINDS["grey float"][0]).rgb, np.repeat(GREY, 3, 2))


@pytest.mark.parametrize(
    ("white", "wanted"), [((), (140.8, 107.9, 154.0)), (((318, [0.3127, 0.329]),), (137.4, 108.9, 153.6))]
)
def test_lab_becomes_srgb(white: tuple[tuple[int, list[float]]], wanted: tuple[float, ...]) -> None:
    """Of L 50.2, a 20 and b -20, with the white D50 or D65, colour-science 0.4.7 makes ``wanted``."""
    lab = np.full((4, 4, 3), (128, 20, 236), np.uint8)
    deep = np.full((4, 4, 3), (128 * 257, 20 * 256, 236 * 256), np.uint16)
    for file in (tiff(lab, 8, *white), tiff(deep, 8, *white)):
        assert np.abs(np.subtract(read_image(file).rgb.getpixel((1, 1)), wanted)).max() <= 1


def raw(tags: tuple[tuple[int, int], ...] = (), sub: int | None = None) -> bytes:
    """A raw file: a thumbnail, and what the sensor saw in a directory of its own."""
    if sub is None:
        return tiff(GREY, 32803, *tags)
    mosaic = tiff(GREY.astype(np.uint16), sub)
    first = tiff(COLOR[:4, :4], 2, (330, 0), *tags)
    place = len(first) + len(first) % 2
    field = first.index(b"\x4a\x01\x03\0\1\0\0\0")
    first = first[:field] + b"\x4a\x01\x04\0\1\0\0\0" + place.to_bytes(4, "little") + first[field + 12 :]
    return first.ljust(place, b"\0") + mosaic[8:]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.tif", raw()),
        ("a.tif", raw(sub=32803)),
        ("a.tif", raw(sub=34892)),
        ("a.dng", raw(((50706, 1),))),
        ("a.NEF", b"II*\0" + bytes(100)),
        ("a.CR3", b"\0\0\0\x18ftypcrx " + bytes(100)),
        ("photo", b"\0\0\0\x18ftypcrx " + bytes(100)),
        ("photo", b"FUJIFILMCCD-RAW 0201"),
        ("photo", b"II*\0\x10\0\0\0CR\2\0" + bytes(100)),
    ],
)
def test_raw_files_are_refused_not_their_thumbnails(tmp_path: Path, name: str, file: bytes) -> None:
    (tmp_path / name).write_bytes(file)
    for read in (read_image, read_deep):
        with pytest.raises(ImageError, match=rf"{name} is a camera's raw file; develop it to TIFF or JPEG first"):
            read(tmp_path / name)
