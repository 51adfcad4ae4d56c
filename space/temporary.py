"""Temporary files in Gradio's upload folder; Gradio serves them to anyone with the address, and deletes them later."""

import os
import secrets
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from gradio.utils import get_upload_folder

from hub.files import user_cache

HOUR = 3600  # seconds
KEPT = 6 * HOUR


def temporary_folder() -> Path:
    """A new folder with an unguessable name."""
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder


def keep_private() -> None:
    """Put uploads where no other user of this machine can read them, and delete what a killed app left there.

    Gradio's own folder is open to all users, and what lies in it is only deleted by the app that put it there. A folder
    that GRADIO_TEMP_DIR names stays as it is.
    """
    if "GRADIO_TEMP_DIR" in os.environ:
        return
    folder = user_cache() / "uploads"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError:  # no home that can be written to
        folder = Path(tempfile.mkdtemp(prefix="stylehub-"))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    sweep(folder)
    threading.Thread(target=_sweep_hourly, args=(folder,), daemon=True).start()


def sweep(folder: Path) -> None:
    """Delete what has been in ``folder`` for too long."""
    for left in folder.glob("*"):
        with suppress(OSError):  # somebody else has just deleted it
            newest = max(path.stat().st_mtime for path in (left, *left.rglob("*")))
            if time.time() - newest > KEPT:
                shutil.rmtree(left)


def _sweep_hourly(folder: Path) -> None:
    while folder.is_dir():
        time.sleep(HOUR)
        sweep(folder)
