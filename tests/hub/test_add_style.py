"""Adding a style: what is learnt, what stays as it was, where it is found, what is refused."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.errors import Cancelled, ImageError, ParameterError, StylehubError, UnknownName, WeightsError
from hub.files import user_data
from hub.progress import Progress
from hub.trainer.add_style import add_style
from hub.weights import read_metadata, read_safetensors, write_safetensors
from methods.cin.add_style import AddStyleTraining, with_one_row
from tests.support.command import call


@pytest.fixture
def learn(material: Path, tiny_model: Path, tmp_path: Path) -> Any:
    def learn(name: str = "mine", **changes: Any) -> Path:
        settings: dict[str, Any] = {
            "painting": material / "paintings" / "red-stripes.png",
            "out": tmp_path / f"{name}.safetensors",
            "content": [material / "photos.tar"],
            "vgg": material / "vgg.safetensors",
            "steps": 3,
            "crops": [32],
            "crop_starts": [0.0],
            "style_size": 64,
            "batch": 2,
            "bf16": False,
        }
        return add_style(tiny_model, name=name, device="cpu", **(settings | changes))

    return learn


def test_it_learns_and_the_filters_stay(learn: Any, whole_vgg: Path, tiny_model: Path) -> None:
    seen: list[Progress] = []
    path = learn(steps=40, vgg=whole_vgg, progress=seen.append)
    losses = [p.losses["loss"] for p in seen]
    assert np.mean(losses[-8:]) < 0.9 * np.mean(losses[:8])
    assert [p.step for p in seen if p.preview] == [20, 40]
    row = read_safetensors(path)
    assert {name.rpartition(".")[2] for name in row} == {"scale", "shift"}
    assert all(tensor.shape[0] == 1 for tensor in row.values())
    assert path.stat().st_size < 25_000  # with a picture of noise, which is the largest

    before, after = (hub.load(tiny_model, device="cpu", styles=styles) for styles in ([], [path]))
    old, new = before.network.state_dict(), after.network.state_dict()
    for name, tensor in old.items():
        assert torch.equal(new[name][: len(tensor)] if ".norm." in name else new[name], tensor)
    assert torch.equal(new["layers.0.norm.scale"][3:], row["layers.0.norm.scale"].to(old["layers.0.norm.scale"].dtype))


def test_the_file_says_in_what_it_was_learnt(learn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left out, the precision is the one that is measured to be faster."""
    asked: list[torch.device] = []
    monkeypatch.setattr("hub.training.settings.training_dtype", lambda device: asked.append(device) or torch.bfloat16)
    for name, changes in {"measured": {"bf16": None}, "said": {"bf16": False}}.items():
        config = json.loads(read_metadata(learn(name, steps=1, **changes))["config"])
        assert config["training"]["bf16"] is (name == "measured")
    assert asked == [torch.device("cpu")]


def test_only_the_row_can_change(tiny_model: Path) -> None:
    base = hub.load(tiny_model, device="cpu", dtype="float32").network
    one = with_one_row(base, 1)
    assert {name.split(".")[2] for name, p in one.named_parameters() if p.requires_grad} == {"norm"}
    content = torch.rand(1, 3, 32, 32)
    assert torch.equal(one(content, torch.ones(1, 1)), base(content, torch.tensor([[0.0, 1.0, 0.0]])))


