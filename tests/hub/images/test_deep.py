"""16 bits a channel: what goes in comes out, and nothing on the way rounds it to 8."""

import io
import json
import logging
import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import hub
from hub.deep import DeepPhoto, encode_deep, read_deep, save_deep, stylize_deep
from hub.errors import ImageError, StylehubError
from hub.images import read_image, to_image
from hub.method import Method
from hub.provenance import read_recipe
from tests.support.command import call
from tests.support.fuzzing import QUICK
from tests.support.pictures import check_metadata, encoded, of_a_camera, png
from tests.support.profiles import ADOBE_RGB, as_srgb, curve, icc_profile, rgb_profile

RECIPE = {"model": "adain", "parameters": {"style": "wave"}, "photo": "a.tif"}
Levels = np.ndarray[Any, Any]


def noise(*shape: int) -> Levels:
    return np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)


def ramp(height: int = 24, width: int = 3000) -> Levels:
    """Every column a little brighter than the one before; the channels go at different speeds."""
    row = np.linspace(0.1, 0.9, width)[None, :, None] ** np.array([1.0, 1.3, 0.8])
    return np.broadcast_to(row * 65535, (height, width, 3)).round().astype(np.uint16)


def levels(photo: DeepPhoto) -> Levels:
    """The nearest integers."""
    return (photo.pixels[0].permute(1, 2, 0).double() * 65535).round().numpy().astype(np.uint16)


def opacity(photo: DeepPhoto) -> Levels:
    assert photo.alpha is not None
    return (photo.alpha[0, 0].double() * 65535).round().numpy().astype(np.uint16)


