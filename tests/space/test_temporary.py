"""Uploads lie where no other user can read them, and what a killed app left is deleted."""

import os
import time
from pathlib import Path

import pytest
from gradio.utils import get_upload_folder

from hub.files import user_cache
from space.temporary import KEPT, keep_private, temporary_folder


def test_uploads_are_private_and_old_ones_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    monkeypatch.delenv("GRADIO_TEMP_DIR")  # and back as it was, at the end
    uploads = user_cache() / "uploads"
    old, new, renewed = (uploads / name for name in ("old", "new", "renewed"))
    for folder in (old, new, renewed):
        folder.mkdir(parents=True)
        (folder / "photo.jpg").touch()
    before = time.time() - KEPT - 60
    for path in (old / "photo.jpg", old, renewed):
        os.utime(path, (before, before))
    keep_private()
    assert Path(get_upload_folder()) == uploads
    assert uploads.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in uploads.iterdir()} == {"new", "renewed"}
    assert temporary_folder().parent == uploads


def test_a_folder_that_somebody_chose_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    (tmp_path / "old").mkdir()
    os.utime(tmp_path / "old", (0, 0))
    keep_private()
    assert Path(get_upload_folder()) == tmp_path
    assert (tmp_path / "old").is_dir()


def test_without_a_home_the_folder_is_private_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    monkeypatch.delenv("GRADIO_TEMP_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    keep_private()
    folder = Path(get_upload_folder())
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()
