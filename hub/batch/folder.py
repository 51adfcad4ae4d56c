"""Stylise many pictures: finished and existing files are kept, the rest is made as fast as possible."""

import os
import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.batch.manifest import Manifest
from hub.errors import ImageError, ParameterError, StylehubError
from hub.files import remove_leftovers
from hub.images import FORMATS, Keep, find_images
from hub.images.finding import pictures_of
from hub.method import Method
from hub.names import resolve
from hub.pictures import Pictures
from hub.spatial import Map
from hub.weights import sha256_of

if TYPE_CHECKING:
    from hub.batch.job import Job, Outcome, Task

    Note = Callable[[Outcome], None]
    Engine = Callable[[Job, Sequence[Task], int | None, Note], Generator[Outcome, None, None]]

STAGES = ("decode", "stylise", "encode")
ENGINES = ("local", "ray")


@dataclass
class Report:
    """The result of a run, in the order of the photos.

    ``seconds``: time for reading (``decode``), stylising (``stylise``), encoding and writing (``encode``) and the whole
    run (``elapsed``). Stages and threads overlap, so their sum may exceed ``elapsed``.
    """

    written: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys((*STAGES, "elapsed"), 0.0))

    @property
    def shares(self) -> str:
        """The share of each stage, such as ``decode 5 %, stylise 90 %, encode 5 %``."""
        work = sum(self.seconds[stage] for stage in STAGES) or 1.0
        return ", ".join(f"{stage} {self.seconds[stage] / work:.0%}".replace("%", " %") for stage in STAGES)


def run_folder(
    method: Method,
    photos: Sequence[str | Path],
    out: str | Path,
    *,
    tree: bool = False,
    overwrite: bool = False,
    quality: int = 95,
    keep_metadata: Keep = "safe",
    strength_map: str | Path | None = None,
    engine: str = "local",
    workers: int | None = None,
    batch_size: int | None = None,
    progress: Callable[[int, int, Path | None], None] | None = None,
    **parameters: Any,
) -> Report:
    """Stylise every picture of ``photos`` (files, folders, glob patterns) into the folder ``out``.

    A result has the name of its photo. A result of the same photo, model and parameters is skipped, so an interrupted
    run can continue. If another photo has the name now, the result is made anew. A result made in another way, or of other
    style pictures, masks and maps of the same names, is kept and reported as failed, and so is a picture that cannot be
    read; the run continues. Files are written atomically; ``out/manifest.jsonl`` gets a line per finished or failed picture (see
    ``hub.batch.manifest``).

    Args:
        tree: take the pictures of subfolders too, and keep the subfolders in ``out``.
        keep_metadata: of the photo's EXIF: "all", "safe" (no place, no name but the copyright's, no serial number) or "none".
        engine: "local" computes in this process; "ray" in several processes, here or on a Ray cluster whose machines
            share the folders.
        workers: local: threads for reading, and as many for writing. ray: processes, each with the whole model.
        batch_size: photos of one size that are stylised together; None: chosen for the device.
        progress: called with (pictures done, pictures in all, the picture just done); the first call counts the skipped
            pictures and passes None.

    Raises:
        ImageError: a pattern that matches nothing, two photos of one name, a strength map that cannot be read, or a
            folder that cannot be written.
        ParameterError, UnknownName: before anything is written.
        StylehubError: an engine that is not installed or does not start.
    """
    from hub.batch.job import Job, Outcome, Task

    started = time.perf_counter()
    run = _engine(engine)
    if str(out) == "-" or (Path(out).suffix.lower() in FORMATS and not Path(out).exists()):
        raise ImageError(f"{out} is not a folder; choose an output folder with -o.")
    if Path(out).exists() and not Path(out).is_dir():
        raise ImageError(f"{out} is a file; choose an output folder with -o.")
    for name, number in (("workers", workers), ("batch_size", batch_size)):
        if number is not None and number < 1:
            raise ParameterError(f"The parameter {name!r} cannot be {number}; it must be at least 1.")
    tasks = [Task(photo, target) for photo, target in _targets(photos, Path(out), tree).items()]
    values = method.checked(parameters)
    recipe = method.describe(values, None, strength_map) | _files(values, strength_map)
    plane = None if strength_map is None else Map(strength_map).read()[0, 0]
    job = Job(method, parameters, recipe, plane, overwrite, quality, keep_metadata, batch_size)
    with Manifest(Path(out)) as manifest:
        for folder in {Path(out), *(task.target.parent for task in tasks)}:
            remove_leftovers(folder, older=3600)  # not those of a parallel run
        old = {task for task in tasks if not overwrite and task.target.exists()}
        known = {task for task in old if manifest.has(task.target, job.recipe_of(task.photo), task.photo)}
        outcomes = {task: Outcome(task, "there") for task in known}

        def note(outcome: Outcome) -> None:
            task, error = outcome.task, outcome.error
            if error is None:
                manifest.done(task.photo, task.target, job.recipe_of(task.photo), outcome.source)
            elif task not in old:  # an old result that differs stays, and so does its line
                manifest.failed(task.photo, task.target, job.recipe_of(task.photo), error)

        if progress:
            progress(len(known), len(tasks), None)
        with closing(run(job, [task for task in tasks if task not in known], workers, note)) as coming:
            for outcome in coming:
                outcomes[outcome.task] = outcome
                if progress:
                    progress(len(outcomes), len(tasks), outcome.task.photo)
    return _report([outcomes[task] for task in tasks], old, time.perf_counter() - started)


