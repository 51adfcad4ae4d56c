"""`stylehub push` through the real hub client, to a hub on this machine; what was pushed loads and paints the same."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
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
from tests.support.plugins import STRANGE_CIN

pytestmark = pytest.mark.usefixtures("quick_client")
TOKEN = "hf_aTokenWithTheRightToWrite"
WEIGHTS = """        weights:
          folder: weights  # beside this file
          license: MIT
          sha256: "{sha256}"
          bytes: {bytes}
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
    commit, files = server.newest("someone/ink")
    assert f"hf://someone/ink@{commit}" in result.stdout
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
    weights = WEIGHTS.format(sha256=sha256_of(file), bytes=file.stat().st_size)
    (package / "registry.yaml").write_text(STRANGE_CIN + weights)
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
    assert server.newest("someone/tiny")[1]["README.md"].endswith(b"More.\n")


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
    server.add("someone/ink", "0" * 40, {"README.md": b"of somebody else"})
    assert "exists already; add to it with --overwrite" in call("push", ink, "--to", "someone/ink", *words).sentence
    assert call("push", ink, "--to", "someone/ink", *words, "--overwrite").exit_code == 0
    assert "names no repository" in call("push", new(tmp_path / "other", weights=True), *words).sentence
    for name in ("not a name", "name-alone", "a/b/c", "../b"):
        assert "is not a repository; write owner/name" in call("push", ink, "--to", name, *words).sentence
    assert "There is no model 'nothing-like-it'" in call("push", "nothing-like-it", *words).sentence
    assert "Give the name of a model" in call("push").sentence
    nowhere = call("push", ink, "--to", "a/b", "--token", TOKEN, "--endpoint", "http://127.0.0.1:9")
    assert "cannot be reached" in nowhere.sentence
    (ink / "weights" / "README.md").write_text("no front matter")
    assert "The card of ink is not whole" in call("push", ink, "--to", "a/b", *words).sentence


