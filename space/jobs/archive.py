"""Zips from visitors: every member is checked before anything is unpacked, and its own path is never used."""

import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from hub.errors import ImageError
from hub.images import READ_EXTENSIONS

_MB = 1_000_000
_CHUNK = 1 << 20
_LETTERS = frozenset(" ._-()+,")


def pictures(archive: Path, most: int, most_mb: int) -> list[tuple[zipfile.ZipInfo, str]]:
    """The pictures in ``archive`` with safe and different names. Raises ``ImageError``, also for a zip that lies."""
    with _sentence(), zipfile.ZipFile(archive) as file:
        found: list[tuple[zipfile.ZipInfo, str]] = []
        names: set[str] = set()
        total = 0
        for member in file.infolist():
            path = PurePosixPath(member.filename.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
                raise ImageError(
                    f"The zip holds {member.filename[:60]!r}, which leads out of its folder; make the zip again."
                )
            if stat.S_ISLNK(member.external_attr >> 16):
                raise ImageError(f"The zip holds the link {member.filename[:60]!r}; put the picture itself into it.")
            if member.flag_bits & 1:
                raise ImageError("The zip has a password; make one without.")
            total += max(member.file_size, member.compress_size)
            if total > most_mb * _MB:
                raise ImageError(f"The zip unpacks to more than {most_mb} MB; send it in parts.")
            hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
            if member.is_dir() or hidden or path.suffix.lower() not in READ_EXTENSIONS:
                continue
            name = _free(_safe(path), names)
            names.add(name.lower())
            found.append((member, name))
            if len(found) > most:
                raise ImageError(f"The zip holds more than {most} pictures; send it in parts.")
        if not found:
            raise ImageError("The zip holds no picture; put photos into it.")
        return found


def unpack(archive: Path, folder: Path, most: int, most_mb: int) -> list[Path]:
    """Unpack the pictures into ``folder``; the limits count the bytes that come out. Raises ``ImageError``."""
    folder.mkdir(exist_ok=True)
    left = most_mb * _MB
    written: list[Path] = []
    for member, name in pictures(archive, most, most_mb):
        with (
            _sentence(),
            zipfile.ZipFile(archive) as file,
            file.open(member) as source,
            (folder / name).open("wb") as target,
        ):
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise ImageError(f"The zip unpacks to more than {most_mb} MB; send it in parts.")
                target.write(chunk)
        written.append(folder / name)
    return written


def gather(files: Sequence[Path], archive: Path, most: int, most_mb: int) -> None:
    """Write the pictures among uploaded ``files`` into ``archive``. Raises ``ImageError``, also for too many."""
    found = [path for path in files if path.suffix.lower() in READ_EXTENSIONS and not path.name.startswith(".")]
    if not found:
        raise ImageError("There is no picture among these files; choose a folder with photos.")
    if len(found) > most:
        raise ImageError(f"These are more than {most} pictures; send them in parts.")
    if sum(path.stat().st_size for path in found) > most_mb * _MB:
        raise ImageError(f"These pictures have more than {most_mb} MB; send them in parts.")
    pack(found, archive)


def pack(files: Sequence[Path], archive: Path) -> None:
    """Write ``files`` into ``archive``, whole or not at all. Pictures are packed already, so they are only stored."""
    partial = archive.with_name(f".{archive.name}.partial")
    names: set[str] = set()
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as file:
            for path in files:
                name = _free(path.name, names)
                names.add(name.lower())
                file.write(path, name)
        partial.replace(archive)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ImageError("The zip cannot be written; the disk of this site is full.") from error


def _safe(path: PurePosixPath) -> str:
    """The last part of ``path`` in letters that every system allows."""
    stem = "".join(c if c.isalnum() or c in _LETTERS else "_" for c in path.stem).strip(" .")[:80]
    return (stem or "photo") + path.suffix.lower()


def _free(name: str, taken: set[str]) -> str:
    stem, _, suffix = name.rpartition(".")
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{stem}-{number}.{suffix}"
    return free


@contextmanager
def _sentence() -> Iterator[None]:
    try:
        yield
    except ImageError:
        raise
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ImageError("This file is not a zip that can be read here; make a plain zip.") from error
    except OSError as error:
        raise ImageError("The zip cannot be unpacked; the disk of this site may be full.") from error
    except Exception as error:  # zlib.error, lzma.LZMAError
        raise ImageError("The zip is damaged; make it again.") from error
