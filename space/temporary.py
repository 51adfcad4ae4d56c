"""Temporary files: among the uploads, which Gradio serves to whoever knows the address and clears away."""

import secrets
from pathlib import Path

from gradio.utils import get_upload_folder


def temporary_folder() -> Path:
    """A new folder that nobody can guess."""
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder
