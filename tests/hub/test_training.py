"""Training: it learns, resumes to the same numbers after any interruption, and leaves one checkpoint."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.errors import StylehubError, TrainingError
from hub.progress import Progress
from hub.trainer import CHECKPOINT, decay, train
from hub.training.data import Epochs, Shards
from hub.weights import read_metadata, read_safetensors
from methods.cin.training import CinSettings, CinTraining
from methods.parts.perceptual.losses import gram_matrix, relative_error, style_distances, total_variation
from tests.support.command import call
from tests.support.models import tiny_training

CPU = torch.device("cpu")


def settings(material: Path, **changes: object) -> CinSettings:
    values = tiny_training(material) | {
        "styles": material / "paintings",
        "checkpoint_every": 1,
        "sheet_every": 3,
    }
    return CinSettings.model_validate(values | changes)


def run(material: Path, out: Path, stop_after: int | None = None, **changes: object) -> list[float]:
    """The loss of every step; an exception after ``stop_after`` of them, as a crash would."""
    losses: list[float] = []

    def watch(progress: Progress) -> None:
        losses.append(progress.losses["loss"])
        if progress.step == stop_after:
            raise KeyboardInterrupt

    recipe = CinTraining(settings(material, **changes), CPU)
    if stop_after:
        with pytest.raises(KeyboardInterrupt):
            train(recipe, out, CPU, watch)
    else:
        train(recipe, out, CPU, watch)
    return losses


def test_resumed_equals_uninterrupted(material: Path, tmp_path: Path) -> None:
    whole = run(material, tmp_path / "whole")
    first = run(material, tmp_path / "halves", stop_after=4)
    second = run(material, tmp_path / "halves", workers=2)
    assert first + second == whole
    a, b = (read_safetensors(tmp_path / name / "weights" / "model.safetensors") for name in ("whole", "halves"))
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_what_a_run_leaves_behind(material: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run(material, out)
    assert sorted(p.name for p in out.iterdir()) == [CHECKPOINT, "logs", "sheets", "weights"]
    assert read_metadata(out / CHECKPOINT)["step"] == "6"
    assert [p.name for p in sorted((out / "sheets").iterdir())] == ["step-000003.png", "step-000006.png"]
    sheet = np.asarray(Image.open(out / "sheets" / "step-000006.png").convert("RGB"))
    assert sheet.std() > 10
    assert len(list((out / "logs").iterdir())) == 1
    config = json.loads((out / "weights" / "config.json").read_text())
    assert config["styles"][0]["name"] == "blue-dots"
    assert config["training"]["steps"] == 6
    assert config["training"]["content"] == ["photos.tar"]
    assert str(material) not in json.dumps(config), "a path of this machine was published"
    photo = Image.new("RGB", (40, 30), "teal")
    assert hub.load(out / "weights", device="cpu")(photo, style="red-stripes").size == (40, 30)


def test_training_starts_from_given_weights(material: Path, tmp_path: Path) -> None:
    run(material, tmp_path / "first", steps=4)
    weights = tmp_path / "first" / "weights" / "model.safetensors"
    recipe = CinTraining(settings(material, initial=weights), CPU)
    assert all(torch.equal(v.half(), read_safetensors(weights)[k]) for k, v in recipe.network.state_dict().items())
    with pytest.raises(StylehubError, match="does not fit"):
        CinTraining(settings(material, initial=weights, width=3), CPU)


def test_without_tensorboard_it_is_one_sentence(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match=r"pip install 'stylehub\[train\]'"):
        train(CinTraining(settings(material), CPU), tmp_path / "run", CPU)
    assert not (tmp_path / "run").exists()


def test_training_lowers_the_loss(material: Path, tmp_path: Path) -> None:
    """Asked for the style alone, it gets nearer to the paintings."""
    rates: dict[str, object] = {"learning_rate": 5e-3, "muon_rate": 0.05, "warmup": 4}
    losses = run(material, tmp_path / "run", steps=24, sheet_every=100, checkpoint_every=100, content_weight=0, **rates)
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])


@pytest.mark.parametrize(("bf16", "rounding"), [(False, 0.01), (True, 0.2)])
def test_imitation_is_the_distance_to_the_teachers_pictures(
    material: Path, tmp_path: Path, bf16: bool, rounding: float
) -> None:
    once: dict[str, object] = {"steps": 1, "sheet_every": 100, "width": 4}
    run(material, tmp_path / "large", **once)
    teacher = tmp_path / "large" / "weights" / "model.safetensors"
    alone: dict[str, object] = {"content_weight": 0, "style_weight": 0, "variation_weight": 0, "light_weight": 0}
    once |= {"teacher": teacher, "bf16": bf16, **alone}
    (far,) = run(material, tmp_path / "another", **once)
    (near,) = run(material, tmp_path / "same", initial=teacher, **once)
    assert near < rounding < 1 < far


@pytest.mark.usefixtures("one_thread")
def test_killed_and_resumed_through_the_command_line(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 in the middle of a run; the same command goes on to the weights of a run that never stopped."""
    start = [sys.executable, "-c", "import tests.support.models, hub.cli; hub.cli.main()"]
    words = ["train", "cin", "--content", str(material / "photos.tar"), "--styles", str(material / "paintings")]
    words += ["--vgg", str(material / "vgg.safetensors"), "--width", "2", "--crops", "32", "--crop-starts", "0"]
    words += ["--style-size", "64", "--batch", "2", "--warmup", "2", "--no-bf16", "--checkpoint-every", "1"]
    words += ["--sheet-every", "100", "--device", "cpu", "--steps", "12"]
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [*start, *words, "--workers", "1", "--out", str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        limit = time.monotonic() + 120
        while not (out / CHECKPOINT).exists():
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < limit
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
    killed_at = int(read_metadata(out / CHECKPOINT)["step"])
    assert killed_at < 12, "it finished before it was killed"
    lowered: list[bool] = []
    monkeypatch.setattr("hub.cli.train.give_way_to_all", lambda: lowered.append(True))
    resumed = call(*words, "--workers", "0", "--out", out, "--background")
    assert lowered, "--background leaves the priority as it is"
    assert re.search(r"^12/12 loss .*; [\d.e+]+ steps/min, 0:00:00 left$", resumed.stderr, re.MULTILINE)
    call(*words, "--workers", "0", "--out", tmp_path / "whole")
    a, b = (read_safetensors(folder / "weights" / "model.safetensors") for folder in (out, tmp_path / "whole"))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not list(out.rglob(".stylehub-*.tmp"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_checkpoint_of_other_settings_is_refused(material: Path, tmp_path: Path) -> None:
    run(material, tmp_path / "run", steps=1)
    before = (tmp_path / "run" / CHECKPOINT).read_bytes()
    with pytest.raises(TrainingError, match="other settings"):
        train(CinTraining(settings(material, width=3), CPU), tmp_path / "run", CPU)
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before


def test_steps_without_a_finite_gradient_are_left_out_then_reported(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = CinTraining(settings(material, steps=20), CPU)
    before = [p.clone() for p in recipe.network.parameters()]
    losses = recipe.losses
    monkeypatch.setattr(recipe, "losses", lambda b, s: {k: v * float("nan") for k, v in losses(b, s).items()})
    with pytest.raises(TrainingError, match="No finite gradient in 10 steps"):
        train(recipe, tmp_path / "run", CPU)
    assert all(torch.equal(a, b) for a, b in zip(before, recipe.network.parameters(), strict=True))


def test_an_average_over_more_steps_than_there_are_is_told(
    material: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is exported would hardly have learnt anything."""
    run(material, tmp_path / "run", stop_after=1, average=0.998)
    assert "looks back over about 500 steps, much of a training of 6" in caplog.text
    caplog.clear()
    run(material, tmp_path / "other", stop_after=1, average=0.0)
    assert "looks back" not in caplog.text


def test_every_style_is_shown_equally_often() -> None:
    epochs = Epochs(5, seed=3)
    shown = [epochs[i] for i in range(50)]
    assert [shown.count(s) for s in range(5)] == [10] * 5
    assert shown[:5] != shown[5:10]
    assert [Epochs(5, seed=3)[i] for i in reversed(range(50))] == shown[::-1]


def test_crops_depend_on_the_step_alone(material: Path) -> None:
    a, b = (CinTraining(settings(material), CPU).batches() for _ in range(2))
    assert torch.equal(a[4], b[4])
    assert not torch.equal(a[4], a[5])
    assert a[4].shape == (2, 3, 32, 32)


def test_learning_rate_warms_up_and_decays(material: Path) -> None:
    s = settings(material, steps=100, warmup=10)
    rates = [decay(s, step) for step in range(100)]
    assert rates[0] < 0.1
    assert 0.9 < max(rates) <= 1
    assert rates[-1] < 0.001
    assert rates == sorted(rates[: rates.index(max(rates)) + 1]) + sorted(
        rates[rates.index(max(rates)) + 1 :], reverse=True
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"content": ["nowhere.tar"]}, "has no tar shards"),
        ({"styles": Path("/nowhere")}, "No painting"),
        ({"vgg": Path("/nowhere.safetensors")}, "nowhere.safetensors"),
    ],
)
def test_material_that_is_missing(material: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(StylehubError, match=message):
        CinTraining(settings(material, **changes), CPU)


def test_damaged_shards_and_samples(tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(TrainingError, match=r"bad\.tar cannot be read"):
        Shards([tmp_path / "bad.tar"])
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(TrainingError, match=r"has no \.jpg samples"):
        Shards([tmp_path / "empty.tar"])
    with tarfile.open(tmp_path / "text.tar", "w") as tar:
        member = tarfile.TarInfo("000000.jpg")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"text"))
    with pytest.raises(TrainingError, match="is not an image"):
        Shards([tmp_path / "text.tar"]).image(0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_gram_matrices_and_their_gradients(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 6, 16, 12).to(dtype).requires_grad_()
    exact = features.detach().double().requires_grad_()
    by_hand = torch.einsum("nchw,ndhw->ncd", exact, exact) / (16 * 12)
    gram = gram_matrix(features)
    assert gram.dtype == torch.float32
    assert torch.allclose(gram.double(), by_hand, atol=tolerance)
    weights = torch.randn(2, 6, 6)
    (gram * weights).sum().backward()
    (by_hand * weights.double()).sum().backward()
    assert features.grad is not None and exact.grad is not None
    assert torch.allclose(features.grad.double(), exact.grad, atol=tolerance, rtol=tolerance)


def test_losses_are_relative() -> None:
    features = torch.rand(2, 4, 6, 5)
    gram = gram_matrix(features)
    by_hand = torch.einsum("nchw,ndhw->ncd", features, features) / 30
    assert torch.allclose(gram, by_hand, atol=1e-6)
    assert torch.allclose(relative_error(features * 3, features), torch.tensor([4.0, 4.0]))
    assert relative_error(features, features).eq(0).all()
    assert relative_error(features * 2, features, floor=100.0).max() < 0.01
    targets = {"relu1_2": gram[:1], "relu2_2": gram[:1] * 2}
    distances = style_distances({"relu1_2": features, "relu2_2": features}, targets)
    assert distances.shape == (2, 2)
    assert distances[0, 0] == 0
    assert distances[1, 0] == pytest.approx(0.25)
    assert gram_matrix(features.to(torch.bfloat16)).dtype == torch.float32
    assert total_variation(torch.ones(1, 3, 4, 4)).item() == 0
    assert total_variation(torch.tensor([0.0, 1.0]).expand(1, 3, 2, 2)).item() == 1
