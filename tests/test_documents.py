"""What README, CONTRIBUTING and the cards show is true."""

import re
import runpy
import shlex
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

import hub
from hub.cli import app
from hub.cli.flags import rows
from hub.errors import RegistryError, StylehubError
from hub.plugins import plugin_class
from space.site.settings import Settings
from tests.support.command import call
from tests.support.documents import blocks, code
from tests.support.loopback_hub import LoopbackHub
from tests.support.paths import ROOT
from tools import card, documents
from tools.drawn import MARK, fill
from tools.reference import Command, commands

REDRAW = "run `python -m tools.documents`"
# A row of dashes below the headings; in a row a bar that is not escaped begins another cell, between backticks too.
BELOW_HEADINGS = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")


def markdown() -> list[Path]:
    """Every Markdown file of the repository, whatever else lies in its folder."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]
    return [
        path
        for path in sorted(ROOT.rglob("*.md"))
        if not any(
            part.startswith(".") or any(fnmatch(part, pattern) for pattern in ignored)
            for part in path.relative_to(ROOT).parts
        )
    ]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines of ``text`` with their numbers, without code and drawn parts."""
    inside, end = False, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif mark := MARK.fullmatch(line):
            end = f"<!-- /{mark[1]} -->"
        elif line == end:
            end = ""
        elif not (inside or end):
            yield number, line


def cells(row: str) -> int:
    return re.sub(r"\\[^\w\s]", "..", row).strip().removeprefix("|").removesuffix("|").count("|") + 1


@pytest.fixture
def quick_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """`stylehub check` without the process of its own and without the GPU, which take seconds; test_checking has both."""

    def imports(entry: object) -> None:
        """Nothing."""

    monkeypatch.setattr("hub.checking.imports", imports)
    monkeypatch.setattr("hub.checking.DEVICES", ())


@pytest.fixture
def model_hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as server:
        yield server


@pytest.mark.usefixtures("quick_check", "quick_client")
def test_the_steps_that_contributing_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photo: Image.Image, model_hub: LoopbackHub
) -> None:
    """Literally: the commands, one after another, the files that they write, and the messages on the way."""
    monkeypatch.chdir(tmp_path)
    photo.save("photo.jpg")
    _, begin, use, push, trained, *_ = (block.splitlines() for block in blocks("CONTRIBUTING.md", "sh"))
    for line in begin:
        assert call(*shlex.split(line)[1:]).exit_code == 0
    folder = tmp_path / "my-method"
    assert blocks("CONTRIBUTING.md", "yaml")[0] == (folder / "registry.yaml").read_text()
    assert blocks("CONTRIBUTING.md", "python")[0] == (folder / "method.py").read_text()
    for line in use:
        if " space " in line:  # which would go on until it is stopped
            continue
        assert call(*shlex.split(line)[1:]).exit_code == 0, line
    assert Image.open("photo-stylised.jpg").size == photo.size
    with pytest.raises(StylehubError, match="read it, then load it with trust=True"):
        hub.load(folder)
    for line in trained:
        words = shlex.split(line)
        if words[0] == "python":
            monkeypatch.setattr("sys.argv", words[1:])
            runpy.run_path(words[1], run_name="__main__")
        elif words[1] == "train":
            flags = ["--steps", "4", "--workers", "0", "--average", "0", "--no-bf16"]
            assert call(*words[1:], *flags).exit_code == 0
        else:
            result = call(*words[1:])
            assert result.exit_code == 0, result.stdout
    for line in push:
        assert call(*shlex.split(line)[1:], "--endpoint", model_hub.url).exit_code == 0
    assert "model.safetensors" in model_hub.newest("owner/ink-lines")[1]
    registry = (folder / "registry.yaml").read_text()
    (folder / "registry.yaml").write_text(registry.replace("[single]", "[singel]"))
    with pytest.raises(RegistryError, match=r"my-method\.tasks\.0 is wrong: Input should be 'single'"):
        hub.load(folder, trust=True)
    (folder / "registry.yaml").write_text(registry)
    (folder / "method.py").unlink()
    with pytest.raises(RegistryError, match="points to method:MyMethod, which does not load"):
        hub.load(folder, trust=True)


