"""What is written: whole or not at all, in every format, and never over another file."""

import errno
import io
import os
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hub.errors import ImageError
from hub.images import (
    FORMATS,
    encode_image,
    read_image,
    write_image,
)
from hub.provenance import read_recipe
from tests.support.fuzzing import QUICK
from tests.support.pictures import noise

RECIPE = {"model": "adain", "styles": ["wave", "Sternennacht ☆"], "strength": 0.75, "seed": 3}


def pixels(photo):
    picture = photo.rgb.copy()
    if photo.alpha is not None:
        picture.putalpha(photo.alpha)
    return np.asarray(picture)


@pytest.mark.parametrize("extension", sorted(FORMATS))
def test_extension_decides_and_recipe_comes_back(tmp_path, extension):
    path = tmp_path / "new" / "folder" / f"out{extension.upper()}"
    write_image(noise("RGB", (20, 10)), path, recipe=RECIPE)
    with Image.open(path) as image:
        assert image.format.lower() == FORMATS[extension] and image.size == (20, 10)
    assert read_recipe(path) == RECIPE == read_recipe(path.read_bytes())
    assert [p.name for p in path.parent.iterdir()] == [path.name]


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
        with pytest.raises(ImageError, match="choose another folder"):
            write_image(image, tmp_path / place)
    for name in ("x" * 300 + ".png", "bad\0.png"):
        with pytest.raises(ImageError):
            write_image(image, tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.png"]


def test_unwritable_folder(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"Permission denied.*choose another folder"):
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
