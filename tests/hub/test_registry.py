"""The catalogue: data only, found by name, extended by packages and folders, and clear about what is wrong."""

import importlib.util
import py_compile
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from PIL import Image

import hub
from hub import registry
from hub.errors import RegistryError, StylehubError, UnknownName
from tests.support.plugins import MIRROR, MIRROR_ENTRY, write_mirror


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stranger's method that needs no weights."""
    return write_mirror(tmp_path / "mirror")


def test_list_and_info() -> None:
    names = [entry.name for entry in hub.list()]
    assert "cin-25styles" in names
    assert "cin-25styles" in [entry.name for entry in hub.list(task="fusion")]
    assert hub.list(task="depth") == [] or all("depth" in e.tasks for e in hub.list(task="depth"))
    entry = hub.info("cin-25styles")
    assert entry.method_id == "cin"
    assert entry.method.paper.year == 2017


@pytest.mark.parametrize("name", ["cin-25style", "cin25styles", "CIN"])
def test_unknown_models_name_the_nearest(name: str) -> None:
    with pytest.raises(UnknownName, match="cin-25styles"):
        hub.load(name)


def test_unknown_task() -> None:
    with pytest.raises(UnknownName, match="There is no task 'fussion'"):
        hub.list(task="fussion")


def test_importing_and_listing_need_no_torch() -> None:
    code = dedent(
        """
        import sys, hub
        assert not {"torch", "pydantic", "yaml", "numpy", "PIL"} & set(sys.modules), "import hub is not light"
        assert hub.list() and hub.info("cin-25styles")
        heavy = {"torch", "gradio", "numpy", "PIL", "huggingface_hub"} & set(sys.modules)
        assert not heavy, heavy
        """
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_methods_never_import_gradio() -> None:
    code = (
        "import sys, hub, hub.cli, hub.batch, hub.evaluation, hub.training; hub.load('cin-25styles');"
        "assert 'gradio' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tasks: [single]", "tasks: [singel]", "mirror.tasks"),
        ("    half: false\n", "    half: false\n    extra: 1\n", "mirror.extra is not a field of an entry; remove it"),
        ("tiling: none", "tilling: none", r"mirror\.tilling is not a field of an entry; did you mean tiling\?"),
        ("    half: false\n", "", r"mirror\.half is missing"),
        ("plugin: method:Mirror", "plugin: method.Mirror", "should be module:Class, such as method:Posterize"),
        ("methods:", "contract: 99\nmethods:", "written for version 99 of the contract.* install a newer stylehub"),
        ("methods:", "contract: one\nmethods:", "contract is wrong"),
        ("      mirror: {", "      Mirror!: {", "mirror.models"),
        ("  mirror:\n", "  größe:\n", "name 'größe' of a method is wrong: it should be lower-case letters"),
        ("methods:", "things:", "a mapping 'methods'"),
        ("methods:", "methods: [", "not readable YAML"),
        ("tiling: none", "tiling: !!python/object/apply:os.system ['true']", "not readable YAML"),
    ],
)
def test_malformed_entries_name_the_field(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "registry.yaml").write_text(MIRROR_ENTRY.replace(old, new))
    with pytest.raises(RegistryError, match=message) as error:
        hub.load(folder, trust=True)
    assert "\n" not in str(error.value)


def test_a_folder_needs_consent_before_its_code_runs(folder: Path) -> None:
    (folder / "method.py").write_text("raise SystemExit('this code ran')\n")
    with pytest.raises(StylehubError, match="trust=True"):
        hub.load(folder)


