"""Every model of the registry keeps the contract, and every entry is whole."""

import importlib
import json
from pathlib import Path

import pytest
from PIL import Image

import hub
from hub.registry import PACKAGE_ROOT, Entry
from hub.training import TrainingSettings, TrainingTask
from hub.weights import read_metadata
from tests.contract import check_contract

ENTRIES = hub.list()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_model_keeps_the_contract(entry: Entry, photo: Image.Image, tmp_path: Path) -> None:
    method = hub.load(entry.name, device="cpu")
    parameters: dict[str, object] = {"iterations": 8} if entry.method.iterative else {}
    if "style-names" in entry.method.inputs:
        parameters["style"] = next(iter(method.styles))
    if "style-images" in entry.method.inputs:
        parameters["style"] = tmp_path / "painting.png"
        photo.rotate(90, expand=True).save(tmp_path / "painting.png")
    check_contract(method, parameters, photo, tmp_path)


def test_a_tiny_random_model_keeps_the_contract(tiny_model: Path, photo: Image.Image, tmp_path: Path) -> None:
    check_contract(hub.load(tiny_model, device="cpu"), {"style": {"starry-night": 1, "senecio": 2}}, photo, tmp_path)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_bundled_weights_have_the_layout_of_their_repository(entry: Entry) -> None:
    files = [spec for spec in entry.model.files if spec.folder]
    if not files:
        pytest.skip("nothing is bundled")
    folder = PACKAGE_ROOT / str(files[0].folder)
    for spec in files:
        config = json.loads(read_metadata(folder / spec.filename)["config"])
        assert config["method"] == (entry.method.weights_of or entry.method_id)
        if entry.model.weights:  # one file, whose configuration lies beside it too
            assert config == json.loads((folder / "config.json").read_text())
    card = (folder / "README.md").read_text()
    assert card.startswith("---\n"), "the model card has no front matter"
    assert "library_name: stylehub" in card


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_method_can_be_trained_when_it_says_so(entry: Entry) -> None:
    if entry.method.training is None:
        pytest.skip("not trained")
    module, _, name = entry.method.training.partition(":")
    recipe = getattr(importlib.import_module(module), name)
    assert issubclass(recipe, TrainingTask)
    assert issubclass(recipe.Settings, TrainingSettings)