def with_chunk(file: bytes, name: bytes, data: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    chunk = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return file[:33] + chunk + file[33:]


def with_profile(file: bytes, icc: bytes) -> bytes:
    return with_chunk(file, b"iCCP", b"wide\0\0" + zlib.compress(icc))


def fails(source: Any, **options: Any) -> str:
    with pytest.raises(ImageError) as caught:
        read_deep(source, **options)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


@pytest.fixture(scope="module")
def fast_photo() -> Method:
    return hub.load("fast-photo", device="cpu")


@pytest.fixture
def look(photo: Image.Image) -> Image.Image:
    """Another photo: darker, its channels in another order."""
    return Image.fromarray((np.asarray(photo)[:, :, [2, 0, 1]] * 0.7).astype(np.uint8))


# The whole way


def cut_outs(picture: Image.Image) -> list[Image.Image]:
    """Two pictures that look the same: their colours differ where they are transparent, the edge is soft."""
    alpha = Image.linear_gradient("L").rotate(90).resize(picture.size).point(lambda level: max(0, level - 60))
    found = []
    for color in ("black", "white", "lime"):
        hidden = Image.composite(
            picture, Image.new("RGB", picture.size, color), alpha.point(lambda level: 255 * (level > 0))
        )
        hidden.putalpha(alpha)
        found.append(hidden)
    return found


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_cut_outs_that_look_the_same_give_the_same_result(
    deep: bool, fast_photo: Method, tiny_model: Path, photo: Image.Image, look: Image.Image
) -> None:
    style = hub.load(tiny_model, device="cpu", dtype="float32")
    painted, graded = [], []
    for cut_photo, cut_look in zip(cut_outs(photo), cut_outs(look), strict=True):
        for found, method, taken, words in (
            (painted, style, cut_photo, {"style": "senecio"}),
            (graded, fast_photo, photo, {"style": cut_look}),
        ):
            if deep:
                found.append(levels(stylize_deep(method, encoded(taken, "PNG"), **words)))
            else:
                found.append(np.asarray(method(taken, **words).convert("RGB")))
    for first, *others in (painted, graded):
        assert all(np.array_equal(first, other) for other in others)


def test_strength_zero_gives_the_file_back(fast_photo: Method, look: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(ramp()))
    photo = hub.read_deep(tmp_path / "a.png")
    assert photo.pixels.shape == (1, 3, 24, 3000) and photo.pixels.dtype == torch.float32 and photo.alpha is None
    out = fast_photo(photo.pixels, style=look, strength=0)
    assert hub.save_deep(out, tmp_path / "b.png") == tmp_path / "b.png"
    assert np.array_equal(imagecodecs.png_decode((tmp_path / "b.png").read_bytes()), ramp())
    assert len(np.unique(ramp()[0, :, 0])) == 3000


def test_a_ramp_stays_smooth_through_a_method(fast_photo: Method, look: Image.Image) -> None:
    photo = read_deep(imagecodecs.png_encode(ramp()))
    deep = imagecodecs.png_decode(encode_deep(fast_photo(photo.pixels, style=look))).astype(int)
    assert np.abs(deep - ramp()).max() > 2000, "the method should do something"
    for channel in range(3):
        row = deep[12, :, channel]
        assert len(np.unique(row)) > 1500, "8 bits have 256"
        assert np.abs(np.diff(row)).max() < 257 / 2, "less than half a step of 8 bits"


def test_16_bits_agree_with_8(fast_photo: Method, photo: Image.Image, look: Image.Image) -> None:
    small = np.asarray(photo)
    shallow = np.asarray(fast_photo(photo, style=look)).astype(int)
    same = read_deep(imagecodecs.png_encode(small.astype(np.uint16) * 257))
    deep = imagecodecs.png_decode(encode_deep(fast_photo(same.pixels, style=look)))
    assert np.abs(deep / 257 - shallow).max() <= 0.51, "the same picture, rounded"
    finer = np.clip(small.astype(int) * 257 + np.random.default_rng(0).integers(-128, 129, small.shape), 0, 65535)
    photo16 = read_deep(imagecodecs.png_encode(finer.astype(np.uint16)))
    deep = imagecodecs.png_decode(encode_deep(fast_photo(photo16.pixels, style=look)))
    assert np.percentile(np.abs(deep / 257 - shallow), 99) <= 1 and len(np.unique(deep)) > 5000


# Reading


@pytest.mark.parametrize("options", [{}, {"compression": "lzw", "predictor": True}, {"tile": (16, 16)}])
def test_tiff(options: dict[str, Any]) -> None:
    photo = read_deep(imagecodecs.tiff_encode(noise(20, 30, 3), **options))
    assert np.array_equal(levels(photo), noise(20, 30, 3)) and photo.alpha is None


def test_tiff_of_either_byte_order() -> None:
    for order in "<>":
        photo = read_deep(tiff_by_hand(noise(20, 30, 4), order=order))
        assert np.array_equal(levels(photo), noise(20, 30, 4)[..., :3])


def test_tiff_of_separate_planes() -> None:
    stored = noise(20, 30, 4)
    planes = np.ascontiguousarray(stored.transpose(2, 0, 1))
    file = imagecodecs.tiff_encode(planes, photometric="rgb", planarconfig="separate", extrasample="unassalpha")
    photo = read_deep(file)
    assert np.array_equal(levels(photo), stored[..., :3]) and np.array_equal(opacity(photo), stored[..., 3])


def test_grey() -> None:
    stored = noise(20, 30)
    expected = np.repeat(stored[..., None], 3, axis=2)
    assert np.array_equal(levels(read_deep(imagecodecs.png_encode(stored))), expected)
    assert np.array_equal(levels(read_deep(imagecodecs.tiff_encode(stored))), expected)
    negative = imagecodecs.tiff_encode(65535 - stored, photometric="miniswhite")
    assert np.array_equal(levels(read_deep(negative)), expected)
    both = read_deep(imagecodecs.png_encode(noise(20, 30, 2)))
    assert np.array_equal(levels(both)[..., 1], noise(20, 30, 2)[..., 0])
    assert np.array_equal(opacity(both), noise(20, 30, 2)[..., 1])


def test_alpha() -> None:
    stored = noise(20, 30, 4)
    for file in (imagecodecs.png_encode(stored), imagecodecs.tiff_encode(stored, extrasample="unassalpha")):
        photo = read_deep(file)
        assert np.array_equal(levels(photo), stored[..., :3]) and np.array_equal(opacity(photo), stored[..., 3])
        again = imagecodecs.png_decode(encode_deep(photo.pixels, alpha=photo.alpha))
        assert np.array_equal(again, stored)
    assert read_deep(imagecodecs.tiff_encode(stored, photometric="rgb", extrasample="unspecified")).alpha is None
    stored[..., 3] = 65535
    assert read_deep(imagecodecs.png_encode(stored)).alpha is None, "an opaque picture has none"


def test_premultiplied_alpha_is_divided_out() -> None:
    straight = noise(20, 30, 4)
    straight[..., 3] |= 0x8000
    stored = straight.copy()
    stored[..., :3] = (straight[..., :3].astype(np.float64) * straight[..., 3:] / 65535).round()
    stored[0, 0] = 0
    photo = read_deep(imagecodecs.tiff_encode(stored, photometric="rgb", extrasample="assocalpha"))
    error = np.abs(levels(photo).astype(int) - straight[..., :3])
    assert error[1:].max() <= 1 and levels(photo)[0, 0].tolist() == [0, 0, 0]


def test_colour_key_is_an_alpha() -> None:
    row = b"\0" + struct.pack(">6H", 1, 2, 3, 1, 2, 4)  # the second differs in the low byte alone
    photo = read_deep(png(2, 1, 16, 2, row, (b"tRNS", struct.pack(">3H", 1, 2, 4))))
    assert opacity(photo).tolist() == [[65535, 0]] and levels(photo).tolist() == [[[1, 2, 3], [1, 2, 4]]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_orientation(orientation: int, format: str) -> None:
    """As Pillow turns the same pixels of 8 bits."""
    stored = np.random.default_rng(1).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    stored[..., 3] //= 2
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = read_image(encoded(Image.fromarray(stored), format, exif=exif))
    deep = stored.astype(np.uint16) * 257
    if format == "PNG":
        file = with_chunk(imagecodecs.png_encode(deep), b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    else:
        file = tiff_by_hand(deep, orientation)
    photo = read_deep(file)
    assert np.array_equal(levels(photo), np.asarray(expected.rgb).astype(np.uint16) * 257)
    assert np.array_equal(opacity(photo), np.asarray(expected.alpha).astype(np.uint16) * 257)


def tiff_by_hand(
    pixels: Levels, orientation: int = 1, order: str = "<", first: Sequence[tuple[int, int, int, int]] = ()
) -> bytes:
    """One strip of RGBA, for what imagecodecs does not write: an orientation, or the larger byte first."""
    height, width, _ = pixels.shape
    data = pixels.astype(f"{order}u2").tobytes()
    bits = 8 + len(data)
    tags = [*first, (256, 4, 1, width), (257, 4, 1, height), (258, 3, 4, bits), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, 8), (274, 3, 1, orientation), (277, 3, 1, 4), (278, 4, 1, height), (279, 4, 1, len(data))]
    tags += [(338, 3, 1, 2)]
    directory = struct.pack(f"{order}H", len(tags))
    for name, kind, count, value in tags:
        field = struct.pack(f"{order}HH", value, 0) if (kind, count) == (3, 1) else struct.pack(f"{order}I", value)
        directory += struct.pack(f"{order}HHI", name, kind, count) + field
    header = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, bits + 8)
    return header + data + struct.pack(f"{order}4H", *[16] * 4) + directory + bytes(4)


@pytest.mark.parametrize("colour", [(230, 60, 40), (40, 200, 90), (0, 255, 0), (128, 128, 128)])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_colour_profile_becomes_srgb(colour: tuple[int, int, int], format: str) -> None:
    """As arithmetic has it, to a hundredth of a level of 8 bits."""
    flat = np.full((6, 8, 3), colour, np.uint16) * 257
    profile = rgb_profile(ADOBE_RGB)
    file = with_profile(imagecodecs.png_encode(flat), profile)
    if format == "TIFF":
        file = imagecodecs.tiff_encode(flat, iccprofile=profile)
    found = levels(read_deep(file))[3, 4] / 257
    assert np.abs(found - as_srgb(colour, ADOBE_RGB)).max() < (0.15 if 0 in colour else 0.05)


def test_a_profile_agrees_with_8_bits_and_keeps_the_steps_apart() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), -1).reshape(18, -1, 3).astype(np.uint8)
    profile = rgb_profile(ADOBE_RGB)
    shallow = np.asarray(read_image(encoded(Image.fromarray(grid), "PNG", icc_profile=profile)).rgb)
    deep = levels(read_deep(with_profile(imagecodecs.png_encode(grid.astype(np.uint16) * 257), profile)))
    assert np.abs(deep / 257 - shallow).max() <= 1
    fine = levels(read_deep(with_profile(imagecodecs.png_encode(ramp()), profile)))[0].astype(int)
    assert (np.diff(fine, axis=0) > 0).all(), "a step of 16 bits was lost"


