"""Temporary files in Gradio's upload folder; Gradio serves them to anyone with the address, and deletes them later."""

import secrets
from pathlib import Path

from gradio.utils import get_upload_folder


def temporary_folder() -> Path:
    """A new folder with an unguessable name."""
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder
