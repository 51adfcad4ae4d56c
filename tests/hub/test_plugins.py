"""Packages that add methods: a broken one is left out alone, and `stylehub plugins` says why; consent to folders."""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import hub
from hub import entries, registry
from hub.checking.importing import import_fault
from hub.errors import StylehubError, UnknownName
from tests.support.command import call
from tests.support.plugins import MIRROR, MIRROR_ENTRY, write_mirror

Install = Callable[..., Path]
IN_PACKAGE = MIRROR_ENTRY.replace("method:Mirror", "mirror.method:Mirror")


def packaged(name: str) -> str:
    return MIRROR_ENTRY.replace("mirror:", f"{name}:").replace("method:Mirror", f"{name}.method:Mirror")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_mirror(tmp_path / "mirror")


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (packaged("broken").replace("half: false", "halve: false"), "broken.halve is not a field of an entry"),
        ("methods: [", "not readable YAML"),
        (None, "a method folder or package needs a registry.yaml"),
        ("methods: {}", "has no methods"),
        ("contract: 2\n" + packaged("broken"), "install a newer stylehub"),
        (
            packaged("broken").replace("      broken: {", "      cin-25styles: {"),
            "stylehub has a model 'cin-25styles' too",
        ),
        (packaged("broken").replace("  broken:\n    plugin", "  cin:\n    plugin"), "stylehub has a method 'cin' too"),
        (
            packaged("broken").replace("  broken:\n    plugin", "  depth:\n    plugin"),
            "stylehub has a method 'depth' too",
        ),
    ],
)
def test_a_broken_plugin_is_left_out_alone(
    install: Install, entry: str | None, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    install("good", packaged("good"), MIRROR)
    package = install("broken", entry or "")
    if entry is None:
        (package / "registry.yaml").unlink()
    with caplog.at_level(logging.WARNING):
        names = [entry.name for entry in hub.list()]
        assert "good" in names
        assert "cin-25styles" in names
        assert "broken" not in names
        assert hub.info("cin-25styles").source == "stylehub"
    (warning,) = caplog.messages
    assert warning == "Left out, as `stylehub plugins` explains: broken"
    broken, good = registry.plugins()
    assert fault in str(broken.fault)
    assert good.fault is None
    assert good.name == "good"


def test_two_plugins_with_one_name(install: Install) -> None:
    install("one", MIRROR_ENTRY)
    install("two", MIRROR_ENTRY)
    assert hub.info("mirror").source == "package one"
    assert [plugin.fault for plugin in registry.plugins()] == [
        None, "package one has a model 'mirror' too; rename one, or uninstall it.",
    ]  # fmt: skip


def test_an_entry_point_that_names_no_package(install: Install) -> None:
    package = install("mirror", IN_PACKAGE, MIRROR)
    facts = package.parent / "mirror-1.0.dist-info" / "entry_points.txt"
    facts.write_text("[stylehub.methods]\nmirror = no_such_package\n")
    registry.refresh()
    assert "cin-25styles" in [entry.name for entry in hub.list()]
    assert "which is not a package" in str(registry.plugins()[0].fault)


def test_a_plugin_of_a_contract_that_is_gone(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "CONTRACT", 3)
    monkeypatch.setattr(entries, "OLDEST_CONTRACT", 2)
    install("mirror", "contract: 1\n" + IN_PACKAGE, MIRROR)
    install("newer", "contract: 2\n" + packaged("newer"), MIRROR)
    registry.refresh()
    # The built-in registry is of the newest contract always.
    monkeypatch.setattr(registry, "read_registry", lambda *_: [])
    mirror, newer = registry.plugins()
    assert "but this stylehub has version 3; install a newer version of the plugin" in str(mirror.fault)
    assert newer.entries[0].contract == 2


def test_plugins_are_listed_with_their_faults(install: Install) -> None:
    assert "No plugins are installed" in call("plugins").stdout
    install("mirror", IN_PACKAGE, "print('noise')\n" + MIRROR)
    (Path(registry.plugins()[0].folder or "") / "parts.py").write_text("def turn(x):\n    return x\n")
    install("other", packaged("other"), "raise SystemExit('no')")
    result = call("plugins", "--json")
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert facts["contract"] == entries.CONTRACT
    mirror, other = facts["plugins"]
    assert (mirror["package"], mirror["models"], mirror["contract"], mirror["faults"]) == (
        "mirror 1.0",
        ["mirror"],
        1,
        [],
    )
    assert "other.method:Mirror, which does not load: SystemExit: no" in other["faults"][0]
    shown = call("plugins").stdout
    assert "mirror  mirror 1.0, " in shown
    assert "  does not load: The method 'other'" in shown


def test_consent_is_remembered_until_the_code_changes(folder: Path, photo: Image.Image) -> None:
    with pytest.raises(StylehubError, match="holds code that would run here"):
        hub.load(folder)
    assert "is trusted until its code changes" in call("trust", folder).stdout
    assert str(folder) in call("trust").stdout
    assert hub.load(folder, device="cpu")(photo).size == photo.size
    (folder / "notes.txt").write_text("no code")
    hub.load(folder, device="cpu")
    (folder / "parts.py").write_text("raise SystemExit('this code ran')\n")
    with pytest.raises(StylehubError, match="has changed since you trusted it"):
        hub.load(folder)
    call("trust", folder)
    assert len(call("trust").stdout.splitlines()) == 1
    assert "is no longer trusted" in call("trust", folder, "--withdraw").stdout
    assert "was not trusted" in call("trust", folder, "--withdraw").stdout
    with pytest.raises(StylehubError, match="holds code"):
        hub.load(folder)


def test_only_a_folder_with_a_method_can_be_trusted(tmp_path: Path) -> None:
    assert "needs a registry.yaml" in call("trust", tmp_path).sentence
    assert call("trust").stdout == ""


def test_new_code_beside_trusted_code_asks_again(folder: Path) -> None:
    call("trust", folder)
    (folder / "more").mkdir()
    (folder / "more" / "evil.py").write_text("")
    with pytest.raises(StylehubError, match="has changed"):
        hub.load(folder)


def test_code_behind_a_link_out_of_the_folder_is_not_imported(folder: Path, tmp_path: Path) -> None:
    """It could change without the consent being asked again."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "parts.py").write_text("def turn(x):\n    return x\n")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "method.py").write_text(MIRROR.replace("from .parts", "from .linked.parts"))
    with pytest.raises(StylehubError, match=r"No module named 'linked\.parts'"):
        hub.load(folder, trust=True)


def test_the_command_of_a_picture_by_a_folder_makes_it_again(
    folder: Path, photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("stylize", "./mirror", photo_file.name, "--trust", "-o", "a.png").exit_code == 0
    command, line, *_ = call("show", "a.png").stdout.splitlines()
    assert command == "stylehub stylize ./mirror photo.png --trust"
    assert call(*command.split()[1:], "-o", "b.png").exit_code == 0
    exec(line)
    assert Image.open("a.png").tobytes() == Image.open("b.png").tobytes() == Image.open("painted.png").tobytes()


def test_show_imports_no_method(
    folder: Path, photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call("stylize", "./mirror", photo_file.name, "--trust", "-o", "a.png")
    monkeypatch.setattr("hub.provenance.plugin_class", lambda entry: sys.exit("the class was imported"))
    assert "./mirror" in call("show", "a.png").stdout


def test_an_old_picture_runs_no_code_of_a_folder(
    folder: Path, photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its metadata may come from anywhere, and name any folder."""
    monkeypatch.chdir(tmp_path)
    marker = tmp_path / "ran"
    (folder / "method.py").write_text(f"open({str(marker)!r}, 'w')\n")
    photo.info["stylehub"] = {"model": "./mirror", "parameters": {}, "photo": "photo.png"}
    try:
        hub.save(photo, "old.png")
    finally:
        del photo.info["stylehub"]
    assert "stylehub stylize ./mirror photo.png" in call("show", "old.png").stdout
    assert not marker.exists()


def test_code_that_changed_after_it_was_loaded_does_not_run(folder: Path, photo: Image.Image) -> None:
    """A module that is imported late must be what the user has trusted."""
    (folder / "method.py").write_text(
        MIRROR.replace("from .parts import turn", "").replace("return turn", "from .parts import turn; return turn")
    )
    call("trust", folder)
    method = hub.load(folder, device="cpu")
    (folder / "parts.py").write_text("raise SystemExit('this code ran')\n")
    with pytest.raises(ImportError, match="has changed since the folder was loaded; load it again"):
        method(photo)


def test_code_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("hub.folders.hashlib.file_digest", denied)
    assert "cannot be read (Permission denied); check its permissions" in call("trust", folder).sentence


def test_a_folder_with_several_models(
    folder: Path, photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one is that of the folder's name; the address of another is a path below it."""
    monkeypatch.chdir(tmp_path)
    entry = folder / "registry.yaml"
    entry.write_text(entry.read_text() + "      second: {title: Second, summary: Turns too.}\n")
    assert hub.info("./mirror").name == "mirror"
    assert hub.info("mirror/second").model.title == "Second"
    with pytest.raises(StylehubError, match="holds code that would run here"):
        hub.load("./mirror/second")
    assert call("stylize", "./mirror/second", photo_file.name, "--trust", "-o", "a.png").exit_code == 0
    assert "stylehub stylize ./mirror/second photo.png --trust" in call("show", "a.png").stdout
    call("trust", folder)
    assert hub.load("./mirror/second", device="cpu").entry.name == "second"
    with pytest.raises(UnknownName, match="did you mean second"):
        hub.info("./mirror/secnd")


def test_info_of_a_folder_needs_no_consent(folder: Path) -> None:
    (folder / "method.py").write_text("raise SystemExit('this code ran')\n")
    told = call("info", folder)
    assert told.exit_code == 0
    assert "paper     Nobody 2020: Mirrors" in told.stdout
    assert "Its styles and flags are not shown: " in told.stdout
    assert json.loads(call("info", folder, "--json").stdout)["untold"]
    write_mirror(folder.with_name("good"))
    assert "--strength" in call("info", folder.with_name("good"), "--trust").stdout


def test_plugins_tells_of_an_import_that_does_not_end(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """And of one that ends the program."""
    install("slow", packaged("slow"), "import time; time.sleep(3)")
    install("rude", packaged("rude"), "raise KeyboardInterrupt")
    rude, slow = (plugin.entries[0] for plugin in registry.plugins())
    assert str(import_fault(slow, limit=0.1)) == "The import of slow.method:Mirror does not end within 0.1 s."
    assert repr(import_fault(rude)) == "KeyboardInterrupt()"
    monkeypatch.setattr("hub.checking.importing.import_fault", lambda entry: import_fault(entry, 0.1))
    result = call("plugins")
    assert result.exit_code == 1
    assert "does not load: The import of slow.method:Mirror does not end within 0.1 s." in result.stdout
    assert "does not load: KeyboardInterrupt()" in result.stdout


def test_what_a_plugin_prints_is_not_among_the_results(install: Install) -> None:
    package = install("mirror", IN_PACKAGE, "print('noise')\n" + MIRROR)
    (package / "parts.py").write_text("def turn(x):\n    return x\n")
    result = call("info", "mirror", "--json")
    assert json.loads(result.stdout)["name"] == "mirror"
    assert "noise" in result.stderr


@pytest.mark.parametrize("text", [r"\e]0;owned\a", r"\x9b2J", r"\0"])
def test_an_entry_does_not_control_the_terminal(folder: Path, text: str) -> None:
    entry = folder / "registry.yaml"
    entry.write_text(entry.read_text().replace("title: Mirror,", f'title: "{text}",'))
    with pytest.raises(StylehubError, match=r"title is wrong: should be text without control characters"):
        hub.info(folder)


def test_a_folder_can_be_added_to_the_catalogue(folder: Path, tmp_path: Path) -> None:
    registry.include(folder)
    try:
        call("trust", folder)
        assert hub.load("mirror", device="cpu").entry.external
        assert hub.load("mirror").entry.address == "./mirror"
        (folder / "registry.yaml").write_text(MIRROR_ENTRY.replace("      mirror:", "      cin-25styles:"))
        with pytest.raises(StylehubError, match="stylehub has a model 'cin-25styles' too"):
            registry.include(folder)
    finally:
        registry.refresh()
    with pytest.raises(UnknownName):
        hub.info("mirror")
