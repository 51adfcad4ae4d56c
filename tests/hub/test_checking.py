"""`stylehub check`: what keeps the contract passes, and each rule finds the method that breaks it."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
from PIL import Image

import hub
from hub.checking import CALLS, DESCRIPTION, DEVICES, Broken, Case, LeftOut, check, models_of, rules
from hub.checking.case import make_photo, needed
from hub.checking.description import figures
from hub.checking.importing import _import, imports
from hub.errors import StylehubError
from hub.registry import PACKAGE_ROOT, info
from tests.support.command import call

ENTRY = """
methods:
  mine:
    plugin: method:Mine
    tasks: [single]
    inputs: [content]
    tiling: exact
    half: false
    code_license: MIT
    paper: {title: On Pictures, authors: A. Author, year: 2020, url: "https://arxiv.org/abs/1610.07629"}
    models:
      mine: {title: Mine, summary: Darkens a photo.}
"""
CODE = """
import torch
from pydantic import Field
from hub.method import Method
from hub.parameters import Parameters

class MineParameters(Parameters):
    shade: float = Field(0.5, ge=0, le=1, title="Shade", description="What is left of the light.")

class Mine(Method):
    Parameters = MineParameters

    def setup(self, config, tensors):
        pass

    def stylize(self, content, parameters, progress):
        return content * parameters.shade
"""
CARD = """---
license: mit
library_name: stylehub
---

# mine

## The method

It darkens.

## Parameters

One.

## Limits

Night.
"""
RULES = {rule.__name__: rule for rule in (*CALLS, *DESCRIPTION, *DEVICES)}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write the folder of a method with replacements in its entry, code or card."""

    def folder(old: str = "", new: str = "") -> Path:
        mine = tmp_path / "mine"
        mine.mkdir(exist_ok=True)
        for name, text in (("registry.yaml", ENTRY), ("method.py", CODE), ("README.md", CARD)):
            (mine / name).write_text(text.replace(old, new) if old else text)
        return mine

    return folder


def case(folder: Path, tmp_path: Path) -> Case:
    loading = partial(hub.load, folder, trust=True)
    method = loading(device="cpu")
    return Case(method, needed(method, tmp_path), make_photo(), tmp_path, loading)


