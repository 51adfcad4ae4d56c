"""Drafts and revisions: the same painting at any size."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import hub
from hub import revision
from hub.errors import ParameterError
from hub.images import LUMA, resized
from hub.method import Method
from hub.parameters import StrokeParameters
from hub.progress import Progress, ProgressCallback
from hub.provenance import command


class Shift(Method):
    """Adds a colour, and keeps the sizes that it was called with."""

    Parameters = StrokeParameters
    amount = 0.0

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self.seen: list[tuple[int, int]] = []

    def stylize(self, content: Tensor, parameters: StrokeParameters, progress: ProgressCallback) -> Tensor:
        self.seen.append((content.shape[2], content.shape[3]))
        progress(Progress(1, 2))
        return (content + self.amount).clamp(0, 1)


@pytest.fixture
def shift() -> Shift:
    method = Shift(hub.info("cin-25styles"), torch.device("cpu"), torch.float32)
    method.setup({}, {})
    return method


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("columns", [203, 201])
def test_a_correction_is_enlarged_as_torch_enlarges_it(layout: torch.memory_format, columns: int) -> None:
    """In each layout, also for a part of a wider picture."""
    torch.manual_seed(0)
    picture = torch.full((2, 3, 301, 203), 0.5).to(memory_format=layout)[..., :columns]
    correction = 0.3 * torch.rand(2, 3, 37, 29) - 0.15
    expected = picture + F.interpolate(correction, (301, columns), mode="bicubic", align_corners=False)
    revision.add_enlarged(picture, correction)
    assert (picture - expected.clamp(0, 1)).abs().max() < 1e-5


@pytest.mark.parametrize("stroke", ["fine", "medium", "large", 64, 100])
def test_a_method_that_changes_nothing_gives_the_photo_to_the_bit(shift: Shift, stroke: str | int) -> None:
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8))
    assert np.array_equal(shift(photo, stroke=stroke), photo)


def test_a_draft_then_revisions_up_to_the_size_of_the_photo(shift: Shift) -> None:
    shift(torch.rand(1, 3, 1300, 1700), stroke=64)
    assert shift.seen[0] == (64, 84)
    assert shift.seen[-1] == (1300, 1700)
    heights = [height for height, _ in shift.seen]
    assert all(a < b <= a * (revision.STEP + 0.1) for a, b in pairwise(heights))


@pytest.mark.parametrize(
    ("size", "stroke"),
    [
        ((1300, 700), "fine"),
        ((500, 640), "medium"),
        ((60, 900), 64),
        ((300, 400), 16384),
        ((1, 1), "large"),
        ((1, 3000), 64),
    ],
)
def test_one_pass_when_strokes_are_fine_or_the_photo_is_small(
    shift: Shift, size: tuple[int, int], stroke: str | int
) -> None:
    shift(torch.rand(1, 3, *size), stroke=stroke)
    assert shift.seen == [size]


def test_a_draft_of_the_photos_size_is_one_pass(shift: Shift) -> None:
    shift.amount = 0.3
    photo = torch.rand(1, 3, 200, 260)
    assert torch.equal(shift(photo, stroke=200), shift(photo, stroke="fine"))


@pytest.mark.parametrize(("height", "width"), [(200, 6000), (6000, 200)])
def test_a_long_panorama_has_strokes_by_its_short_side(shift: Shift, height: int, width: int) -> None:
    shift.amount = 0.25
    result = shift(torch.full((1, 3, height, width), 0.5), stroke=64)
    assert [min(size) for size in shift.seen] == [64, 200]
    assert (result - 0.75).abs().max() < 0.01


def test_the_stroke_belongs_to_the_working_size(shift: Shift) -> None:
    """With a working size the photo is reduced first; a draft that is larger than this is one pass."""
    photo = torch.rand(1, 3, 300, 400)
    assert shift(photo, size=150, stroke=64).shape == photo.shape
    assert shift.seen == [(64, 85), (150, 200)]
    shift.seen.clear()
    shift(photo, size=150, stroke="medium")
    assert shift.seen == [(150, 200)]


@pytest.mark.parametrize("stroke", ["fine", 64])
def test_a_photo_with_nan_is_refused_at_every_stroke(shift: Shift, stroke: str | int) -> None:
    photo = torch.rand(1, 3, 200, 260)
    photo[0, 1, 7, 9] = torch.nan
    with pytest.raises(ParameterError, match=r"must lie in \[0, 1\], without NaN"):
        shift(photo, stroke=stroke)


def test_the_photo_of_the_caller_is_not_changed(shift: Shift) -> None:
    shift.amount = 0.3
    photo = torch.rand(1, 3, 200, 260)
    before = photo.clone()
    shift(photo, stroke=64)
    assert torch.equal(photo, before)


@pytest.mark.parametrize("more", [{"strength": 0.5}, {"keep_color": True}, {"size": 150}])
def test_it_works_with_what_every_method_has(shift: Shift, more: dict[str, Any]) -> None:
    """A colour that is added is added once, however many passes there are."""
    shift.amount = 0.25
    photo = torch.full((1, 3, 300, 400), 0.5)
    fine, large = shift(photo, stroke="fine", **more), shift(photo, stroke=64, **more)
    assert (fine - large).abs().max() < 0.01


def test_a_mask_is_kept_at_every_size(shift: Shift) -> None:
    shift.amount = 0.25
    photo, mask = torch.full((1, 3, 300, 400), 0.5), torch.zeros(300, 400)
    mask[:, :200] = 1
    result = shift(photo, stroke=64, where="mask", map=mask)
    assert (result[..., :180] - 0.75).abs().max() < 0.02
    assert (result[..., 220:] - 0.5).abs().max() < 0.02


def test_progress_rises_to_its_end(shift: Shift) -> None:
    seen: list[Progress] = []
    shift(torch.rand(1, 3, 700, 500), stroke=64, progress=seen.append)
    shares = [p.step / p.of for p in seen]
    assert shares == sorted(shares)
    assert len(shares) > 2
    assert shares[-1] == 1


@pytest.mark.parametrize("wrong", ["tiny", 5, 1.5, "12", 20000])
def test_strokes_that_cannot_be(shift: Shift, wrong: Any) -> None:
    with pytest.raises(ParameterError, match="large, or a whole number from 64 to 16384"):
        shift(torch.rand(1, 3, 40, 40), stroke=wrong)


def test_large_strokes_look_from_afar_like_the_small_painting(photo: Image.Image) -> None:
    """Reduced, the painting is nearly the draft, in lightness down to its strokes and in colours in the large."""
    model = hub.load("cin-25styles-lite", device="cpu", dtype="float32")
    large = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    large = F.interpolate(large, (640, 768), mode="bicubic").clamp(0, 1)
    draft = model(resized(large, (160, 192)), style="starry-night", stroke="fine")

    def from_afar(stroke: str | int) -> torch.Tensor:
        return resized(model(large, style="starry-night", stroke=stroke), (160, 192)) - draft

    painted, one_pass = from_afar(160), from_afar("fine")
    lightness = (painted * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1)
    assert lightness.abs().mean() < 0.015
    assert resized(painted, (40, 48)).abs().mean() < 0.005
    assert one_pass.abs().mean() > 3 * painted.abs().mean()


def test_no_drift_in_the_sky_and_no_halo_beyond_the_drafts_outlines() -> None:
    """A smooth sky above a black wall with a white door: seen from afar nothing is brighter or darker than in the draft."""
    model = hub.load("cin-25styles-lite", device="cpu", dtype="float32")
    sky = torch.tensor([0.35, 0.55, 0.85]).lerp(torch.tensor([0.75, 0.85, 0.95]), torch.linspace(0, 1, 480)[:, None])
    scene = sky.T[None, :, :, None].repeat(1, 1, 1, 640)
    scene[..., 240:, 320:], scene[..., 360:, 480:] = 0.03, 0.97
    draft = model(resized(scene, (120, 160)), style="munch-the-scream", stroke="fine")
    painted = resized(model(scene, style="munch-the-scream", stroke=120), (120, 160))
    assert F.adaptive_avg_pool2d(painted - draft, (15, 20)).abs().max() < 0.03
    light, own = ((x * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1) for x in (painted, draft))
    assert light.max() < own.max() + 0.05
    assert light.min() > own.min() - 0.05


def test_colours_come_from_the_draft_in_the_large_only(shift: Shift) -> None:
    """Of a draft that is coloured in stripes, a revision keeps the lightness of the stripes, not their colours."""
    stripes = torch.zeros(1, 3, 64, 64)
    stripes[:, 0, :, ::4] = 0.4
    kept = F.interpolate(revision._large_strokes(stripes, 1), (64, 64), mode="bicubic")
    gray = (kept * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    assert (kept - gray).std(3).mean() < 0.01
    assert gray.std(3).mean() > 0.03
    assert torch.allclose(kept.mean((2, 3)), stripes.mean((2, 3)), atol=0.01)


def test_whole_and_in_tiles_are_the_same(photo: Image.Image, tmp_path: Path) -> None:
    model = hub.load("cin-25styles-lite", device="cpu", dtype="float32")
    large = photo.resize((700, 560))
    at_once = np.asarray(model(large, style="udnie", stroke=128), np.int16)
    model.tile = 128
    assert np.abs(np.asarray(model(large, style="udnie", stroke=128), np.int16) - at_once).max() <= 1


def test_a_recipe_makes_the_same_picture_again(photo: Image.Image) -> None:
    model = hub.load("cin-25styles-lite", device="cpu", dtype="float32")
    large = photo.resize((400, 320))
    made = model(large, style="udnie", stroke=100)
    recipe = made.info["stylehub"]["parameters"]
    assert recipe["stroke"] == 100
    assert np.array_equal(model(large, **recipe), made)
    older = {key: value for key, value in recipe.items() if key != "stroke"} | {"stroke": "fine"}
    assert not np.array_equal(model(large, **older), made)


def test_the_record_says_the_stroke_and_older_records_mean_fine(photo: Image.Image) -> None:
    model = hub.load("cin-25styles-lite", device="cpu")
    made = model(photo, style="udnie").info["stylehub"]
    assert made["parameters"]["stroke"] == "medium"
    assert "--stroke medium" in command(made)
    del made["parameters"]["stroke"], made["contract"]
    assert "--stroke fine" in command(made)
    assert "--stroke" not in command(made | {"model": "fast-photo"})
