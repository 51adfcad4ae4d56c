"""A checkpoint: a stopped optimisation goes on where it was, and gives the picture that it gives without a stop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.errors import Cancelled, ImageError, ParameterError
from hub.method import Method
from hub.progress import Progress
from methods.parts.optimisation import checkpoint
from methods.parts.perceptual.vgg import VGG

TINY = ((4, 4), (6, 6), (8, 8), (8, 8), (8, 8))


@pytest.fixture
def method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Method:
    """The named method with a tiny perceptual network of random weights."""
    torch.manual_seed(0)
    network = VGG(TINY, "relu5_2", padding="reflect").frozen()
    found = hub.load(getattr(request, "param", "gatys"), device="cpu", dtype="float32")
    monkeypatch.setattr(found, "backbone", lambda parameters: network)
    return found


@pytest.fixture
def painting() -> Image.Image:
    stripes = np.kron(np.random.default_rng(1).integers(0, 255, (12, 10, 3)), np.ones((6, 6, 1)))
    return Image.fromarray(stripes.astype(np.uint8))


def stopping_at(step: int) -> Callable[[Progress], None]:
    def report(p: Progress) -> None:
        if p.losses and p.step == step:
            raise Cancelled("Stopped.")

    return report


@pytest.mark.parametrize(
    ("method", "options", "stops"),
    [
        ("gatys", {"iterations": 9}, (4,)),
        ("gatys", {"iterations": 9, "optimizer": "adam"}, (4, 7)),
        ("gatys", {"iterations": 6, "size": 700}, (1, 5)),  # two scales: stopped in each
        ("gatys", {"iterations": 40, "patience": 0.05}, (23,)),  # it ends early, when it is flat
        ("deep-photo", {"iterations": 5, "parser": "none"}, (3, 8)),
    ],
    indirect=["method"],
)
def test_a_stopped_run_gives_the_same_picture(
    method: Method,
    options: dict[str, Any],
    stops: tuple[int, ...],
    photo: Image.Image,
    painting: Image.Image,
    tmp_path: Path,
) -> None:
    options = {"style": painting, **options}
    seen: list[Progress] = []
    whole = method(photo, progress=seen.append, **options)
    kept = tmp_path / "run.safetensors"
    for stop in stops:
        with pytest.raises(Cancelled):
            method(photo, progress=stopping_at(stop), checkpoint=kept, **options)
        assert kept.exists()
    again: list[Progress] = []
    resumed = method(photo, progress=again.append, checkpoint=kept, **options)
    np.testing.assert_array_equal(np.asarray(resumed), np.asarray(whole))
    losses = [(p.step, p.losses["loss"]) for p in seen if p.losses]
    assert [(p.step, p.losses["loss"]) for p in again if p.losses] == [one for one in losses if one[0] > stops[-1]]
    assert "checkpoint" not in resumed.info["stylehub"]["parameters"]
    assert not list(tmp_path.iterdir())  # nothing stays once the picture is done


def test_it_is_saved_now_and_then(
    method: Method, photo: Image.Image, painting: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SHORTEST", 0.0)
    monkeypatch.setattr(checkpoint, "RATE", float("inf"))
    kept, there = tmp_path / "run.safetensors", []

    def killed(p: Progress) -> None:
        there.append(kept.exists())
        if p.step == 3:
            raise KeyboardInterrupt  # unlike Cancelled, it leaves no time to save

    with pytest.raises(KeyboardInterrupt):
        method(photo, progress=killed, checkpoint=kept, style=painting, iterations=9)
    assert there[-1]
    again: list[Progress] = []
    method(photo, progress=again.append, checkpoint=kept, style=painting, iterations=9)
    assert next(p.step for p in again if p.losses) == 4


def test_that_of_another_run_is_refused(
    method: Method, photo: Image.Image, painting: Image.Image, tmp_path: Path
) -> None:
    kept = tmp_path / "run.safetensors"
    options = {"checkpoint": kept, "iterations": 5}
    with pytest.raises(Cancelled):
        method(photo, progress=stopping_at(2), style=painting, **options)
    before = kept.read_bytes()
    for other in (
        {"style": painting, "style_weight": 7.0},
        {"style": painting.rotate(90, expand=True)},
    ):
        with pytest.raises(ParameterError, match="another photo or of other settings; delete it"):
            method(photo, **{**options, **other})
    with pytest.raises(ParameterError, match="another photo"):
        method(photo.rotate(180), style=painting, **options)
    assert kept.read_bytes() == before
    kept.write_bytes(b"no checkpoint")
    with pytest.raises(ParameterError, match="is damaged; delete it"):
        method(photo, style=painting, **options)


def test_where_it_cannot_be_written(
    method: Method, photo: Image.Image, painting: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ParameterError, match="There is no folder"):
        method(photo, style=painting, checkpoint=tmp_path / "nowhere" / "run.safetensors")
    with pytest.raises(ParameterError, match="one photo"):
        method(torch.rand(2, 3, 64, 64), style=painting, checkpoint=tmp_path / "run.safetensors")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(ImageError, match="free some space"):
        method(photo, progress=stopping_at(2), style=painting, iterations=5, checkpoint=tmp_path / "run.safetensors")
    assert not list(tmp_path.iterdir())