@pytest.mark.usefixtures("quick_client")
def test_the_readme_shares_a_style(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photo: Image.Image, model_hub: LoopbackHub
) -> None:
    """Its commands, literally; learning takes one step in place of two hundred."""
    monkeypatch.chdir(tmp_path)
    photo.save("painting.jpg")
    (share,) = (block for block in blocks("README.md", "sh") if "stylehub push" in block)
    steps = [shlex.split(line, comments=True)[1:] for line in share.splitlines()]
    quick = shlex.split(
        "--steps 1 --workers 0 --batch 1 --crops 32 --crop-starts 0 --style-size 64 --device cpu --no-bf16"
    )
    more = {"add-style": quick, "push": ["--endpoint", model_hub.url]}
    for words in steps:
        result = call(*words, *more.get(words[0], []))
        assert result.exit_code == 0, words
    assert "preview.jpg" in model_hub.newest("owner/mine")[1]
    assert "A. Person" in call("styles", "show", "mine").stdout


def test_readme_python_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Image.open(ROOT / "examples" / "valley.jpg").resize((120, 80)).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    for example in blocks("README.md", "python"):
        exec(compile(example, "README.md", "exec"), {})
    assert (tmp_path / "out.png").exists()


SECTIONS = (ROOT / "docs" / "hooks.md").read_text().split("\n## ")[1:]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: re.sub(r"\W+", "-", s.partition("\n")[0]).strip("-"))
def test_the_hooks_do_what_their_examples_say(
    section: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photo: Image.Image
) -> None:
    (method,), (use,) = code("python", section), code("py", section)
    folder = tmp_path / "my-method"
    folder.mkdir()
    (folder / "registry.yaml").write_text(blocks("docs/hooks.md", "yaml")[0])
    (folder / "method.py").write_text(method)
    monkeypatch.chdir(tmp_path)
    exec(compile(use, "docs/hooks.md", "exec"), {"photo": photo})


def test_pictures_and_links_of_the_documents_exist() -> None:
    for document in markdown():
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
            if not target.startswith("https://"):
                path, _, place = target.partition("#")
                linked = document.parent / path if path else document
                assert linked.exists(), f"{name(document)} points to {target}"
                if place:
                    assert place in anchors(linked), f"{name(document)} points to {target}, which is no heading there"


