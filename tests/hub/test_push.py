"""`stylehub push` through the real hub client, to a hub on this machine; what was pushed loads and paints the same."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from PIL import Image

import hub
from hub import registry
from hub.publishing import push
from hub.scaffold import new
from hub.weights import sha256_of, write_model
from tests.support import loopback_hub as lh
from tests.support.command import call
from tests.support.models import STYLES, random_network
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("quick_client")
TOKEN = "hf_aTokenWithTheRightToWrite"
ENTRY = """
methods:
  strange-cin:
    plugin: methods.cin.method:Cin
    weights_of: cin
    tasks: [single]
    inputs: [content, style-names]
    tiling: exact
    half: true
    code_license: MIT
    paper: {title: Tiny, authors: Nobody, year: 2020, url: "https://arxiv.org/abs/1610.07629"}
    models:
      tiny:
        title: Tiny
        summary: For the tests.
        weights:
          folder: weights  # beside this file
          license: MIT
          sha256: "SHA256"
          bytes: 1
"""
CARD = """---
license: mit
library_name: stylehub
---
## The method

Tiny.

## Parameters

Few.

## Limits

Many.
"""


@pytest.fixture
def server() -> Iterator[lh.LoopbackHub]:
    with lh.LoopbackHub() as server:
        server.token = TOKEN
        yield server


@pytest.fixture
def ink(tmp_path: Path) -> Path:
    return new(tmp_path / "ink", weights=True)


def test_new_check_push_load(server: lh.LoopbackHub, ink: Path, photo: Image.Image, tmp_path: Path) -> None:
    """The entry pins the commit; without the bundled file the same picture is made to the bit."""
    bundled = hub.load(ink, trust=True, device="cpu")(photo)
    result = call("push", ink, "--to", "someone/ink", "--token", TOKEN, "--endpoint", server.url)
    assert result.exit_code == 0
    (commit,) = server.files["someone/ink"]
    assert f"hf://someone/ink@{commit}" in result.stdout
    files = server.files["someone/ink"][commit]
    assert set(files) == {"README.md", "config.json", "model.safetensors"}
    spec = hub.info(ink).model.weights
    assert spec is not None
    assert (spec.repo_id, spec.revision) == ("someone/ink", commit)
    shutil.rmtree(ink / "weights")
    again = hub.load(ink, trust=True, device="cpu", endpoint=server.url, token=TOKEN, cache_dir=tmp_path / "cache")
    assert again(photo).tobytes() == bundled.tobytes()


def test_what_was_pushed_loads_by_its_address(
    server: lh.LoopbackHub, install: Callable[..., Path], photo: Image.Image, tmp_path: Path
) -> None:
    """Weights for an installed method, in a package that is not ours; pushed twice, since the entry knows the commit."""
    package = install("strange", "")
    config = {"method": "cin", "width": 4, "styles": [{"name": name} for name in STYLES]}
    write_model(package / "weights", random_network().state_dict(), config)
    for place in (package / "weights", package):  # with the weights, and with the code that shares them
        (place / "README.md").write_text(CARD)
    file = package / "weights" / "model.safetensors"
    entry = ENTRY.replace("SHA256", sha256_of(file)).replace("bytes: 1", f"bytes: {file.stat().st_size}")
    (package / "registry.yaml").write_text(entry)
    registry.refresh()
    words = ["push", "tiny", "--token", TOKEN, "--endpoint", server.url]
    first = call(*words, "--to", "someone/tiny", "--json")
    assert first.exit_code == 0, first.sentence
    facts = json.loads(first.stdout)
    name = f"hf://someone/tiny@{facts['commit']}"
    options = {"endpoint": server.url, "token": TOKEN, "cache_dir": tmp_path, "device": "cpu"}
    there = hub.load(name, **options)(photo, style="senecio")
    assert there.tobytes() == hub.load("tiny", **options)(photo, style="senecio").tobytes()
    assert "folder: weights  # beside this file" in (package / "registry.yaml").read_text()
    registry.refresh()
    (package / "weights" / "README.md").write_text(CARD + "More.\n")
    assert call(*words).exit_code == 0
    assert len(server.files["someone/tiny"]) == 2


def test_a_dry_run_shows_the_commit_alone(server: lh.LoopbackHub, ink: Path) -> None:
    before = (ink / "registry.yaml").read_text()
    result = call("push", ink, "--to", "someone/ink", "--dry-run", "--endpoint", server.url)
    assert "model someone/ink: stylehub" in result.stdout
    assert "model.safetensors" in result.stdout
    assert server.count() == 0
    assert (ink / "registry.yaml").read_text() == before
    files = json.loads(call("push", ink, "--to", "someone/ink", "--dry-run", "--json").stdout)["files"]
    assert files["config.json"] > 0


@pytest.mark.parametrize(
    ("refuse", "message"),
    [
        (lh.UNAUTHORISED, "the token is missing or not valid; run `hf auth login`"),
        ((403, {}), "the token may not write to someone/ink"),
        (lh.BROKEN, "answered with status 500"),
    ],
)
def test_a_push_that_is_refused(
    server: lh.LoopbackHub, ink: Path, refuse: tuple[int, dict[str, str]], message: str
) -> None:
    before, server.refuse = (ink / "registry.yaml").read_text(), refuse
    result = call("push", ink, "--to", "someone/ink", "--token", TOKEN, "--endpoint", server.url)
    assert message in result.sentence
    assert (ink / "registry.yaml").read_text() == before


def test_a_push_that_cannot_be(server: lh.LoopbackHub, ink: Path, tmp_path: Path) -> None:
    words = ["--token", TOKEN, "--endpoint", server.url]
    server.files["someone/ink"] = {"0" * 40: {}}
    assert "exists already; add to it with --overwrite" in call("push", ink, "--to", "someone/ink", *words).sentence
    assert call("push", ink, "--to", "someone/ink", *words, "--overwrite").exit_code == 0
    assert "names no repository" in call("push", new(tmp_path / "other", weights=True), *words).sentence
    assert "has no `weights:`" in call("push", new(tmp_path / "plain"), "--to", "a/b", *words).sentence
    assert "write owner/name" in call("push", ink, "--to", "not a name", *words).sentence
    assert "There is no model 'nothing-like-it'" in call("push", "nothing-like-it", *words).sentence
    assert "Give the name of a model" in call("push").sentence
    nowhere = call("push", ink, "--to", "a/b", "--token", TOKEN, "--endpoint", "http://127.0.0.1:9")
    assert "cannot be reached" in nowhere.sentence
    (ink / "weights" / "README.md").write_text("no front matter")
    assert "The card of ink is not whole" in call("push", ink, "--to", "a/b", *words).sentence


def test_our_own_models_can_be_pushed() -> None:
    """As they stand: only the repository has to be made."""
    for name in [entry.name for entry in hub.list() if entry.model.files and not entry.method.weights_of]:
        planned = push.of_model(name)
        assert {"README.md"} < set(planned.files), name
        assert planned.place and planned.place.registry == ROOT / "registry.yaml"
        found = yaml.safe_load(planned.place.registry.read_text())
        for key in planned.place.keys:
            found = found[key]
        assert found["repo_id"] == planned.repo_id
    assert "vgg-slim" in push.of_model("vgg-slim").repo_id


def test_the_app_is_pushed_as_a_space(server: lh.LoopbackHub) -> None:
    """In the layout that space/README.md tells of."""
    result = call("push", "--space", "someone/painter", "--token", TOKEN, "--endpoint", server.url, "--json")
    (files,) = server.files["someone/painter"].values()
    assert server.kinds["someone/painter"] == "space"
    front = yaml.safe_load(files["README.md"].decode().split("---")[1])
    assert front["app_file"] in files
    assert {"requirements.txt", "registry.yaml", "examples/valley.jpg", "hub/__init__.py"} < set(files)
    assert not [name for name in files if "__pycache__" in name]
    assert json.loads(result.stdout)["kind"] == "space"
