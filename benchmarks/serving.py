"""A site of its own for a table: `stylehub space` with a gallery, in a process of its own, and the browser that visits it."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hub.errors import StylehubError


def chromium() -> str:
    """The path of chromium. Raises ``StylehubError`` if this machine lacks it, or a package that such a table needs."""
    for package in ("gradio", "huey", "playwright"):
        if find_spec(package) is None:
            raise StylehubError(f"This table needs {package}: pip install 'stylehub[space,site]' playwright.")
    from tools.browser import CHROMIUM

    if CHROMIUM is None:
        raise StylehubError("This table needs chromium.")
    return CHROMIUM


@contextmanager
def browser(path: str) -> Iterator[Any]:
    """The chromium at ``path``, until the end of the block."""
    from playwright.sync_api import sync_playwright

    from tools.browser import FLAGS

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield started
        finally:
            started.close()


@dataclass
class Site:
    """A site that answers."""

    address: str
    pid: int
    up: float  # seconds from its start to its first answer


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A site with its data in ``folder``, until the end of the block."""
    began = time.perf_counter()
    app = subprocess.Popen(
        [sys.executable, "-m", "hub", "space", "--data-dir", str(folder / "site"), "--gallery"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"GRADIO_TEMP_DIR": str(folder / "uploads")},
    )
    try:
        assert app.stdout is not None
        words = app.stdout.readline().split()
        if len(words) < 4:
            raise StylehubError("The site did not start; run `stylehub space --data-dir` to see why.")
        with urllib.request.urlopen(words[3]) as answer:
            answer.read()
        yield Site(words[3], app.pid, time.perf_counter() - began)
    finally:
        app.terminate()
        app.wait()
