"""Every model of the registry keeps the contract, and every entry is whole."""

import importlib
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

import hub
from hub.checking import CALLS, DESCRIPTION, Case
from hub.checking.case import make_photo, needed
from hub.progress import Progress
from hub.registry import PACKAGE_ROOT, Entry
from hub.training import TrainingSettings, TrainingTask
from hub.weights import read_metadata
from tests.contract import check_contract

ENTRIES = hub.list()


@pytest.fixture(scope="module")
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, measured: Path) -> Case:
    """The model of one entry, loaded once for all rules; pytest lets go of it before it asks for the next."""
    loading = partial(hub.load, request.param.name)
    method, folder = loading(device="cpu"), tmp_path_factory.mktemp("model")
    (folder / "stylehub").mkdir()
    shutil.copy(measured, folder / "stylehub")
    return Case(method, needed(method, folder), make_photo(), folder, loading)


@pytest.fixture
def model(
    loaded: Case, material: Path, small_maps: None, small_paintings: None, monkeypatch: pytest.MonkeyPatch
) -> Case:
    """What it computes once, such as vectors of paintings, is kept for all rules.

    What judges and what finds places is small, since the rules are about the calls.
    """
    monkeypatch.setenv("STYLEHUB_VGG", str(material / "vgg.safetensors"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(loaded.folder))
    return loaded


@pytest.mark.parametrize("rule", CALLS, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("loaded", ENTRIES, ids=lambda e: e.name, indirect=True)
def test_every_model_keeps_the_contract(model: Case, rule: Callable[[Case], None]) -> None:
    rule(model)


@pytest.mark.parametrize("rule", DESCRIPTION, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_model_is_described_whole(entry: Entry, rule: Callable[[Entry], None]) -> None:
    rule(entry)


@pytest.mark.parametrize(
    "loaded", [e for e in ENTRIES if e.method.tiling == "exact"], ids=lambda e: e.name, indirect=True
)
def test_tiles_are_painted_when_they_are_asked_for(model: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the check of tiles would compare a picture with itself."""
    steps = []
    for tile in (None, 24):
        monkeypatch.setattr(model.method, "tile", tile)
        seen: list[Progress] = []
        model.method(model.photo, progress=seen.append, **model.parameters)
        steps.append(len(seen))
    assert steps[0] < steps[1]


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