@pytest.mark.parametrize("options", [{}, {"task": "fusion"}, {"task": "depth"}, {"package": True}], ids=str)
def test_what_has_no_weights_is_not_pushed(
    server: lh.LoopbackHub, tmp_path: Path, options: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """Of the other things that `stylehub new` writes there is nothing to push: code never is."""
    folder = tmp_path / "plain"
    new(folder, **options)
    if "package" in options:
        request.getfixturevalue("install")("plain", (folder / "plain" / "registry.yaml").read_text())
    refused = call("push", "plain" if "package" in options else folder, "--to", "a/b", "--endpoint", server.url)
    assert "plain has no weights, and code is never pushed; share it as a package" in refused.sentence
    assert server.count() == 0


def test_a_package_with_weights_is_pushed_and_loads_by_its_address(
    server: lh.LoopbackHub, install: Callable[..., Path], photo: Image.Image, tmp_path: Path
) -> None:
    """With the code installed, the address of its weights is enough."""
    code = new(tmp_path / "boxed-ink", weights=True, package=True)
    package = install("boxed_ink", "methods: {}")
    shutil.copytree(code, package, dirs_exist_ok=True)
    registry.refresh()
    words = {"endpoint": server.url, "token": TOKEN, "cache_dir": tmp_path / "cache", "device": "cpu"}
    here = hub.load("boxed-ink", device="cpu")(photo)
    assert call("push", "boxed-ink", "--to", "someone/ink", "--token", TOKEN, "--endpoint", server.url).exit_code == 0
    commit, _ = server.newest("someone/ink")
    assert hub.load(f"hf://someone/ink@{commit}", **words)(photo).tobytes() == here.tobytes()
    shutil.rmtree(package / "weights")
    registry.refresh()
    assert hub.load("boxed-ink", **words)(photo).tobytes() == here.tobytes()


@pytest.mark.parametrize("part", [None, 5000], ids=["at once", "in parts"])
def test_a_large_file_goes_by_lfs_and_paints_the_same(
    server: lh.LoopbackHub,
    ink: Path,
    photo: Image.Image,
    tmp_path: Path,
    part: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Files above the threshold of the hub are uploaded before the commit, which holds only their hash."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)  # a service that the hub here has not
    server.large, server.part = 2000, part
    here = hub.load(ink, trust=True, device="cpu")(photo)
    assert call("push", ink, "--to", "someone/ink", "--token", TOKEN, "--endpoint", server.url).exit_code == 0
    sha256 = sha256_of(ink / "weights" / "model.safetensors")
    assert set(server.blobs) == {sha256}
    puts = [path for method, path, _ in server.requests if method == "PUT"]
    assert puts == ([f"/stored/{sha256}/{n}" for n in (1, 2, 3)] if part else [f"/stored/{sha256}"])
    shutil.rmtree(ink / "weights")
    again = hub.load(ink, trust=True, device="cpu", endpoint=server.url, token=TOKEN, cache_dir=tmp_path / "cache")
    assert again(photo).tobytes() == here.tobytes()


def test_an_upload_that_is_refused(server: lh.LoopbackHub, ink: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written into the entry; the next push goes on in the repository that is empty."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    before, server.large, server.full = (ink / "registry.yaml").read_text(), 2000, True
    words = ["push", ink, "--to", "someone/ink", "--token", TOKEN, "--endpoint", server.url]
    assert "the token may not write to someone/ink" in call(*words).sentence
    assert (ink / "registry.yaml").read_text() == before
    assert server.newest("someone/ink")[1] == {}
    server.full = False
    assert call(*words).exit_code == 0
    assert set(server.newest("someone/ink")[1]) == {"README.md", "config.json", "model.safetensors"}


def test_of_two_pushes_at_once_the_second_is_refused(server: lh.LoopbackHub, ink: Path) -> None:
    """It has not seen what the first one wrote."""
    before = (ink / "registry.yaml").read_text()
    server.before_commit = lambda: server.add("someone/ink", "1" * 40, {"README.md": b"of the other"})
    refused = call("push", ink, "--to", "someone/ink", "--token", TOKEN, "--endpoint", server.url)
    assert "somebody else pushed to it meanwhile" in refused.sentence
    assert server.newest("someone/ink")[1] == {"README.md": b"of the other"}
    assert (ink / "registry.yaml").read_text() == before


def test_no_code_and_nothing_behind_a_link_is_pushed(server: lh.LoopbackHub, ink: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    weights = ink / "weights"
    (weights / "extra.json").symlink_to(tmp_path / "secret.json")
    for name in ("convert.py", "old.pth", "run.sh"):
        (weights / name).write_text("import os")
    words = ["push", ink, "--to", "someone/ink", "--token", TOKEN, "--endpoint", server.url]
    shown = json.loads(call(*words, "--dry-run", "--json").stdout)
    assert shown["left_out"] == ["convert.py", "extra.json", "old.pth", "run.sh"]
    assert "convert.py is left out" in call(*words).stdout
    assert set(server.newest("someone/ink")[1]) == {"README.md", "config.json", "model.safetensors"}
    (weights / "model.safetensors").rename(tmp_path / "model.safetensors")
    (weights / "model.safetensors").symlink_to(tmp_path / "model.safetensors")
    assert "has no file model.safetensors, or a link out of the folder" in call(*words).sentence


def test_an_entry_that_cannot_take_the_commit(
    server: lh.LoopbackHub, ink: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is seen before anything is pushed; where it comes later, the commit is said."""
    words = ["push", ink, "--to", "someone/ink", "--token", TOKEN, "--endpoint", server.url]
    entry = ink / "registry.yaml"
    before = entry.read_text()
    data = yaml.safe_load(before)
    entry.write_text(yaml.safe_dump(data, default_flow_style=True))
    assert "write every field on a line of its own. Nothing was pushed." in call(*words).sentence
    entry.write_text(before)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("hub.publishing.push.os.access", lambda *_: False)
        assert "its folder cannot be written; nothing was pushed" in call(*words).sentence
        assert server.count() == 0
    monkeypatch.setattr("hub.publishing.push.set_fields", full)
    refused = call(*words)
    commit, _ = server.newest("someone/ink")
    assert f"has the commit {commit} now, but {entry} cannot be written" in refused.sentence


def test_weights_that_are_not_those_of_the_entry(server: lh.LoopbackHub, ink: Path) -> None:
    call("push", ink, "--to", "someone/ink", "--token", TOKEN, "--endpoint", server.url)
    config = json.loads((ink / "weights" / "config.json").read_text())
    write_model(ink / "weights", {"x": torch.zeros(1)}, config)
    words = ["push", ink, "--token", TOKEN, "--endpoint", server.url]
    assert "The weights of ink are not whole" in call(*words).sentence
    assert "model.safetensors is damaged, or not the file of its entry: it has " in call(*words).sentence
    assert "sha256" in call(*words).sentence


@pytest.mark.parametrize("text", ["---\n: [\n---\n", "---\nlicense: [a]\n---\n", b"\xff"])
def test_a_card_that_cannot_be_read(server: lh.LoopbackHub, ink: Path, text: str | bytes) -> None:
    (ink / "weights" / "README.md").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert "The card of ink is not whole" in call("push", ink, "--to", "a/b", "--endpoint", server.url).sentence


def test_without_the_network(server: lh.LoopbackHub, ink: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    refused = call("push", ink, "--to", "a/b", "--token", TOKEN, "--endpoint", server.url)
    assert "offline mode is on; unset HF_HUB_OFFLINE" in refused.sentence


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
    _, files = server.newest("someone/painter")
    assert server.kinds["someone/painter"] == "space"
    front = yaml.safe_load(files["README.md"].decode().split("---")[1])
    assert front["app_file"] in files
    assert {
        "requirements.txt",
        "registry.yaml",
        "examples/valley.jpg",
        "examples/ink-painting.jpg",
        "hub/__init__.py",
    } < set(files)
    assert not [name for name in files if "__pycache__" in name]
    assert json.loads(result.stdout)["kind"] == "space"