@pytest.mark.parametrize(
    ("rule", "old", "new", "why"),
    [
        ("inputs", "[content]", "[content, style-names]", "inputs must have style-names where"),
        ("inputs", "[content]", "[content, style-images]", "inputs must have style-images where"),
        ("kinds", "content * parameters.shade", "content", "comes back unchanged"),
        ("kinds", "return content * ", "return content.mean(0, True).expand_as(content) * ", "influence each other"),
        ("kinds", "return content * ", "return content.mul_(0.5) * ", "the tensor that was given is changed"),
        ("sizes", "return content", "return content[..., :99, :99]", "must return the size that it gets"),
        ("sizes", "return content * ", "return content / content.max() * ", "NaN or infinite"),
        ("values", "content * parameters.shade", "content * 3 - 1", r"values go from -1.* clamp them"),
        ("strength", "content * ", "torch.rand_like(content) * ", "strength"),
        ("parameters", "left of the light.", "left of the light", "has no description with a full stop"),
        ("parameters", "shade", "quality", "--quality is an option already"),
        ("tiling", "content * ", "content / content.mean() / 4 * ", "part of the photo alone differs by up to"),
        (
            "tiling",
            "return content * ",
            "return (torch.arange(content.shape[-1], device=content.device) % 8 < 4) * content * ",
            "part of the photo alone differs by up to",
        ),
        ("entry", "code_license: MIT", "code_license: free for all", "is not an SPDX identifier"),
        ("entry", "code_license: MIT", "code_license: Whatever", "'Whatever' is not an SPDX identifier"),
        ("entry", "arxiv.org", "example.org", "is an example"),
        ("entry", "A. Author", "TODO", "is not filled in"),
        ("entry", "[single]", "[arbitrary]", "needs style-images"),
        ("card", "One.", "| `--levels` | how many |", "describes --levels, which the method does not have"),
        ("card", "license: mit", "licence: mit", "has no license in its front matter"),
        ("card", "One.", "| `--levels` | how many |", "describes --levels, which the method does not have"),
        ("card", "license: mit", "license: apache-2.0", "says license: apache-2.0, the entry mit"),
        ("card", "## Limits", "## Ends", "has no section ## Limits"),
        (
            "gpu",
            "return content * ",
            "return torch.rand(content.shape) + content * ",
            "computed on the CPU|same device",
        ),
    ],
)
def test_each_rule_finds_what_breaks_it(
    rule: str, old: str, new: str, why: str, write: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write(old, new)
    subject: Any = info(folder) if RULES[rule] in DESCRIPTION else case(folder, tmp_path)
    with pytest.raises((StylehubError, RuntimeError, AssertionError), match=why):
        RULES[rule](subject)


def test_what_keeps_every_rule(write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write()
    whole = case(folder, tmp_path)
    for rule in CALLS:
        rule(whole)
    for of_entry in DESCRIPTION:
        if of_entry.__name__ not in ("weights", "figures"):
            of_entry(info(folder))


def test_half_precision_that_is_declared_and_not_good(write: Callable[..., Path], tmp_path: Path) -> None:
    write("return content * parameters.shade", "return (content.to(self.dtype) * 300).frac().float()")
    entry = tmp_path / "mine" / "registry.yaml"
    entry.write_text(entry.read_text().replace("half: false", "half: true"))
    with pytest.raises(Broken, match="in bfloat16 the picture differs"):
        RULES["half_precision"](case(tmp_path / "mine", tmp_path))


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("import socket; socket.socket().connect_ex(('127.0.0.1', 9))", {"network": ["socket.connect"]}),
        ("print('hello')", {"printed": "hello\n"}),
        ("import gradio", {"modules": ["gradio"]}),
    ],
)
def test_what_an_import_does_is_noted(
    line: str, facts: dict[str, Any], write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", sys)
    found = _import(info(write("import torch\n", f"import torch\n{line}\n")), 60)
    assert not found["error"]
    assert {name: found[name] for name in facts} == facts


def test_an_import_that_does_not_end(write: Callable[..., Path]) -> None:
    with pytest.raises(StylehubError, match=r"does not end within 1 s \(method\.py, line 2\)"):
        imports(info(write("import torch\n", "while True: pass\n")), limit=1)


def test_the_report(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule by rule, as lines or as JSON; without the process of its own and the GPU, which take seconds."""
    monkeypatch.setattr("hub.checking.imports", lambda entry: None)
    monkeypatch.setattr("hub.checking.DEVICES", ())
    monkeypatch.setattr(sys.modules["hub.checking"], "imports", named("imports"))
    folder = write()
    assert "holds code that would run here" in "".join(finding.why for finding in check(folder))
    whole = call("check", folder, "--trust")
    assert whole.stdout.endswith("every rule is kept\n")
    assert whole.exit_code == 0
    (folder / "README.md").unlink()
    write_values = (folder / "method.py").read_text().replace("* parameters.shade", "+ parameters.shade")
    (folder / "method.py").write_text("print('noise')\n" + write_values)
    result = call("check", folder, "--shade", "1", "--trust", "--json")
    assert result.exit_code == 1
    (findings,) = json.loads(result.stdout).values()
    broken = {finding["rule"]: finding["why"] for finding in findings if finding["result"] == "broken"}
    assert "there is no card" in broken["card"]
    assert "clamp them to [0, 1]" in broken["values"]
    assert {"rule", "says", "result", "why", "seconds"} == set(findings[0])


def named(name: str) -> Callable[[Any], None]:
    def rule(subject: Any) -> None:
        """Nothing."""

    rule.__name__ = name
    return rule


def test_figures_are_those_of_the_weights_and_in_the_card(tmp_path: Path) -> None:
    entry = info("cin-25styles")
    place = tmp_path / str(entry.model.files[0].folder)
    shutil.copytree(
        PACKAGE_ROOT / str(entry.model.files[0].folder), place, ignore=shutil.ignore_patterns("*.safetensors")
    )
    entry, card, measured = entry.model_copy(update={"root": tmp_path}), place / "README.md", place / "eval.json"
    figures(entry)
    whole, text = json.loads(measured.read_text()), card.read_text()
    style = f"{whole['average']['style']:.3f}"
    card.write_text(text.replace(style, "0.100"))
    with pytest.raises(Broken, match=rf"does not tell what .*eval\.json measured: style {style}"):
        figures(entry)
    card.write_text(text)
    for wrong, why in (
        (json.dumps(whole | {"weights": "0" * 64}), "is of other weights"),
        (json.dumps(whole | {"average": {}}), "is not what `stylehub eval` writes"),
        ("[", "is not readable JSON"),
    ):
        measured.write_text(wrong)
        with pytest.raises(Broken, match=why):
            figures(entry)
    measured.unlink()
    with pytest.raises(Broken, match=r"there is no .*eval\.json; write it by `stylehub eval cin-25styles --photos"):
        figures(entry)
    with pytest.raises(LeftOut, match="no weights of its own"):
        figures(info("gatys"))


@pytest.mark.parametrize("text", ["---\n: [\n---\n", "---\nlicense: [a]\n---\n", b"\xff"])
def test_a_card_that_cannot_be_read(text: str | bytes, write: Callable[..., Path]) -> None:
    folder = write()
    (folder / "README.md").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Broken, match="README"):
        RULES["card"](info(folder))


def test_every_model_of_a_folder_is_checked(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write()
    entry = folder / "registry.yaml"
    second = "      other: {title: Other, summary: Has no full stop}\n"
    entry.write_text(entry.read_text() + second)
    assert models_of(folder) == [f"{folder}/mine", f"{folder}/other"]
    found = {str(rule): rule for rule in rules(folder, trust=True)}
    found["mine: entry"]()
    with pytest.raises(Broken, match="not a sentence"):
        found["other: entry"]()
    monkeypatch.setattr("hub.checking.DEVICES", ())
    monkeypatch.setattr("hub.checking.CALLS", ())
    monkeypatch.setattr(sys.modules["hub.checking"], "imports", named("imports"))
    result = call("check", folder, "--trust", "--json")
    broken = {
        name: [finding["rule"] for finding in findings if finding["result"] == "broken"]
        for name, findings in json.loads(result.stdout).items()
    }
    assert broken == {f"{folder}/mine": [], f"{folder}/other": ["entry"]}


def test_what_cannot_be_checked(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that cannot be read is one broken rule; a wrong name or flag is no rule's fault."""
    monkeypatch.setattr(sys.modules["hub.checking"], "imports", named("imports"))
    folder = write()
    assert "There is no option 'shde'" in call("check", folder, "--trust", "--shde", "1").sentence
    assert "'photo.jpg' is not a flag" in call("check", folder, "--trust", "photo.jpg").sentence
    assert "did you mean gatys" in call("check", "gatis").sentence
    assert "does not exist" in call("check", "./nowhere").sentence
    (folder / "registry.yaml").write_text("methods: [")
    ((_, findings),) = json.loads(call("check", folder, "--json").stdout).items()
    assert [(finding["rule"], finding["result"]) for finding in findings] == [("entry", "broken")]


def test_what_an_import_leaves_running_does_not_keep_the_check(write: Callable[..., Path], tmp_path: Path) -> None:
    """A thread and a process of its own; both would outlive the test."""
    pid = tmp_path / "pid"
    lines = [
        "import pathlib, subprocess, sys, threading, time",
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])",
        f"pathlib.Path({str(pid)!r}).write_text(str(child.pid))",
        "threading.Thread(target=time.sleep, args=(1000,)).start()",
        "import os; os.write(1, b'hello')",
    ]
    try:
        with pytest.raises(Broken, match="it prints 'hello'"):
            imports(info(write("import torch\n", "\n".join(["import torch", *lines, ""]))))
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_nothing_more_is_tried_of_what_does_not_load(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["hub.checking"], "imports", named("imports"))
    *_, last = check(write("def stylize", "def paint"), trust=True)
    assert (last.rule, last.result) == ("loads", "broken")
    assert "has no stylize" in last.why


def test_a_plugin_that_does_not_load_is_told(install: Callable[..., Path]) -> None:
    install("mine", "methods: [")
    assert "The plugin mine does not load" in call("check", "mine").sentence


def test_weights_are_checked_as_they_load(tiny_model: Path) -> None:
    found = {str(rule): rule for rule in rules(tiny_model)}
    for name in ("entry", "weights", "card", "figures", "imports"):
        with pytest.raises(SkipTest, match="weights of an installed method"):
            found[name]()
    found["inputs"]()


def test_rules_for_pytest(write: Callable[..., Path], photo: Image.Image) -> None:
    found = {str(rule): rule for rule in rules(write(), trust=True)}
    found["strength"]()
    assert "exact" in found["tiling"].says
    with pytest.raises(SkipTest, match="it has no weights"):
        found["weights"]()
