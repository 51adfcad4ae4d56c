"""Folders with unguessable names, each with a lock that ends with its process, however that ends."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from hub.errors import StylehubError

_LOCKS = ".locks"


class Folders:
    """The folders in ``root``, by id."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / _LOCKS).mkdir(parents=True, exist_ok=True)

    def path(self, id: str) -> Path:
        """The folder of ``id``, which need not exist. Raises ``StylehubError`` for what cannot be an id."""
        if not (0 < len(id) <= 64 and id.isascii() and id.replace("-", "").replace("_", "").isalnum()):
            raise StylehubError("This is not the address of a picture or a job here; check the link.")
        return self.root / id

    @contextmanager
    def new(self) -> Iterator[tuple[str, Path]]:
        """A new folder, locked; it is deleted again if the block raises."""
        id = secrets.token_urlsafe(24)
        with self._lock(id):
            folder = self.path(id)
            folder.mkdir()
            try:
                yield id, folder
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise

    @contextmanager
    def locked(self, id: str) -> Iterator[bool]:
        """Whether the lock of ``id`` is ours, at once; a killed process has lost its own."""
        with held(self._lock(id)) as ours:
            yield ours

    def delete(self, id: str) -> None:
        """Delete the folder. Whoever still writes into it leaves nothing that ``sweep`` would not find."""
        shutil.rmtree(self.path(id), ignore_errors=True)

    def sweep(self, known: Callable[[str], bool]) -> None:
        """Delete what a kill has left: folders of which ``known`` has no entry, and locks without a folder.

        An entry is made while the lock of its folder is held, so here it is asked for under that lock.
        """
        for path in self.root.iterdir():
            with suppress(StylehubError), self.locked(path.name) as ours:
                if ours and not known(path.name):
                    self.delete(path.name)
        for path in (self.root / _LOCKS).iterdir():
            with self.locked(path.name) as ours:
                if ours and not (self.root / path.name).exists():
                    path.unlink(missing_ok=True)

    def _lock(self, id: str) -> BaseFileLock:
        self.path(id)
        return FileLock(self.root / _LOCKS / id, thread_local=False)


@contextmanager
def held(lock: BaseFileLock) -> Iterator[bool]:
    """Whether ``lock`` is ours for the block, known at once; a killed process holds it no longer."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def size(folder: Path) -> int:
    """The bytes of all files in ``folder``."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total