def anchors(document: Path) -> set[str]:
    """The headings as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", markdown(), ids=name)
def test_every_row_of_a_table_has_the_cells_of_its_headings(document: Path) -> None:
    """GitHub leaves out what is too much."""
    lines, inside = [], False
    for line in document.read_text().splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
        lines.append("" if inside else line)
    columns = 0
    for number, (before, line) in enumerate(pairwise(lines), start=2):
        if not line.strip() or line.lstrip().startswith(("<", "#", ">", "```")):
            columns = 0
        elif columns:
            assert cells(line) == columns, f"{name(document)}:{number} has {cells(line)} cells, its headings {columns}"
        elif "|" in before and BELOW_HEADINGS.fullmatch(line) and cells(before) == cells(line):
            columns = cells(line)


def test_a_bar_is_counted_as_github_splits_there() -> None:
    assert [cells(row) for row in ("| a | b |", "a | b", r"| a \| b | c |", "| `a|b` | c |", r"| `a\|b` | c |", "| | |")] == [
        2, 2, 2, 3, 2, 2,
    ]  # fmt: skip


@pytest.mark.parametrize("entry", hub.list(), ids=lambda e: e.name)
def test_cards_are_what_the_model_says(entry: hub.registry.Entry) -> None:  # type: ignore[name-defined]
    """The tables in a card are drawn from the registry, the styles, the parameters and the measurements."""
    assert card.card(entry).read_text() == card.render(entry.name), REDRAW


@pytest.mark.parametrize("document", documents.documents(), ids=name)
def test_tables_in_documents_are_drawn(document: Path) -> None:
    assert document.read_text() == documents.render(document), REDRAW


def test_every_list_of_the_code_is_in_a_document() -> None:
    """Each part that can be drawn from the code is drawn somewhere."""
    marks = {mark for document in documents.documents() for mark in MARK.findall(document.read_text())}
    assert {"commands", "models", "reference", "flags", "own-flags", "recipes", "where"} <= marks


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- nonsense -->\n<!-- /nonsense -->\n")
    with pytest.raises(SystemExit, match="nonsense"):
        documents.render(page)
    with pytest.raises(SystemExit, match="there is no <!-- models -->"):
        fill("no marks", {"models": "a table"})


@pytest.mark.parametrize("command", [c for c in commands() if c.name != "train"], ids=lambda c: c.name)
def test_the_reference_has_what_help_shows(command: Command) -> None:
    """The two are made of the same declarations in two ways; `train` writes its help by itself."""
    shown = CliRunner().invoke(app, [command.name, "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).stdout
    ours = {one for word in command.words for one in word.names}
    missing = [one for one in ours if one.lower() not in shown.lower()]
    assert not missing
    told = command.help + command.epilog + " ".join(word.help for word in command.words)
    assert set(re.findall(r"(?<!\S)--[a-z][a-z-]*", shown)) - set(re.findall(r"--[a-z][a-z-]*", told)) <= {
        *ours,
        "--help",
    }


def test_the_commands_of_the_documents_exist() -> None:
    """Every `stylehub ...` that a document shows names a command, a model and flags that there are."""
    known = {command.name: command for command in commands()}
    recipes = set(re.findall(r"^\| `(--[\w-]+)`", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE))
    for document in markdown():
        for line in "\n".join(code("sh", document.read_text())).splitlines():
            for part in line.split(" && "):
                words = shlex.split(part, comments=True)
                if not words or words[0].removeprefix(".venv/bin/") != "stylehub":
                    continue
                command = known[words[1]]
                flags = {one for word in command.words for one in word.names}
                if words[2:] and words[2].startswith("."):
                    continue  # of one's own
                if command.name in ("train", "add-style"):
                    flags |= recipes
                elif command.name in ("space", "worker"):
                    flags |= {flag for flag, *_ in rows(Settings)}
                elif command.words[0].name == "model":
                    flags |= {flag for flag, *_ in rows(plugin_class(hub.info(words[2])).Parameters)}
                used = {word.partition("=")[0].replace("--no-", "--") for word in words[2:] if word.startswith("--")}
                assert used <= flags, f"{name(document)}: {line}"


def test_the_readme_begins_with_the_three_commands_that_ci_runs() -> None:
    app_, picture, tests, *_ = blocks("README.md", "sh")
    assert app_.strip().endswith("stylehub space")
    assert "stylehub stylize" in picture
    assert picture.strip().endswith("starry.jpg")
    assert tests.strip().endswith("pytest -n 2")
    first_screen = (ROOT / "README.md").read_text().split("\n## ")[0]
    words = [word for _, line in prose(first_screen) for word in line.split()]
    assert len(words) <= 150


def test_the_readme_tells_what_every_folder_holds() -> None:
    (tree,) = blocks("README.md", "text")
    told = [line.partition("/")[0] for line in tree.splitlines()]
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]
    there = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert {folder for folder in there if not any(fnmatch(folder, pattern) for pattern in ignored)} <= {*told}


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", *sorted(map(name, ROOT.glob("docs/*.md")))])
def test_lines_are_not_too_long(document: str) -> None:
    """120 characters, but for tables and drawn parts."""
    for number, line in prose((ROOT / document).read_text()):
        assert len(line) <= 120 or line.startswith("|"), f"{document}:{number} has {len(line)} characters"


def test_the_pages_speak_of_the_project_alone() -> None:
    """No path of a machine and no package host in anything that is published."""
    for document in [*markdown(), ROOT / "registry.yaml"]:
        absolute = re.findall(r"(?:^|[\s`'\"(=])/[\w.-]+/", document.read_text())
        assert not absolute, f"{name(document)} has an absolute path: {absolute[0]}"
