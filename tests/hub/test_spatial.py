"""Where a style applies: the maps, and that every method keeps to them."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import hub
from hub import spatial
from hub.errors import ImageError, ParameterError
from hub.images import to_tensor
from hub.method import Method
from hub.placing import across, depth_map, strength_map
from hub.spatial import Map, SpatialParameters


def strength(content: Tensor, **place: Any) -> Tensor:
    found = strength_map(SpatialParameters(**place), content)
    assert found is not None
    return found


@pytest.fixture
def content() -> Tensor:
    torch.manual_seed(0)
    return torch.rand(2, 3, 30, 40)


@pytest.fixture
def ramp() -> Tensor:
    """Farther to the right."""
    return torch.linspace(0, 7, 40).expand(30, 40)


def test_depth_is_the_strength(content: Tensor, ramp: Tensor) -> None:
    far = strength(content, where="far", map=ramp)
    assert far.shape == (2, 1, 30, 40)
    assert torch.allclose(far[1, 0], torch.linspace(0, 1, 40).expand(30, 40), atol=1e-3)
    assert torch.allclose(strength(content, where="near", map=ramp), 1 - far, atol=1e-5)
    assert torch.allclose(strength(content, where="far", map=ramp, inverted=True), 1 - far, atol=1e-5)


def test_contrast_offset_and_floor(content: Tensor, ramp: Tensor) -> None:
    def at(**place: Any) -> Tensor:
        return strength(content, where="far", map=ramp, **place)[0, 0, 0]

    hard = at(contrast=20)
    assert ((hard > 0.01) & (hard < 0.99)).sum() <= 3
    assert hard[:18].max() < 0.01 < 0.99 < hard[22:].min()
    assert at(contrast=20, offset=-0.25)[12:].min() > 0.99
    assert torch.allclose(at(floor=0.4), 0.4 + 0.6 * at(), atol=1e-5)
    assert torch.allclose(at(contrast=0), torch.full((40,), 0.5), atol=1e-5)


def test_one_layer(content: Tensor, ramp: Tensor) -> None:
    layer = strength(content, where="layer", layer=0.25, map=ramp)[0, 0, 0]
    assert layer[6:14].min() == 1
    assert layer[0] < 0.3
    assert layer[20:].max() == 0
    wide = strength(content, where="layer", layer=0.25, map=ramp, offset=-1)[0, 0, 0]
    assert (wide > 0).sum() > (layer > 0).sum()


@pytest.mark.parametrize(
    ("angle", "full", "none"), [(0, (15, 39), (15, 0)), (90, (0, 20), (29, 20)), (180, (15, 0), (15, 39))]
)
def test_a_gradient_at_any_angle(content: Tensor, angle: float, full: Any, none: Any) -> None:
    plane = across(content, angle)[0, 0]
    assert plane[full] == pytest.approx(1, abs=1e-4)
    assert plane[none] == pytest.approx(0, abs=1e-4)
    diagonal = across(content, 45)[0, 0]
    assert diagonal[0, -1] == 1
    assert diagonal[-1, 0] == 0


def test_a_mask_of_another_size(content: Tensor, tmp_path: Path) -> None:
    picture = Image.new("L", (200, 100))
    picture.paste(255, (100, 0, 200, 100))
    picture.save(tmp_path / "mask.png")
    arrays = (np.asarray(picture), np.asarray(picture, np.float32) / 255, np.asarray(picture) > 0)
    for source in (tmp_path / "mask.png", str(tmp_path / "mask.png"), picture, *arrays):
        mask = strength(content, where="mask", map=source)[0, 0]
        assert mask[:, :18].max() < 0.01
        assert mask[:, 22:].min() > 0.99
    assert strength(content, where="mask", map=picture, inverted=True)[0, 0, :, :18].min() > 0.99


def test_depth_of_8_and_of_16_bits_is_the_same(content: Tensor, tmp_path: Path) -> None:
    grey = np.tile(np.linspace(0, 1, 64), (48, 1))
    Image.fromarray((grey * 255).astype(np.uint8)).save(tmp_path / "8.png")
    Image.fromarray((grey * 65535).astype(np.uint16)).save(tmp_path / "16.png")
    eight, sixteen = (strength(content, where="far", map=tmp_path / f"{bits}.png") for bits in (8, 16))
    assert (eight - sixteen).abs().max() < 0.01


def test_a_map_keeps_all_its_bits(tmp_path: Path) -> None:
    depth = np.tile(np.linspace(0.4, 0.402, 64, dtype=np.float32), (48, 1))
    Image.fromarray((depth * 65535).round().astype(np.uint16)).save(tmp_path / "16.png")
    assert np.abs(Map(tmp_path / "16.png").read()[0, 0].numpy() - depth).max() < 1e-5
    metres = depth * 100
    Image.fromarray(metres).save(tmp_path / "float.tif")
    assert np.array_equal(Map(tmp_path / "float.tif").read()[0, 0].numpy(), metres)


@pytest.mark.parametrize("form", ["8 bits", "16 bits", "array"])
def test_a_mask_of_0_and_1_is_black_and_white(form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mask = np.zeros((40, 60), np.uint16 if form == "16 bits" else np.uint8)
    mask[:, 30:] = 1
    Image.fromarray(mask).save(tmp_path / "mask.png")
    given = Map(mask if form == "array" else tmp_path / "mask.png").read()[0, 0]
    assert np.array_equal(given.numpy(), mask)
    assert "holds 0 and 1 only, so 1 counts as white" in caplog.text
    assert Map(mask.astype(np.float32) / 255).read().max() < 0.01, "floats are what they say"
    caplog.clear()
    assert Map(np.full((4, 4), 128, np.uint8)).read().max() > 0.5
    assert Map(np.zeros((4, 4), np.uint8)).read().max() == 0
    assert not caplog.messages


def test_maps_that_cannot_be(content: Tensor, ramp: Tensor, caplog: pytest.LogCaptureFixture) -> None:
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"where": "mask"}, ParameterError, "Give a mask"),
        ({"where": "everywhere", "map": ramp}, ParameterError, "A map needs --where"),
        ({"where": "mask", "map": ramp}, ParameterError, r"must lie in \[0, 1\]; this one goes from 0 to 7"),
        ({"where": "far", "map": ramp / 0}, ImageError, "NaN or infinity"),
        ({"where": "far", "map": torch.rand(3, 4, 5)}, ImageError, r"\(3, 4, 5\)"),
        ({"where": "far", "map": np.array([["a", "b"]])}, ImageError, "real numbers"),
        ({"where": "mask", "map": ramp * 1j}, ImageError, "real numbers"),
        ({"where": "across", "map": ramp}, ParameterError, "takes no map"),
        ({"where": "far", "inverted": True}, ParameterError, "No map to invert"),
        ({"where": "far", "map": "nowhere.png"}, ImageError, r"nowhere\.png"),
    ]
    for place, error, message in cases:
        with pytest.raises(error, match=message):
            strength_map(SpatialParameters(**place), content)
    with caplog.at_level(logging.WARNING):
        assert strength_map(SpatialParameters(where="far", map=torch.full((5, 5), 3.0)), content) is None
        assert strength(content, where="mask", map=torch.zeros(5, 5)).max() == 0
        assert strength(content, where="mask", map=torch.ones(5, 5)).min() > 0.999
    assert [m for m in ("constant", "empty", "covers the whole") if m not in caplog.text] == []


def test_a_map_is_recorded_by_its_name(tmp_path: Path) -> None:
    place = SpatialParameters(where="mask", map=tmp_path / "mask.png")
    assert place.model_dump(mode="json", exclude_defaults=True) == {"where": "mask", "map": "mask.png"}
    assert SpatialParameters(where="mask", map=np.ones((3, 3))).model_dump(mode="json")["map"] == "MAP"
    with pytest.raises(ValueError, match="should be a picture"):
        Map.of(3)


class Shift(Method):
    """Brighter by as much as ``style`` says."""

    class Parameters(hub.Parameters):
        style: str = "0.2"
        other: str | None = spatial.other_style()

    def setup(self, config: Any, tensors: Any) -> None: ...

    def stylize(self, content: Tensor, parameters: Any, progress: Any) -> Tensor:
        return content + float(parameters.style)


@pytest.fixture
def shift() -> Method:
    return Shift(hub.info("gatys"), torch.device("cpu"), torch.float32)


def test_any_method_keeps_to_the_place(shift: Method, ramp: Tensor) -> None:
    grey = torch.full((1, 3, 30, 40), 0.5)
    far = shift(grey, where="far", map=ramp)[0, 0, 0]
    assert torch.allclose(far, 0.5 + 0.2 * torch.linspace(0, 1, 40), atol=1e-3)
    both = shift(grey, where="far", map=ramp, other="-0.2")[0, 0, 0]
    assert torch.allclose(both, 0.3 + 0.4 * torch.linspace(0, 1, 40), atol=1e-3)
    small = shift(grey, where="far", map=ramp, size=32)[0, 0, 0]
    assert torch.allclose(small, far, atol=0.02)
    with pytest.raises(ParameterError, match="needs --where"):
        shift(grey, other="-0.2")
    picture = shift(Image.new("RGB", (40, 30), "grey"), where="across", other="-0.1")
    assert picture.info["stylehub"]["parameters"] == {"where": "across", "other": "-0.1"}


def test_the_maps_are_returned(shift: Method, photo: Image.Image) -> None:
    maps = shift.maps(photo, where="far")
    assert maps["strength"].size == maps["depth"].size == photo.size
    assert np.asarray(maps["depth"]).min() == 0
    assert np.asarray(maps["depth"]).max() == 255
    assert np.asarray(shift.maps(photo, where="across", angle=90)["strength"])[0].min() == 255
    for place in ({}, {"where": "far", "map": np.ones((5, 5))}):
        maps = shift.maps(photo, **place)  # type: ignore[arg-type]
        assert set(maps) == {"strength"}
        assert np.asarray(maps["strength"]).min() == 255


@pytest.mark.parametrize("name", ["cin-25styles", "adain", "fast-art"])
def test_two_styles_meet(name: str, photo: Image.Image) -> None:
    """Inside a hard mask each half is nearly the style alone; nowhere is it a third thing."""
    method = hub.load(name, device="cpu", dtype="float32")
    large = to_tensor(photo.resize((192, 96)))
    mask = torch.zeros(96, 192)
    mask[:, 96:] = 1
    both = method(large, style="starry-night", other="great-wave", where="mask", map=mask)
    left, right = (method(large, style=style) for style in ("great-wave", "starry-night"))
    for part, alone, foreign in ((slice(0, 64), left, right), (slice(128, 192), right, left)):
        own, other = ((both - p)[..., part].abs().mean() for p in (alone, foreign))
        assert own < 0.5 * other


def test_outside_of_a_mask_the_photo_stays(photo: Image.Image) -> None:
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, photo.width // 2, photo.height))
    for name in ("cin-25styles", "adain"):
        picture = np.asarray(hub.load(name, device="cpu")(photo, style="great-wave", where="mask", map=mask), np.int16)
        rest = slice(photo.width // 2 + 3, None)
        assert np.abs(picture - np.asarray(photo, np.int16))[:, rest].max() <= 1
        assert np.abs(picture - np.asarray(photo, np.int16))[:, : photo.width // 2 - 3].mean() > 5


def test_a_depth_map_may_be_anything_flat(content: Tensor) -> None:
    place = SpatialParameters(where="far", map=np.arange(12).reshape(3, 4) - 5)
    found = depth_map(place, content)
    assert found is not None
    assert found.shape == (2, 1, 30, 40)
    assert found.min() == 0
    assert found.max() == 1
