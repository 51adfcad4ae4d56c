"""Every model of the registry keeps the contract, and every entry is whole."""

import importlib
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

import hub
from hub.method import Method
from hub.progress import Progress
from hub.registry import PACKAGE_ROOT, Entry
from hub.training import TrainingSettings, TrainingTask
from hub.weights import read_metadata
from tests.contract import CHECKS, Check, check_contract
from tests.support.pictures import make_photo

ENTRIES = hub.list()


class Model(NamedTuple):
    """A model, what it needs to be called, and where it keeps what it computes once, such as vectors of paintings."""

    method: Method
    parameters: dict[str, Any]
    cache: Path


@pytest.fixture(scope="module")
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, measured: Path) -> Model:
    """The model of one entry, loaded once for all checks; pytest lets go of it before it asks for the next."""
    entry: Entry = request.param
    method = hub.load(entry.name, device="cpu")
    parameters: dict[str, Any] = {"iterations": 6} if entry.method.iterative else {}  # fewer change too little to see
    if "style-names" in entry.method.inputs:
        parameters["style"] = next(iter(method.styles))
    if "style-images" in entry.method.inputs:
        parameters["style"] = tmp_path_factory.mktemp("style") / "painting.png"
        make_photo().rotate(90, expand=True).save(parameters["style"])
    cache = tmp_path_factory.mktemp("cache")
    (cache / "stylehub").mkdir()
    shutil.copy(measured, cache / "stylehub")
    return Model(method, parameters, cache)


@pytest.fixture
def model(loaded: Model, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("XDG_CACHE_HOME", str(loaded.cache))
    return loaded


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("loaded", ENTRIES, ids=lambda e: e.name, indirect=True)
def test_every_model_keeps_the_contract(model: Model, check: Check, photo: Image.Image, tmp_path: Path) -> None:
    check(model.method, model.parameters, photo, tmp_path)


@pytest.mark.parametrize(
    "loaded", [e for e in ENTRIES if e.method.tiling == "exact"], ids=lambda e: e.name, indirect=True
)
def test_tiles_are_painted_when_they_are_asked_for(
    model: Model, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the check of tiles would compare a picture with itself."""
    steps = []
    for tile in (None, 24):
        monkeypatch.setattr(model.method, "tile", tile)
        seen: list[Progress] = []
        model.method(photo, progress=seen.append, **model.parameters)
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
