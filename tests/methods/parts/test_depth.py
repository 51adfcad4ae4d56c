"""Depth: the network, the scenes it learns from, its losses, the maps of photos; `depth-adain`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.errors import StylehubError
from hub.progress import Progress
from hub.trainer import train
from methods.parts.dense.depth.estimate import estimate
from methods.parts.dense.depth.scenes import scene
from methods.parts.dense.depth.training import DepthSettings, DepthTraining, gradients, normalised, ranked, trimmed
from methods.parts.dense.guided import guided
from methods.parts.dense.hourglass import Hourglass
from tests.support.shards import depth_shard

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rendered() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    textures = [rng.random((32, 32, 3), dtype=np.float32) for _ in range(4)]
    pictures, maps = zip(*(scene(textures, 60, 80, np.random.default_rng(i)) for i in range(8)), strict=True)
    return np.stack(pictures), np.stack(maps)


def test_scenes_have_their_exact_depth(rendered: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, maps = rendered
    assert pictures.shape == (8, 60, 80, 3)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert np.isfinite(maps).all()
    assert (maps >= 0).all()
    assert all(picture.std() > 0.02 and plane.max() > 0 for picture, plane in zip(pictures, maps, strict=True))
    # What runs away does so towards the horizon: over all scenes, near is below far.
    assert np.mean(maps[:, -5:]) > 2 * np.mean(maps[:, 20:25])


def test_the_ground_is_as_far_as_geometry_says() -> None:
    """Straight down the middle of an empty scene 1 / depth falls linearly with the row, to 0 at the horizon."""
    rng = np.random.default_rng(1)
    textures = [rng.random((8, 8, 3), dtype=np.float32)]
    for seed in range(40):
        _, inverse = scene(textures, 64, 64, np.random.default_rng(seed))
        column = inverse[40:, 32]
        steps = np.diff(column)
        if (np.abs(steps - steps.mean()) < 1e-3 * abs(column).max()).all() and column[0] > 0:
            return
    pytest.fail("no scene shows its bare ground in the middle")


def test_the_losses_know_no_scale_and_no_shift() -> None:
    torch.manual_seed(0)
    wanted = torch.rand(2, 20, 30)
    wanted[:, :3] = torch.nan
    known, full = wanted.isfinite(), wanted.nan_to_num(0)
    found = 3 * full + 7
    difference = normalised(found, known) - normalised(full, known)
    assert trimmed(difference, known).max() < 1e-5
    assert gradients(difference, known).max() < 1e-3
    wrong = normalised(-found, known) - normalised(full, known)
    assert trimmed(wrong, known).min() > 0.5
    random = torch.Generator().manual_seed(0)
    assert (ranked(found, wanted, random) < ranked(torch.zeros_like(found), wanted, random)).all()
    assert (ranked(-found, wanted, random) > ranked(torch.zeros_like(found), wanted, random)).all()


def test_what_is_unknown_has_no_gradient() -> None:
    torch.manual_seed(0)
    wanted = torch.rand(2, 20, 30)
    wanted[:, :9] = torch.nan
    found = torch.rand(2, 20, 30, requires_grad=True)
    known = wanted.isfinite()
    difference = normalised(found, known) - normalised(wanted.nan_to_num(0), known)
    loss = trimmed(difference, known) + gradients(difference, known)
    (loss + ranked(found, wanted, torch.Generator().manual_seed(0))).sum().backward()
    assert found.grad is not None
    assert found.grad.isfinite().all()
    assert found.grad[:, :9].abs().max() == 0
    assert found.grad[:, 9:].abs().max() > 0


def test_the_network_halves_the_sides() -> None:
    network = Hourglass(((4, 4), (6, 6), (8, 8, 8), (8,)), 1, 16)
    assert network(torch.rand(2, 3, 64, 96)).shape == (2, 1, 32, 48)


def test_a_map_gets_the_edges_of_its_photo() -> None:
    photo = torch.zeros(1, 3, 128, 128)
    photo[..., 64:] = 1
    small = torch.nn.functional.interpolate(photo, (16, 16), mode="area")
    blurred = torch.nn.functional.avg_pool2d(small[:, :1], 5, 1, 2, count_include_pad=False) * 4 + 2
    sharp = guided(photo, small, blurred, radius=2)[0, 0, 64]
    smooth = torch.nn.functional.interpolate(blurred, (128, 128), mode="bilinear")[0, 0, 64]
    assert sharp[60] < smooth[60] - 0.2
    assert sharp[68] > smooth[68] + 0.2
    assert sharp[[0, 127]].tolist() == pytest.approx([2, 6], abs=0.2)
    constant = guided(photo, small, torch.full((1, 1, 16, 16), 3.0), radius=2)
    assert torch.allclose(constant, torch.full_like(constant, 3.0), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (40, 3), (31, 47), (200, 40), (90, 160)])
def test_depth_of_any_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    far = estimate(torch.rand(2, 3, *size))
    if far is None:
        assert size == (1, 1), "only a single place may have no depth"
        return
    assert far.shape == (2, 1, *size)
    assert far.min() == 0
    assert far.max() == 1
    assert far.isfinite().all()


def test_the_bundled_network_sees_ground_and_sky() -> None:
    """On rendered scenes that it never saw, far above the order that chance or 'lower is nearer' would give."""
    rng = np.random.default_rng(11)
    textures = [rng.random((48, 48, 3), dtype=np.float32) for _ in range(4)]
    right, lower = [], []
    for seed in range(6):
        picture, inverse = scene(textures, 192, 256, np.random.default_rng([77, seed]))
        far = estimate(torch.from_numpy(picture).permute(2, 0, 1)[None])
        assert far is not None
        places = rng.integers(0, inverse.size, (2, 4000))
        one, other = (inverse.ravel()[p] for p in places)
        apart = (one > 1.1 * other) | (other > 1.1 * one)
        found = far.flatten().numpy()
        right.append(((found[places[0]] < found[places[1]]) == (one > other))[apart].mean())
        rows = places // 256
        lower.append(((rows[0] > rows[1]) == (one > other))[apart].mean())
    assert np.mean(right) > 0.85
    assert np.mean(right) > np.mean(lower)


def test_without_transformers_there_are_two_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(StylehubError, match=r"pip install transformers.*bundled.*--map"):
        estimate(torch.rand(1, 3, 64, 64), "depth-anything")


def test_training_lowers_the_losses(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("methods.parts.dense.depth.training.SIZE", (64, 96))
    rng = np.random.default_rng(0)
    settings = DepthSettings.model_validate(
        {
            "depth": [depth_shard(tmp_path / "depth.tar", 4, rng)],
            "ordinal": [depth_shard(tmp_path / "ordinal.tar", 2, rng)],
            "content": [material / "photos.tar"],
            "batch": 1,
            "rendered": 1,
            "steps": 16,
            "warmup": 2,
            "workers": 0,
            "bf16": False,
        }
    )
    seen: list[Progress] = []
    folder = train(DepthTraining(settings, CPU), tmp_path / "run", CPU, seen.append)
    for name in ("order", "error"):
        values = [p.losses[name] for p in seen]
        assert np.mean(values[-4:]) < np.mean(values[:4])
    assert "ruled" in seen[0].losses
    config = json.loads((folder / "config.json").read_text())
    assert config["method"] == "depth"


def test_near_keeps_its_detail_and_far_is_painted(photo: Image.Image) -> None:
    method = hub.load("depth-adain", device="cpu", dtype="float32")
    large = photo.resize((240, 160))
    ramp = np.tile(np.linspace(0, 1, 240, dtype=np.float32), (160, 1))
    plain = np.asarray(method(large, style="great-wave", where="everywhere"), np.int16)
    painted = np.asarray(method(large, style="great-wave", map=ramp), np.int16)
    original = np.asarray(large, np.int16)
    assert np.abs(painted - original)[:, :40].mean() < 0.5 * np.abs(plain - original)[:, :40].mean()
    assert np.abs(painted - original)[:, :2].max() <= 3, "what is nearest is the photo itself"
    assert np.abs(painted - plain)[:, 200:].mean() < 0.5 * np.abs(original - plain)[:, 200:].mean()
    assert method(large, style="great-wave").info["stylehub"]["parameters"] == {
        "style": "hokusai-great-wave",
        "stroke": "medium",
    }


def test_it_is_adain_when_the_place_is_everywhere(photo: Image.Image) -> None:
    one, two = (hub.load(name, device="cpu") for name in ("depth-adain", "adain"))
    assert one.weights_sha256 == two.weights_sha256
    assert np.array_equal(one(photo, style="starry-night", where="everywhere"), two(photo, style="starry-night"))
    assert np.array_equal(one(photo, style="starry-night"), two(photo, style="starry-night", where="far"))
