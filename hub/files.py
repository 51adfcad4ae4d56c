"""Atomic writing of files, and the user's own folders."""

import os
import secrets
import time
from contextlib import suppress
from itertools import chain, count
from pathlib import Path

LONGEST_NAME = 255  # bytes
_TEMPORARY = ".stylehub-*.tmp"


def write_whole(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write a hidden file beside ``path`` and rename it: ``path`` is always the old file or the whole new one.

    Raises ``FileExistsError`` for an existing file without ``overwrite``, and ``OSError`` from the disk; no partly
    written file is left.
    """
    temporary = path.parent / _TEMPORARY.replace("*", secrets.token_hex(8))
    try:
        with temporary.open("xb") as stream:  # unlike mkstemp, open sets the permissions of the umask
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if not overwrite:
            try:
                os.link(temporary, path)  # unlike a rename, this fails if another writer was first
                return
            except FileExistsError:
                raise
            except OSError:  # no hard links (FAT, some network folders): create an empty file, then replace it
                path.open("xb").close()
        try:
            os.replace(temporary, path)  # noqa: PTH105
        except BaseException:
            if not overwrite:
                path.unlink()  # the empty file from above
            raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, *, older: float = 0) -> None:
    """Delete the temporary files of a killed writer in ``folder`` that are ``older`` than so many seconds.

    No other process may have been writing there since.
    """
    for leftover in folder.glob(_TEMPORARY):
        with suppress(FileNotFoundError):
            if older <= 0 or time.time() - leftover.stat().st_mtime > older:
                leftover.unlink()


def already_exists(path: Path) -> str:
    """The error message for a file that exists."""
    return f"{path} exists; choose another name, or overwrite it with --overwrite (overwrite=True in Python)."


def free_name(path: Path) -> Path:
    """``path``, or the first free name of ``name2``, ``name3``, ... beside it."""
    path = fitting(path)
    stem = fitting(path, spare=9).stem
    numbered = (path.with_name(f"{stem}{number}{path.suffix}") for number in count(2))
    return next(p for p in chain([path], numbered) if not os.path.lexists(p))


def fitting(path: Path, spare: int = 0) -> Path:
    """``path``, its name cut before the suffix to the 255 bytes that file systems allow, less ``spare``."""
    room = LONGEST_NAME - spare - len(os.fsencode(path.suffix))
    stem = os.fsencode(path.stem)
    return path if len(stem) <= room else path.with_name(stem[:room].decode("utf-8", "ignore") + path.suffix)


def example_photo() -> Path:
    """The example photo: in ``space/`` of an installed package, in ``examples/`` of the repository."""
    root = Path(__file__).resolve().parent.parent
    installed = root / "space" / "valley.jpg"
    return installed if installed.is_file() else root / "examples" / "valley.jpg"


def user_data() -> Path:
    """The folder for what the user has made or decided; ``XDG_DATA_HOME`` moves it."""
    return Path(os.environ.get("XDG_DATA_HOME") or _at_home(".local/share")) / "stylehub"


def user_cache() -> Path:
    """The folder for files that can be made again; ``XDG_CACHE_HOME`` moves it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or _at_home(".cache")) / "stylehub"


def _at_home(folder: str) -> Path:
    """``folder`` at home; without a home, as for services and in containers, a folder that cannot exist."""
    try:
        return Path("~", folder).expanduser()
    except RuntimeError:
        return Path(os.devnull, folder)
