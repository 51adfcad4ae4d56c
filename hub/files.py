"""Files that are whole or not there at all, and the user's own folders."""

import os
import secrets
import time
from contextlib import suppress
from itertools import chain, count
from pathlib import Path

_TEMPORARY = ".stylehub-*.tmp"


def write_whole(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write to a hidden file beside ``path``, then give it its name: ``path`` is the old file or the whole new one.

    Raises ``FileExistsError`` rather than clobber when ``overwrite`` is off, and ``OSError`` for what the disk
    refuses; nothing is left behind either way.
    """
    temporary = path.parent / _TEMPORARY.replace("*", secrets.token_hex(8))
    try:
        with temporary.open("xb") as stream:  # open, unlike mkstemp, gives the permissions the umask asks for
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if not overwrite:
            try:
                os.link(temporary, path)  # unlike a rename, it fails when another writer was first
                return
            except FileExistsError:
                raise
            except OSError:  # no hard links here (FAT, some network folders): take the name, then replace it
                path.open("xb").close()
        try:
            os.replace(temporary, path)  # noqa: PTH105 - one name for the call, beside os.link
        except BaseException:
            if not overwrite:
                path.unlink()  # our empty placeholder
            raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, *, older: float = 0) -> None:
    """Delete what a writer that was killed left in ``folder``, if it is ``older`` than so many seconds.

    Nobody else may have been writing there since.
    """
    for leftover in folder.glob(_TEMPORARY):
        with suppress(FileNotFoundError):
            if older <= 0 or time.time() - leftover.stat().st_mtime > older:
                leftover.unlink()


def already_exists(path: Path) -> str:
    """The sentence for a file that is not to be overwritten."""
    return f"{path} exists; choose another name, or overwrite it with --overwrite (overwrite=True in Python)."


def free_name(path: Path) -> Path:
    """``path``, or the first of ``name2``, ``name3``, ... beside it that does not exist yet."""
    numbered = (path.with_name(f"{path.stem}{number}{path.suffix}") for number in count(2))
    return next(p for p in chain([path], numbered) if not os.path.lexists(p))


def example_photo() -> Path:
    """The landscape that ships: in ``space/`` of an installed package, in ``examples/`` of the repository."""
    root = Path(__file__).resolve().parent.parent
    installed = root / "space" / "valley.jpg"
    return installed if installed.is_file() else root / "examples" / "valley.jpg"


def user_styles(model: str) -> Path:
    """The folder of the styles that the user has added to ``model``; ``XDG_DATA_HOME`` moves it."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser())
    return data / "stylehub" / "styles" / model


def user_cache() -> Path:
    """The folder for what can be made again; ``XDG_CACHE_HOME`` moves it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "stylehub"
