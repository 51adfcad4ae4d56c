"""A site that runs: its data folder, and the processes of its workers, which end with it and are started anew."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hub.errors import StylehubError
from space.events import event
from space.jobs.service import Service
from space.site.place import Place
from space.site.settings import Settings

WITH_PARENT = "STYLEHUB_WITH_PARENT"
_SOONEST, _LATEST = 1.0, 30.0  # seconds before a worker is started anew


@contextmanager
def open_site(settings: Settings, folders: Sequence[Path] = ()) -> Iterator[Service]:
    """The jobs of the site, with its workers until the end of the block; they know the methods in ``folders``.

    Raises ``StylehubError`` if another app serves this data folder.
    """
    service = Service(Place(settings))
    with ExitStack() as stack:
        if not stack.enter_context(service.place.alone("web")):
            raise StylehubError(f"Another app serves {settings.folder}; stop it, or give another --data-dir.")
        for _ in range(settings.workers):
            stack.enter_context(_worker(settings, folders, service.workers))
        yield service


@contextmanager
def _worker(settings: Settings, folders: Sequence[Path], running: set[int]) -> Iterator[None]:
    """A worker until the end of the block. One that ends by itself is started anew, later each time.

    ``running`` holds its process id while it runs.
    """
    ended = threading.Event()

    def keep() -> None:
        wait = _SOONEST
        while not ended.is_set():
            process = start_worker(settings, folders)
            running.add(process.pid)
            while process.poll() is None and not ended.wait(0.2):
                pass
            running.discard(process.pid)
            if not ended.is_set():
                event("worker-ended", level=logging.WARNING, status=process.returncode)
                ended.wait(wait)
                wait = min(_LATEST, 2 * wait)
                continue
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    thread = threading.Thread(target=keep, name="worker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)


def start_worker(settings: Settings, folders: Sequence[Path] = ()) -> subprocess.Popen[bytes]:
    """A process that runs jobs, and that ends when this one does: then its standard input is closed."""
    import os

    words = [str(folder.absolute()) for folder in folders] + (["--trust"] if folders else [])
    return subprocess.Popen(
        [sys.executable, "-m", "hub", "worker", *words],
        stdin=subprocess.PIPE,
        env={**os.environ, **settings.environment(), WITH_PARENT: "1"},
    )
