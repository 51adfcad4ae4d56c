"""Find pictures by files, folders and patterns; the supported formats."""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from hub.errors import ImageError
from hub.images.opening import is_address, not_a_file, reason

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff"}
READ_EXTENSIONS = {
    *FORMATS, ".jfif", ".mpo", ".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".apng", ".avif", ".heic", ".heif", ".hif",
}  # fmt: skip


def find_images(patterns: Sequence[str | Path]) -> list[Path]:
    """List the pictures of files, folders (without subfolders) and globs (also `**`), in order, each once.

    A single file may have any extension; folders and globs give their visible files with an extension of
    READ_EXTENSIONS, sorted. Raises ImageError for a pattern that matches nothing.
    """
    found: dict[Path, Path] = {}  # resolved path -> path as given
    for pattern in patterns:
        try:
            path = Path(pattern)
            if str(pattern) and path.is_file():
                matches = [path]  # before globs: a name such as "a[1].jpg" is also a glob
            elif str(pattern) and path.is_dir():
                matches = pictures_of(path.iterdir())
            else:
                # Path.glob refuses absolute patterns and includes hidden files.
                matches = pictures_of(Path(name) for name in glob.glob(str(pattern), recursive=True))  # noqa: PTH207
        except (OSError, ValueError) as error:
            raise ImageError(f"{pattern} cannot be read ({reason(error)}); check the path.") from error
        if not matches and is_address(str(pattern)):
            raise not_a_file(str(pattern))
        if not matches:
            raise ImageError(f"{str(pattern)!r} matches no picture; check the path and the extension.")
        for match in matches:
            found.setdefault(match.resolve(), match)
    return list(found.values())


def pictures_of(paths: Iterator[Path]) -> list[Path]:
    """The visible files among ``paths`` with an extension of READ_EXTENSIONS, sorted."""
    # The leading dot: macOS writes "._photo.jpg" files, which are not pictures.
    return sorted(p for p in paths if p.suffix.lower() in READ_EXTENSIONS and p.name[0] != "." and p.is_file())
