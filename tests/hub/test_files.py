"""Files of ours and of the user."""

from pathlib import Path

import pytest

from hub.files import example_photo


def test_the_example_photo_is_found_installed_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub import files

    assert example_photo().is_file()
    installed = tmp_path / "space" / "valley.jpg"
    installed.parent.mkdir()
    installed.write_bytes(b"x")
    monkeypatch.setattr(files, "__file__", str(tmp_path / "hub" / "files.py"))
    assert example_photo() == installed
