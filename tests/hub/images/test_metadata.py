"""How a picture was made, kept in the picture."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from hub import images
from hub.errors import ImageError
from hub.images import (
    FORMATS,
    encode_image,
    read_image,
    read_recipe,
)
from tests.support.pictures import encoded, noise

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