def _report(outcomes: Sequence["Outcome"], old: Collection["Task"], elapsed: float) -> Report:
    report = Report()
    report.seconds["elapsed"] = elapsed
    for outcome in outcomes:
        task = outcome.task
        if outcome.error is not None:
            report.failed[task.photo] = outcome.error
        elif outcome.status == "there" and task in old:
            report.skipped.append(task.target)
        else:  # also a result that a worker, which then died, had just written
            report.written.append(task.target)
        for stage in STAGES:
            report.seconds[stage] += getattr(outcome, stage)
    return report


def _files(values: Any, strength_map: str | Path | None) -> dict[str, Any]:
    """The contents of the files among the parameters, for the metadata: a file may be replaced under its name."""
    sources: list[Any] = [strength_map]
    for _, value in values:
        sources += value.pictures if isinstance(value, Pictures) else [value.source] if isinstance(value, Map) else []
    paths = [Path(source) for source in sources if isinstance(source, str | Path)]
    hashes = {path.name: sha256_of(path) for path in paths if path.is_file()}
    return {"files": hashes} if hashes else {}


def _engine(name: str) -> "Engine":
    """The function that yields the outcome of every task and calls ``note`` at once."""
    if resolve(name, ENGINES, "engine") == "local":
        from hub.batch.pipeline import Pipeline

        return lambda job, tasks, workers, note: Pipeline(job, workers, note).run(tasks)
    try:
        from hub.batch.ray_engine import run_on_ray
    except ModuleNotFoundError as error:
        if error.name not in ("ray", "pyarrow", "pandas"):
            raise
        raise StylehubError("The engine 'ray' needs Ray: pip install 'stylehub[scale]'.") from None
    return run_on_ray


def _tree(folder: Path, without: Path) -> list[Path]:
    """The pictures in ``folder`` and in its visible subfolders, except those in ``without``. Raises ``ImageError``."""
    skipped, found = without.resolve(), []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f[0] != "." and (Path(parent) / f).resolve() != skipped)
        found += pictures_of(Path(parent) / name for name in names)
    if not found:
        raise ImageError(f"{str(folder)!r} holds no picture; check the path.")
    return found


def _targets(patterns: Sequence[str | Path], out: Path, tree: bool) -> dict[Path, Path]:
    """Photo -> result: the same name, with ``tree`` in the same subfolder; PNG if the photo's format cannot be written."""
    places: dict[Path, Path] = {}
    for pattern in patterns if tree else ():
        inside = Path(pattern).is_dir()
        found = _tree(Path(pattern), without=out) if inside else find_images([pattern])
        places |= {photo: photo.parent.relative_to(pattern) if inside else Path() for photo in found}
    if not tree:
        places = dict.fromkeys(find_images(patterns), Path())
    targets: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for photo, place in places.items():
        target = out / place / (photo.name if photo.suffix.lower() in FORMATS else f"{photo.stem}.png")
        if target in taken:
            raise ImageError(f"{taken[target]} and {photo} would both become {target}; use two output folders.")
        if target.resolve() == photo.resolve():
            raise ImageError(f"The result would replace the photo {photo}; choose another folder.")
        taken[target] = photo
        targets[photo] = target
    return targets
