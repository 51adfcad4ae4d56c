"""A job on all photos of a zip: unpack, paint one after another as ``stylehub batch`` does, pack the results."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub.errors import ImageError
from hub.images import read_size
from hub.method import Method
from hub.progress import Progress, ProgressCallback
from space.jobs import archive
from space.jobs.request import PHOTOS, RESULTS, Request
from space.site.limits import MAX_PIXELS
from space.site.settings import Settings

_REPORT = "not-painted.txt"


def check(photos: Path, most: int, most_mb: int) -> int:
    """How many photos the zip holds. Raises ``ImageError``."""
    return len(archive.pictures(photos, most, most_mb))


def paint_all(
    request: Request, folder: Path, load: Callable[[str], Method], report: ProgressCallback, settings: Settings
) -> None:
    """Make ``result.zip`` in ``folder``. What an earlier worker painted is kept. Raises ``StylehubError``.

    A photo that cannot be painted does not stop the others; ``not-painted.txt`` in the zip says why.
    """
    from hub.batch import run_folder

    photos, out = folder / "photos", folder / "painted"
    refused: dict[str, str] = {}
    found: list[str | Path] = []
    for path in archive.unpack(folder / PHOTOS, photos, settings.zip_files, settings.zip_mb):
        if reason := _unfit(path):
            refused[path.name] = reason
        else:
            found.append(path)
    if not found:
        raise ImageError(f"No photo of the zip can be read: {next(iter(refused.values()))}")
    report(Progress(0, len(found)))
    parameters: dict[str, Any] = dict(request.parameters)
    done = run_folder(load(request.model), found, out, progress=lambda n, of, _: report(Progress(n, of)), **parameters)
    refused |= {path.name: reason.replace(f"{photos}/", "") for path, reason in done.failed.items()}
    results = sorted([*done.written, *done.skipped])
    if not results:
        raise ImageError(f"No photo of the zip could be painted: {next(iter(refused.values()))}")
    if refused:
        lines = [f"{name}: {reason}\n" for name, reason in sorted(refused.items())]
        (folder / _REPORT).write_text("".join(lines), encoding="utf-8")
        results.append(folder / _REPORT)
    archive.pack(results, folder / RESULTS["zip"])
    for scratch in (photos, out):
        shutil.rmtree(scratch, ignore_errors=True)


def _unfit(path: Path) -> str | None:
    """Why the picture at ``path`` is not to be decoded here; None if it is."""
    try:
        width, height = read_size(path)
    except ImageError as error:
        return str(error).replace(f"{path.parent}/", "")
    if width * height > MAX_PIXELS:
        return f"It has {width * height:,} pixels, more than {MAX_PIXELS:,}; make it smaller first."
    return None
