"""What README, CONTRIBUTING and the cards show is true."""

import re
from pathlib import Path

import pytest
from PIL import Image

import hub
from hub.errors import RegistryError, StylehubError
from tests.contract import check_contract
from tools.card import DOCUMENTS, card, render, render_document, render_readme

ROOT = Path(__file__).resolve().parent.parent


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)


def test_the_method_that_contributing_shows(tmp_path: Path, photo: Image.Image) -> None:
    """Its five steps, literally: the entry, the code, consent, the contract, and the messages on the way."""
    folder = tmp_path / "my-method"
    folder.mkdir()
    registry, code = blocks("CONTRIBUTING.md", "yaml")[0], blocks("CONTRIBUTING.md", "python")[0]
    (folder / "registry.yaml").write_text(registry)
    with pytest.raises(StylehubError, match="read it, then load it with trust=True"):
        hub.load(folder)
    with pytest.raises(RegistryError, match="points to method:Posterize, which does not load"):
        hub.load(folder, trust=True)
    (folder / "method.py").write_text(code)
    check_contract(hub.load(folder, trust=True, device="cpu"), {"levels": 3}, photo, tmp_path)
    (folder / "registry.yaml").write_text(registry.replace("[single]", "[singel]"))
    with pytest.raises(RegistryError, match=r"posterize\.tasks\.0 is wrong: Input should be 'single'"):
        hub.load(folder, trust=True)


def test_readme_python_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Image.open(ROOT / "examples" / "valley.jpg").resize((120, 80)).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    for code in blocks("README.md", "python"):
        exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "out.png").exists()


def test_pictures_and_links_of_the_documents_exist() -> None:
    documents = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("methods/**/README.md"),
    ]
    for document in documents:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if not target.startswith("https://"):
                assert (document.parent / target).exists(), f"{document.name} points to {target}"


@pytest.mark.parametrize("entry", hub.list(), ids=lambda e: e.name)
def test_cards_are_what_the_model_says(entry: hub.registry.Entry) -> None:  # type: ignore[name-defined]
    """The tables in a card are drawn from the registry, the styles, the parameters and the measurements."""
    assert card(entry).read_text() == render(entry.name), "run `python -m tools.card`"
    assert (ROOT / "README.md").read_text() == render_readme(), "run `python -m tools.card`"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_tables_in_documents_are_drawn(document: str) -> None:
    assert (ROOT / document).read_text() == render_document(ROOT / document), "run `python -m tools.card`"


def test_the_pages_speak_of_the_project_alone() -> None:
    """No path of a machine and no package host in anything that is published."""
    for document in [*ROOT.glob("*.md"), *ROOT.glob("methods/**/*.md"), ROOT / "registry.yaml"]:
        absolute = re.findall(r"(?:^|[\s`'\"(=])/[\w.-]+/", document.read_text())
        assert not absolute, f"{document.name} has an absolute path: {absolute[0]}"