def test_it_starts_from_the_nearest_style(learn: Any, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    find = AddStyleTraining.nearest
    monkeypatch.setattr(AddStyleTraining, "nearest", lambda self, network: seen.append(find(self, network)) or seen[0])
    path = learn(steps=1, learning_rate=1e-9)
    base = hub.load(tiny_model, device="cpu", dtype="float32", styles=[])
    style = list(base.styles)[int(seen[0])]
    mine = hub.load(tiny_model, device="cpu", dtype="float32", styles=[path])
    content = torch.rand(1, 3, 32, 32)
    assert (mine(content, style="mine") - base(content, style=style)).abs().max() < 1e-3


def test_it_is_found_by_itself_and_blends(learn: Any, tiny_model: Path, photo: Image.Image) -> None:
    before = np.asarray(hub.load(tiny_model, device="cpu")(photo, style="klee-senecio"))
    path = learn(out=None, title="Mine")
    assert path.parent.parent == user_data() / "styles"
    style = hub.load(tiny_model, device="cpu")
    assert style.styles["mine"].title == "Mine"
    assert np.array_equal(before, style(photo, style="klee-senecio")), "an old style has changed"
    own = style(photo, style="mine")
    blend = style(photo, style={"mine": 0.5, "klee-senecio": 0.5})
    assert not np.array_equal(own, before)
    assert not np.array_equal(own, blend)
    assert list(blend.info["stylehub"]["added_styles"]) == ["mine"]
    assert "added_styles" not in style(photo, style="klee-senecio").info["stylehub"]
    assert "mine" in hub.load(tiny_model, device="cpu", styles=["mine"]).styles
    assert "mine" not in hub.load(tiny_model, device="cpu", styles=[]).styles


def test_one_that_does_not_fit_is_left_out_or_refused(
    learn: Any, tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = learn(out=None)
    other = learn("other")
    config = json.loads(read_metadata(other)["config"]) | {"adds_to": "0" * 64}
    write_safetensors(good.with_name("other.safetensors"), read_safetensors(other), {"config": json.dumps(config)})
    good.with_name("broken.safetensors").write_bytes(b"no weights")
    with caplog.at_level(logging.WARNING):
        assert [n for n in hub.load(tiny_model, device="cpu").styles if n in ("mine", "other", "broken")] == ["mine"]
    assert "other is skipped" in caplog.text
    assert "broken is skipped" in caplog.text
    assert "mine" in hub.load(tiny_model, device="cpu", styles="mine").styles
    with pytest.raises(WeightsError, match="learn it again"):
        hub.load(tiny_model, device="cpu", styles=["other"])
    with pytest.raises(WeightsError, match=r"missing|unexpected|wrong shape"):
        config["adds_to"] = json.loads(read_metadata(good)["config"])["adds_to"]
        write_safetensors(other, {"layers.0.norm.scale": torch.ones(1, 9)}, {"config": json.dumps(config)})
        hub.load(tiny_model, device="cpu", styles=[other])
    with pytest.raises(WeightsError, match="already has a style"):
        hub.load(tiny_model, device="cpu", styles=[good, good])
    with pytest.raises(UnknownName, match="mine"):
        hub.load(tiny_model, device="cpu", styles=["mien"])
    with pytest.raises(UnknownName, match=r"none\.safetensors does not exist"):
        hub.load(tiny_model, device="cpu", styles=[tmp_path / "none.safetensors"])
    with pytest.raises(WeightsError, match="is a style for"):
        hub.load(good)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"name": "../mine"}, ParameterError, "cannot be a style name"),
        ({"name": "Mine"}, ParameterError, "cannot be a style name"),
        ({"name": "klee-senecio"}, ParameterError, "already has a style"),
        ({"name": "senecio"}, ParameterError, "already has a style 'klee-senecio', so 'senecio' is taken"),
        ({"name": "a" * 300}, ParameterError, "64 at most"),
        ({"out": f"{__file__}/x.safetensors"}, ParameterError, "Cannot create the folder"),
        ({"painting": Image.new("RGB", (64, 64), "teal")}, ImageError, "one colour"),
        ({"painting": b"no picture"}, ImageError, ""),
        ({"vgg": "nowhere.safetensors"}, WeightsError, "nowhere.safetensors"),
        ({"steps": 0}, ParameterError, "steps"),
        ({"content": ["nowhere"]}, StylehubError, "nowhere"),
        ({"out": "style.png"}, ParameterError, r"\.safetensors"),
    ],
)
def test_what_is_refused(
    learn: Any, tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        learn(**changes)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_told_before_the_training(
    learn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ParameterError, match="cannot be written; choose another"):
        learn(out=tmp_path / "x.safetensors")


def test_nothing_is_written_before_the_end(learn: Any, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        learn(progress=stop)
    assert not list(tmp_path.iterdir())
    path = learn()
    old = path.read_bytes()
    with pytest.raises(ParameterError, match="overwrite"):
        learn()
    with pytest.raises(Cancelled):
        learn(progress=stop, overwrite=True)
    assert path.read_bytes() == old
    learn(overwrite=True, steps=4)
    assert path.read_bytes() != old


def test_the_command(material: Path, tiny_model: Path, tmp_path: Path, photo_file: Path) -> None:
    painting, out = material / "paintings" / "red-stripes.png", tmp_path / "out.png"
    flags = f"--content {material}/photos.tar --vgg {material}/vgg.safetensors --steps 2 --crops 32 --crop-starts 0"
    words = ["add-style", painting, "--name", "mine", "--model", tiny_model]
    taught = call(*words, *flags.split(), "--style-size", "64")
    assert taught.exit_code == 0, taught.output
    path, shown = taught.stdout.split()[:2]
    assert Path(path).name == "mine.safetensors"
    assert Image.open(shown).size == (256, 256)
    assert call("stylize", tiny_model, photo_file, "--style", "mine", "-o", out).exit_code == 0
    assert Image.open(out).size == Image.open(photo_file).size
    assert "did you mean steps" in call(*words, "--stepps", "3").sentence
