"""How a picture was made, kept in the picture."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from hub import images
from hub.errors import ImageError
from hub.images import FORMATS, PHOTO, encode_image, read_image, save
from hub.provenance import read_recipe
from tests.support.pictures import check_metadata, encoded, noise, of_a_camera

RECIPE = {"model": "adain", "styles": ["wave", "Sternennacht ☆"], "strength": 0.75, "seed": 3}


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


@pytest.mark.parametrize("keep", ["all", "safe", "none"])
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff"])
def test_what_is_kept_of_the_metadata_of_a_photo(format: str, keep: str, tmp_path: Path) -> None:
    photo = encoded(noise("RGB", (8, 6)), "JPEG", exif=of_a_camera().tobytes(), dpi=(300, 300))
    result = noise("RGB", (6, 8))
    result.info |= {PHOTO: read_image(photo).metadata, "stylehub": RECIPE}
    path = save(result, tmp_path / f"a.{format}", keep_metadata=keep)
    assert read_recipe(path) == RECIPE
    with Image.open(path) as image:
        image.load()
        assert image.size == (6, 8)
        if format != "webp":
            assert (round(image.info.get("dpi", (0, 0))[0]) == 300) == (keep != "none")
    check_metadata(path, keep)


def test_metadata_that_are_broken_or_too_long_are_left_out(tmp_path: Path) -> None:
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"):
        result = noise("RGB", (6, 8))
        result.info |= {PHOTO: {"exif": exif}, "stylehub": RECIPE}
        assert read_recipe(save(result, tmp_path / "a.jpg", overwrite=True, keep_metadata="all")) == RECIPE
    long = of_a_camera()
    long[33432] = "x" * 60_000
    result.info[PHOTO] = {"exif": long.tobytes()}
    recipe = RECIPE | {"long": "y" * 10_000}
    result.info["stylehub"] = recipe
    assert read_recipe(save(result, tmp_path / "b.jpg")) == recipe
