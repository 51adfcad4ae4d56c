"""`stylehub new`: every kind of method that it begins keeps the contract, is trained, and is installed."""

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import hub
from hub import registry
from hub.checking import CALLS, DESCRIPTION, Case, LeftOut
from hub.checking.case import make_photo, needed
from hub.checking.devices import half_precision
from hub.errors import ParameterError, RegistryError, UnknownName, WeightsError
from hub.publishing import bundle
from hub.publishing.entry_text import set_fields
from hub.registry import info
from hub.scaffold import new
from hub.weights import sha256_of
from tests.support.command import call
from tests.support.paths import ROOT


def keeps_the_contract(name: str | Path, folder: Path) -> None:
    loading = partial(hub.load, name, trust=True)
    method = loading(device="cpu")
    case = Case(method, needed(method, folder), make_photo(), folder, loading)
    tried: list[tuple[Callable[..., None], Any]] = [(rule, info(name)) for rule in DESCRIPTION]
    for rule, subject in [*tried, *((rule, case) for rule in (*CALLS, half_precision))]:
        try:
            rule(subject)
        except LeftOut:
            continue


@pytest.mark.usefixtures("small_maps")
@pytest.mark.parametrize("task", ["single", "fusion", "depth", "photo"])
def test_what_is_new_keeps_the_contract(task: Any, tmp_path: Path) -> None:
    keeps_the_contract(new(tmp_path / "first-try", task=task), tmp_path)
    assert info(tmp_path / "first-try").tasks == (("arbitrary", "fusion") if task == "fusion" else (task,))


def test_nothing_of_the_templates_is_left(tmp_path: Path) -> None:
    for name, options in (("ink", {"weights": True}), ("red-shift", {"task": "arbitrary"}), ("box", {"package": True})):
        new(tmp_path / name, **options)  # type: ignore[arg-type]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    assert len(files) > 15
    for path in files:
        text = path.name + path.read_text()
        assert not [word for word in ("my-method", "my_method", "MyMethod", "My method", "0" * 64) if word in text], (
            path
        )


def test_one_with_weights_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Untrained weights keep the contract; then data, a short training, and its weights beside the method."""
    monkeypatch.chdir(tmp_path)
    call("new", "ink", "--weights")
    keeps_the_contract(Path("ink"), tmp_path)
    before = sha256_of(Path("ink/weights/model.safetensors"))
    monkeypatch.setattr(sys, "argv", ["make_data.py", "data/photos.tar"])
    runpy.run_path("ink/make_data.py", run_name="__main__")
    words = ["--data", "data/photos.tar", "--out", "runs/ink", "--width", "4", "--crop", "16", "--workers", "0"]
    train = call("train", "./ink", *words, "--steps", "3", "--average", "0", "--no-bf16", "--trust")
    assert "`stylehub bundle runs/ink/weights ./ink`" in train.stdout
    assert "holds code that would run here" in call("train", "./ink", *words).sentence
    assert "--crop" in call("train", "./ink", "--help", "--trust").stdout
    assert call("bundle", "runs/ink/weights", "./ink").exit_code == 0
    method = hub.load("./ink", trust=True, device="cpu")
    assert method.weights_sha256 not in (None, before)
    assert info("./ink").model.sha256 == method.weights_sha256
    comment = "# with the layout of its hub repository"
    assert comment in (tmp_path / "ink" / "registry.yaml").read_text()


def test_a_package_is_found_and_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `pip install -e` leaves it: the folder on the path, and the entry point."""
    code = new(tmp_path / "boxed-ink", weights=True, package=True)
    facts = tmp_path / "boxed-ink" / "boxed_ink-0.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: boxed-ink\nVersion: 0.1.0\n")
    (facts / "entry_points.txt").write_text("[stylehub.methods]\nboxed-ink = boxed_ink\n")
    monkeypatch.syspath_prepend(str(tmp_path / "boxed-ink"))
    registry.refresh()
    try:
        assert [plugin.fault for plugin in registry.plugins()] == [None]
        keeps_the_contract("boxed-ink", tmp_path)
        assert (code / "weights" / "README.md").is_file()
        with pytest.raises(ParameterError, match="There is a method or model 'boxed-ink' already"):
            new(tmp_path / "elsewhere" / "boxed-ink")
    finally:
        registry.refresh()
        for module in [name for name in sys.modules if name.startswith("boxed_ink")]:
            del sys.modules[module]


