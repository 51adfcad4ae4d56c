"""Which pictures files, folders and patterns name, and which formats there are."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from hub.errors import ImageError
from hub.images.reading import reason

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff"}
READ_EXTENSIONS = {*FORMATS, ".jfif", ".mpo", ".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".apng", ".avif"}


def find_named(folder: Path, name: str) -> Path:
    """The picture ``name`` of ``folder``, whatever its format. Raises ``ImageError`` when there is none."""
    for suffix in FORMATS:
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    raise ImageError(f"There is no picture {name} ({', '.join(FORMATS)}) in {folder}; put it there or name its folder.")


def find_images(patterns: Sequence[str | Path]) -> list[Path]:
    """List the pictures that files, folders (not their subfolders) and globs (`**` too) name, in order, each once.

    A file named outright is taken whatever its extension; folders and globs yield visible files with an extension of
    READ_EXTENSIONS, sorted. Raises ImageError for a pattern that matches nothing.
    """
    found: dict[Path, Path] = {}  # resolved path -> path as given
    for pattern in patterns:
        try:
            path = Path(pattern)
            if str(pattern) and path.is_file():
                matches = [path]  # first, since a name such as "a[1].jpg" is also a glob
            elif str(pattern) and path.is_dir():
                matches = _pictures(path.iterdir())
            else:
                # Path.glob takes neither absolute patterns nor leaves hidden files out.
                matches = _pictures(Path(name) for name in glob.glob(str(pattern), recursive=True))  # noqa: PTH207
        except (OSError, ValueError) as error:
            raise ImageError(f"{pattern} cannot be looked up ({reason(error)}); check the path.") from error
        if not matches:
            raise ImageError(f"{str(pattern)!r} matches no picture; check the path and the extension.")
        for match in matches:
            found.setdefault(match.resolve(), match)
    return list(found.values())


def _pictures(paths: Iterator[Path]) -> list[Path]:
    # macOS leaves "._photo.jpg" files that are no pictures, hence the leading dot.
    return sorted(p for p in paths if p.suffix.lower() in READ_EXTENSIONS and p.name[0] != "." and p.is_file())