def test_a_folder_with_a_method_loads(folder: Path) -> None:
    import numpy as np

    image = Image.linear_gradient("L").rotate(90).convert("RGB")
    turned = hub.load(folder, trust=True, device="cpu")(image)
    assert np.array_equal(np.asarray(turned), np.asarray(image)[:, ::-1])


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("method.py", "class Other: ..."),
        ("method.py", "import nothing_of_that_name"),
        ("method.py", "def broken(:"),
        ("method.py", "raise RuntimeError('on import')"),
        ("parts.py", ""),
    ],
)
def test_an_entry_that_points_nowhere(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(RegistryError, match="does not load") as error:
        hub.load(folder, trust=True)
    assert "stylehub_folder" not in str(error.value)


TAKES_A_DICT = """
from hub.method import Method
from hub.parameters import Parameters


class MirrorParameters(Parameters):
    table: dict = {}
"""
OWN_STRENGTH = TAKES_A_DICT.replace("table: dict = {}", "strength: float = 3.0")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("class Mirror: ...", r"is not a hub\.Method"),
        (MIRROR.replace("def stylize", "def paint"), "method:Mirror of .* has no stylize; write it"),
        (
            MIRROR.replace("assert not config", "config['width']"),
            "setup raised KeyError: 'width'. Its entry names no weights",
        ),
        (TAKES_A_DICT, "parameter 'table' of MirrorParameters is declared wrongly: the type dict has no flag"),
        (OWN_STRENGTH, "parameter 'strength' of MirrorParameters is one that every method has"),
        ("raise SystemExit(3)", "does not load: SystemExit: 3"),
        ("import no_such_package", "No module named 'no_such_package'; install no_such_package"),
        ("from . import nothing", "cannot import name 'nothing'"),
    ],
)
def test_code_that_is_no_method(folder: Path, code: str, message: str) -> None:
    (folder / "method.py").write_text(code)
    with pytest.raises(RegistryError, match=message) as error:
        hub.load(folder, trust=True)
    assert "\n" not in str(error.value)
    assert "stylehub_folder" not in str(error.value)


def test_a_result_of_another_size_is_refused(folder: Path, photo: Image.Image) -> None:
    """Or it would be stretched without a word."""
    (folder / "parts.py").write_text("def turn(x):\n    return x[..., :7]\n")
    method = hub.load(folder, trust=True, device="cpu")
    with pytest.raises(StylehubError, match="must return the size that it gets"):
        method(photo)
    with pytest.raises(StylehubError, match="must return the size that it gets"):
        method(photo, where="across")
    (folder / "parts.py").write_text("def turn(x):\n    pass\n")
    with pytest.raises(StylehubError, match="mirror made NoneType of a picture"):
        hub.load(folder, trust=True, device="cpu")(photo)


def test_info_of_a_folder_runs_no_code(folder: Path) -> None:
    (folder / "method.py").write_text("raise SystemExit('this code ran')\n")
    assert hub.info(str(folder)).name == hub.info(folder).name == "mirror"


def test_a_folder_that_was_edited_has_its_new_code(folder: Path, photo: Image.Image) -> None:
    turned = hub.load(folder, trust=True, device="cpu")(photo)
    (folder / "parts.py").write_text("def turn(x):\n    return x\n")
    assert hub.load(folder, trust=True, device="cpu")(photo).tobytes() == photo.tobytes() != turned.tobytes()


def test_compiled_code_is_never_taken_for_the_source_that_was_read(folder: Path, photo: Image.Image) -> None:
    """Python itself would load this file, whose flags forbid to compare it with the source."""
    hidden = folder / "hidden.py"
    hidden.write_text("def turn(x):\n    raise SystemExit('compiled code ran')\n")
    compiled = py_compile.compile(
        str(hidden), importlib.util.cache_from_source(str(folder / "parts.py")),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip
    assert compiled
    assert hub.load(folder, trust=True, device="cpu")(photo).size == photo.size
    (folder / "parts.py").unlink()
    hidden.rename(folder / "other.py")
    py_compile.compile(str(folder / "other.py"), str(folder / "parts.pyc"))
    with pytest.raises(RegistryError, match=r"No module named 'parts'"):
        hub.load(folder, trust=True)


def test_an_installed_package_adds_its_methods(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the entry-point group alone: its registry is read, its code only when it is loaded."""
    package = install("mirror", MIRROR_ENTRY.replace("method:Mirror", "mirror.method:Mirror"), MIRROR)
    (package / "parts.py").write_text("def turn(x):\n    return x.flip(3)\n")
    assert "mirror" in [entry.name for entry in hub.list()]
    assert "mirror" not in sys.modules
    assert hub.load("mirror").entry.source == "package mirror"
    monkeypatch.setenv("STYLEHUB_PLUGINS", "0")
    registry.refresh()
    assert "mirror" not in [entry.name for entry in hub.list()]


def test_paths_and_repositories_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="does not exist"):
        hub.load("./nowhere-at-all")
    with pytest.raises(UnknownName, match="40 hexadecimal digits"):
        hub.load("hf://owner/repo@main")
    with pytest.raises(RegistryError, match=r"registry\.yaml"):
        hub.load(tmp_path, trust=True)
    (tmp_path / "cin-x").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownName, match=r"write \./cin-x"):
        hub.load("cin-x")
