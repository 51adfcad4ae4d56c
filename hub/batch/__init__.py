"""Whole folders: read, stylised and written side by side; the same command goes on where it stopped."""

from hub.batch.folder import Report as Report
from hub.batch.folder import run_folder as run_folder