def test_an_srgb_profile_changes_nothing() -> None:
    file = with_profile(imagecodecs.png_encode(noise(20, 30, 3)), imagecodecs.cms_profile("srgb"))
    assert np.abs(levels(read_deep(file)).astype(int) - noise(20, 30, 3)).max() <= 1


def test_profiles_of_grey_pictures() -> None:
    flat = imagecodecs.png_encode(np.full((4, 4), 55 * 257, np.uint16))
    linear = icc_profile(b"GRAY", {"kTRC": curve(1.0)})
    assert np.abs(levels(read_deep(with_profile(flat, linear))) / 257 - 128).max() <= 1  # 55/255 of the light
    wide = levels(read_deep(with_profile(flat, rgb_profile(ADOBE_RGB))))[0, 0] / 257
    assert np.abs(wide - as_srgb((55,) * 3, ADOBE_RGB)).max() < 0.1


@pytest.mark.parametrize(
    "profile",
    [b"garbage", bytes(200), rgb_profile(ADOBE_RGB)[:150], icc_profile(b"GRAY", {"kTRC": curve(1.0)})],
    ids=["garbage", "zeros", "cut", "grey"],
)
def test_a_profile_that_is_none_of_this_picture_is_ignored(
    profile: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])  # as in a shell, where a warning nobody handles is printed
    for file in (
        with_profile(imagecodecs.png_encode(noise(6, 5, 3)), profile),
        imagecodecs.tiff_encode(noise(6, 5, 3), iccprofile=profile),
    ):
        assert np.array_equal(levels(read_deep(file)), noise(6, 5, 3))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_other_pictures_are_read_as_ever(format: str, photo: Image.Image) -> None:
    translucent = photo.copy()
    if format != "JPEG":
        translucent.putalpha(Image.linear_gradient("L").resize(photo.size))
    file = encoded(translucent, format)
    deep, expected = read_deep(io.BytesIO(file)), read_image(file)
    assert to_image(deep.pixels).tobytes() == expected.rgb.tobytes()
    assert (deep.alpha is None) == (expected.alpha is None) == (format == "JPEG")
    if expected.alpha is not None:
        assert np.array_equal(opacity(deep), np.asarray(expected.alpha).astype(np.uint16) * 257)


def test_other_kinds_of_16_bits_are_read_as_ever() -> None:
    signed = imagecodecs.tiff_encode(noise(20, 30).astype(np.int16))
    assert to_image(read_deep(signed).pixels).tobytes() == read_image(signed).rgb.tobytes()


# What cannot be read


def test_the_limit_comes_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*_: object, **__: object) -> None:
        raise AssertionError("pixels were decoded")

    files = imagecodecs.png_encode(noise(20, 30, 3)), imagecodecs.tiff_encode(noise(20, 30, 3))
    monkeypatch.setattr(imagecodecs, "png_decode", reached)
    monkeypatch.setattr(imagecodecs, "tiff_decode", reached)
    for file in files:
        assert "30 x 20 = 600 pixels, more than the limit of 599" in fails(file, max_pixels=599)
    assert "limit of 256,000,000" in fails(png(200_000, 200_000, 16, 2, b""))


def test_a_file_that_contradicts_itself_fills_no_memory() -> None:
    """Of two widths Pillow believes the last, the decoder the first: it may not set aside what was never checked."""
    file = tiff_by_hand(noise(5, 6, 4), first=[(256, 4, 1, 600_000_000)])
    with pytest.raises(ImageError, match="damaged") as caught:
        read_deep(file)
    assert "invalid out" in str(caught.value.__cause__)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(VALID[0][: len(VALID[0]) // 2])
    assert "cut.png is damaged" in fails(tmp_path / "cut.png")
    spoilt = bytearray(VALID[0])
    spoilt[len(spoilt) // 2] ^= 255
    assert "damaged" in fails(bytes(spoilt))
    assert "does not exist" in fails(tmp_path / "absent.tif")
    assert "unknown format" in fails(b"not a picture at all")


VALID = [
    imagecodecs.png_encode(noise(9, 7, 3)),
    with_profile(imagecodecs.png_encode(noise(9, 7, 4)), rgb_profile(ADOBE_RGB)),
    imagecodecs.tiff_encode(noise(9, 7, 3), iccprofile=rgb_profile(ADOBE_RGB)),
    imagecodecs.tiff_encode(noise(9, 7, 3), compression="lzw", predictor=True),
    tiff_by_hand(noise(9, 7, 4), 6),
]


@pytest.mark.filterwarnings("ignore")
@settings(QUICK, max_examples=150)
@given(st.sampled_from(VALID), st.data())
def test_damaged_files(valid: bytes, data: st.DataObject) -> None:
    damaged = bytearray(valid)
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(valid) - 1))]
    else:
        for position in data.draw(st.lists(st.integers(0, 8 * len(valid) - 1), min_size=1, max_size=4)):
            damaged[position // 8] ^= 1 << position % 8
    try:
        photo = read_deep(bytes(damaged), max_pixels=1_000_000)
        assert photo.pixels.shape[:2] == (1, 3) and photo.pixels.min() >= 0 and photo.pixels.max() <= 1
    except ImageError as error:
        assert str(error).endswith(".") and "\n" not in str(error)


def test_a_file_that_is_too_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(imagecodecs.tiff_encode(noise(20, 30, 3)))
    monkeypatch.setattr("hub.images.opening.MAX_BYTES", 100)
    assert "longer than 100 bytes" in fails(tmp_path / "a.tif")


def test_without_the_library(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path, photo_file: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    sentence = "16 bits per channel need another package: pip install 'stylehub[deep]'."
    with pytest.raises(StylehubError) as caught:
        read_deep(photo_file)
    assert str(caught.value) == sentence
    with pytest.raises(StylehubError):
        save_deep(torch.zeros(1, 3, 4, 4), tmp_path / "a.png")
    words = ["stylize", tiny_model, photo_file, "--style", "senecio", "-o", tmp_path / "a.png"]
    assert call(*words, "--bits", "16").sentence == sentence
    assert not (tmp_path / "a.png").exists()
    assert call(*words).exit_code == 0


# Writing


def test_written_files_are_whole_and_say_how_they_were_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.png"
    save_deep(torch.rand(1, 3, 8, 9), path, recipe=RECIPE)
    assert read_recipe(path) == RECIPE | {"bits": 16}
    shown = call("show", path).stdout
    assert "stylehub stylize adain a.tif --bits 16 --style wave" in shown
    assert "hub.read_deep('a.tif')" in shown
    with Image.open(path) as image:
        image.verify()  # the checksum of every chunk
    assert read_recipe(encode_deep(torch.rand(1, 3, 8, 9))) is None
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]


@pytest.mark.parametrize("alpha", [None, torch.rand(1, 1, 8, 9)], ids=["opaque", "alpha"])
def test_tiff_is_written_too(alpha: torch.Tensor | None, tmp_path: Path) -> None:
    pixels = torch.rand(1, 3, 8, 9)
    path = save_deep(pixels, tmp_path / "a.tif", alpha=alpha, recipe=RECIPE)
    again = read_deep(path)
    assert read_recipe(path) == RECIPE | {"bits": 16}
    assert (again.pixels - pixels).abs().max() <= 0.5 / 65535 + 1e-6
    assert (again.alpha is None) == (alpha is None)
    if alpha is not None:
        assert (again.alpha - alpha).abs().max() <= 0.5 / 65535 + 1e-6
    samples = 3 if alpha is None else 4
    stored = imagecodecs.tiff_decode(path.read_bytes())
    assert stored.shape == (8, 9, samples)
    assert stored.dtype == np.uint16


@pytest.mark.parametrize("keep", ["all", "safe", "none"])
@pytest.mark.parametrize("extension", ["png", "tif"])
@pytest.mark.parametrize("source", ["JPEG", "PNG of 16 bits", "TIFF of 16 bits"])
def test_what_is_kept_of_the_metadata_of_a_photo(source: str, extension: str, keep: str, tmp_path: Path) -> None:
    exif = of_a_camera()
    if source == "JPEG":
        file = encoded(Image.new("RGB", (8, 6), "teal"), "JPEG", exif=exif.tobytes(), dpi=(300, 300))
    elif source.startswith("PNG"):
        dpi = struct.pack(">IIB", 11811, 11811, 1)
        file = png(1, 1, 16, 2, bytes(7), (b"eXIf", exif.tobytes()[6:]), (b"pHYs", dpi))
    else:
        file = encode_deep(
            torch.rand(1, 3, 8, 6),
            metadata={"exif": exif.tobytes(), "dpi": (300, 300)},
            keep_metadata="all",
            format="tiff",
        )
    photo = read_deep(file)
    path = save_deep(
        photo.pixels, tmp_path / f"a.{extension}", recipe=RECIPE, metadata=photo.metadata, keep_metadata=keep
    )
    assert read_recipe(path) == RECIPE | {"bits": 16}
    with Image.open(path) as image:
        assert (round(image.info.get("dpi", (0, 0))[0]) == 300) == (keep != "none")
    check_metadata(path, keep)


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    with pytest.raises(ImageError, match="exists; choose another name"):
        save_deep(torch.rand(1, 3, 8, 9), path)
    with pytest.raises(ImageError, match="NaN"):
        save_deep(torch.full((1, 3, 8, 9), torch.nan), path, overwrite=True)
    assert path.read_bytes() == b"precious"
    save_deep(torch.rand(1, 3, 8, 9), path, overwrite=True)
    assert Image.open(path).size == (9, 8)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("shape", "name", "options", "message"),
    [
        ((1, 3, 8, 9), "a.webp", {}, "need a PNG or TIFF file; give .*a.webp the extension"),
        ((2, 3, 8, 9), "a.png", {}, r"must have shape \(1, 3, H, W\)"),
        ((1, 3, 8, 9), "a.png", {"alpha": torch.rand(1, 3, 8, 9)}, r"must have shape \(1, 1, H, W\)"),
        (
            (1, 3, 8, 9),
            "a.png",
            {"alpha": torch.rand(1, 1, 8, 8)},
            "The alpha channel is 8 x 8, but the result is 9 x 8",
        ),
        ((1, 3, 8, 9), "a.png", {"recipe": {"a": object()}}, "JSON"),
    ],
)
def test_what_cannot_be_written(
    shape: tuple[int, ...], name: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ImageError, match=message):
        save_deep(torch.rand(shape), tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


# The command line


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    """A photo of 16 bits with an alpha, 96 x 40."""
    stored = np.concatenate([ramp(40, 96), np.broadcast_to(ramp(40, 96)[..., :1], (40, 96, 1))], axis=2)
    path = tmp_path / "photo.tif"
    path.write_bytes(imagecodecs.tiff_encode(stored, photometric="rgb", extrasample="unassalpha"))
    return path


def made(*words: object) -> Levels:
    """The pixels of the picture that a command wrote, which it names."""
    result = call("stylize", *words, "--bits", "16")
    assert result.exit_code == 0
    stored: Levels = imagecodecs.png_decode(Path(result.stdout.strip()).read_bytes())
    assert stored.dtype == np.uint16
    return stored


def test_stylize(tiny_model: Path, tiff: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.runtime.fastest_dtype", lambda _: torch.bfloat16)
    words = [tiny_model, tiff, "--style", "senecio", "-o", tmp_path / "out.png"]
    stored = made(*words)
    assert np.array_equal(stored, made(*words, "--overwrite"))
    source = read_deep(tiff)
    assert np.array_equal(stored[..., 3], opacity(source))
    style = hub.load(tiny_model, dtype="float32")  # what the command chooses, whatever is faster
    assert hub.load(tiny_model).dtype == torch.bfloat16
    expected = levels(DeepPhoto(style(source.pixels, style="senecio")))
    assert np.abs(stored[..., :3].astype(int) - expected).max() <= 1
    shown = json.loads(call("show", tmp_path / "out.png", "--json").stdout)
    assert shown["bits"] == 16 and shown["photo"] == "photo.tif" and "--bits 16" in shown["command"]
    assert "exists" in call("stylize", *words, "--bits", "16").sentence


def test_the_command_keeps_the_date_and_drops_the_place(tiny_model: Path, tmp_path: Path) -> None:
    exif = of_a_camera().tobytes()
    photo = save_deep(torch.rand(1, 3, 32, 32), tmp_path / "a.tif", metadata={"exif": exif}, keep_metadata="all")
    words = ["stylize", tiny_model, photo, "--style", "senecio", "--bits", "16"]
    for keep, wanted in (("safe", ("Camera", False)), ("all", ("Camera", True)), ("none", (None, False))):
        for name in ("out.tif", "out.png"):
            assert call(*words, "-o", tmp_path / keep / name, "--keep-metadata", keep).exit_code == 0
            with Image.open(tmp_path / keep / name) as image:
                found = image.getexif()
                assert (found.get(272), bool(found.get_ifd(0x8825))) == wanted


def test_strength_zero_and_a_working_size(tiny_model: Path, tiff: Path, tmp_path: Path) -> None:
    words = [tiny_model, tiff, "--style", "senecio"]
    same = made(*words, "--strength", "0", "-o", tmp_path / "a.png")
    assert np.array_equal(same, imagecodecs.tiff_decode(tiff.read_bytes()))
    assert made(*words, "--size", "32", "-o", tmp_path / "b.png").shape == (40, 96, 4)


def test_a_strength_map_of_16_bits(tiny_model: Path, tiff: Path, tmp_path: Path) -> None:
    """Steps in the map that 8 bits cannot tell apart are seen in the result."""
    weak = np.zeros((40, 96), np.uint16)
    weak[:, 48:] = 100  # nothing at 8 bits
    (tmp_path / "map.png").write_bytes(imagecodecs.png_encode(weak))
    words = [tiny_model, tiff, "--style", "senecio", "--strength-map", tmp_path / "map.png"]
    stored, before = made(*words, "-o", tmp_path / "a.png"), imagecodecs.tiff_decode(tiff.read_bytes())
    assert (stored[:, 56:] != before[:, 56:]).any() and np.array_equal(stored[:, :40], before[:, :40])
    assert json.loads(call("show", tmp_path / "a.png", "--json").stdout)["strength_map"] == "map.png"


def test_names_pipes_and_several_photos(
    tiny_model: Path, tiff: Path, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photo.save("other.jpg")
    words = ["stylize", tiny_model, tiff, "other.jpg", "--style", "senecio", "--bits", "16", "-o", "out"]
    assert call(*words).stdout.split() == ["out/photo-klee-senecio.png", "out/other-klee-senecio.png"]
    piped = call("stylize", tiny_model, "-", "--style", "senecio", "--bits", "16", stdin=tiff.read_bytes())
    assert np.array_equal(
        imagecodecs.png_decode(piped.stdout_bytes),
        imagecodecs.png_decode(Path("out/photo-klee-senecio.png").read_bytes()),
    )
    assert read_recipe(piped.stdout_bytes) is not None


def test_the_alpha_is_cropped_with_the_photo(tiny_model: Path, tiff: Path, tmp_path: Path) -> None:
    stored = made(tiny_model, tiff, "--style", "senecio", "--center-crop", "-o", tmp_path / "a.png")
    assert np.array_equal(stored[..., 3], opacity(read_deep(tiff))[:, 28:68])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bits", "16", "-o", "out.jpg"], "need a PNG or TIFF file; give out.jpg the extension .png or .tif."),
        (["--bits", "12"], "12 bits per channel are not supported"),
    ],
)
def test_mistakes_leave_nothing(
    words: list[str], message: str, tiny_model: Path, tiff: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in call("stylize", tiny_model, tiff, "--style", "senecio", *words).sentence
    assert list(tmp_path.iterdir()) == [tiff]


@pytest.mark.parametrize(
    "pixels", [torch.zeros(1, 3, 4, 4, dtype=torch.uint8), np.zeros((4, 4, 3), np.uint16), Image.new("RGB", (4, 4))]
)
def test_what_is_no_result_is_refused(pixels: object, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"float tensor \(1, 3, H, W\) in \[0, 1\]; this is"):
        hub.save_deep(pixels, tmp_path / "out.png")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