@pytest.mark.slow
def test_a_package_is_built_with_its_entry_and_its_weights(tmp_path: Path) -> None:
    new(tmp_path / "boxed-ink", weights=True, package=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, tmp_path / "boxed-ink"], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    listed = subprocess.run([sys.executable, "-m", "zipfile", "-l", wheel], capture_output=True, text=True, check=True)
    assert "boxed_ink/registry.yaml" in listed.stdout
    assert "boxed_ink/weights/model.safetensors" in listed.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["class"], "is a word of Python"),
        (["My_Method"], "cannot be the name of a method"),
        (["3d"], "a letter first"),
        (["cin-25styles"], "There is a method or model 'cin-25styles' already"),
        (["depth"], "already"),
        (["json", "--package"], "There is a Python package 'json' already"),
        (["stylehub", "--package"], "There is a Python package 'stylehub' already"),
        (["."], "'.' cannot be the name of a method"),
        (["taken"], "taken exists; choose another name"),
        (["mine", "--task", "phot"], "There is no task 'phot'; did you mean photo"),
        (["mine", "--task", "photo", "--weights"], "leave out one of the two"),
        (["file/mine"], "cannot be written"),
        (["größe"], "cannot be the name of a method"),
        (["../"], "cannot be the name of a method"),
        (["link"], "link exists; choose another name"),
        (["network", "--weights"], "'network' would name a class 'Network', which the code has"),
        (["method"], "'method' would name a class 'Method', which the code has"),
    ],
)
def test_what_cannot_be_new(words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    assert message in call("new", *words).sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "taken"]


def test_a_new_method_has_the_rights_that_its_user_gives(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = new(tmp_path / "mine")
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("hub.scaffold.write_model", full)
        assert "cannot be written (No space left on device)" in call("new", "ink", "--weights").sentence
    assert list(tmp_path.iterdir()) == []
    ink = new(tmp_path / "ink", weights=True)
    before = {path: path.read_bytes() for path in ink.rglob("*") if path.is_file()}
    shutil.copytree(ink / "weights", tmp_path / "trained")
    monkeypatch.setattr(sys.modules["hub.publishing.bundle"], "write_whole", full)
    assert "No space left on device" in call("bundle", "trained", "./ink").sentence
    assert {path: path.read_bytes() for path in ink.rglob("*") if path.is_file()} == before


def test_weights_are_bundled_where_they_belong(tmp_path: Path, tiny_model: Path) -> None:
    ink = new(tmp_path / "ink", weights=True)
    with pytest.raises(WeightsError, match="holds weights of cin, not of ink"):
        bundle(tiny_model, str(ink))
    with pytest.raises(RegistryError, match="has no `weights:` with a `folder:`"):
        bundle(ink / "weights", str(new(tmp_path / "plain")))
    with pytest.raises(UnknownName, match="style with a file of its own in fast-art 'nobody'"):
        bundle(ink / "weights", "fast-art/nobody")
    with pytest.raises(RegistryError, match="fast-art has a file for each style; say which, such as fast-art/van-gogh"):
        bundle(ink / "weights", "fast-art")
    shutil.copytree(ink / "weights", tmp_path / "trained")
    (tmp_path / "trained" / "config.json").unlink()
    before = (ink / "registry.yaml").read_text()
    with pytest.raises(WeightsError, match=r"cannot be put to .*config\.json"):
        bundle(tmp_path / "trained", str(ink))
    assert (ink / "registry.yaml").read_text() == before


def test_fields_are_changed_and_nothing_else(tmp_path: Path) -> None:
    """In the registry of this repository, with its anchors, variants and comments."""
    path, before = tmp_path / "registry.yaml", (ROOT / "registry.yaml").read_text()
    path.write_text(before)
    set_fields(path, ("methods", "adain", "models", "adain", "weights"), {"sha256": "a" * 64, "revision": "b" * 40})
    set_fields(path, ("methods", "fast-art", "models", "fast-art", "variants", "picabia-udnie"), {"bytes": 7})
    set_fields(path, ("parts", "vgg-slim", "weights"), {"bytes": 8})
    changed = [line for line in path.read_text().splitlines() if line not in before.splitlines()]
    assert [line.strip() for line in changed] == [
        "bytes: 7", f'revision: "{"b" * 40}"', f'sha256: "{"a" * 64}"', "bytes: 8",
    ]  # fmt: skip
    with pytest.raises(RegistryError, match="write every field on a line of its own"):
        set_fields(path, ("methods", "cin", "paper", "title"), {"x": 1})
    path.write_bytes(b"a:\r\n  b:\r\n    c: 1  # first\r\n")
    set_fields(path, ("a", "b"), {"repo_id": "x/y", "bytes": 2})
    assert path.read_bytes() == b'a:\r\n  b:\r\n    repo_id: "x/y"\r\n    bytes: 2\r\n    c: 1  # first\r\n'
    for text in ("a:\n  b:\n    c: >-\n      1\n    d: 1\n", "a: {b: {c: 1}}\n"):
        path.write_text(text)
        with pytest.raises(RegistryError, match="write every field on a line of its own"):
            set_fields(path, ("a", "b"), {"c": 2})
        assert path.read_text() == text
