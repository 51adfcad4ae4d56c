"""Many pictures: one after another, finished files kept whatever happens, existing ones never touched."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.errors import ImageError, StylehubError
from hub.images import FORMATS, find_images, read_recipe
from hub.method import Method
from hub.provenance import save


@dataclass
class Report:
    """What became of every picture of a run."""

    written: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)


def run_folder(
    method: Method,
    photos: Sequence[str | Path],
    out: str | Path,
    *,
    overwrite: bool = False,
    quality: int = 95,
    strength_map: str | Path | None = None,
    progress: Callable[[int, int, Path], None] | None = None,
    **parameters: Any,
) -> Report:
    """Stylise every picture of ``photos`` (files, folders, glob patterns) into the folder ``out``.

    A result has the name of its photo. One that was made before with the same model and parameters is skipped, so an
    interrupted run goes on where it stopped; one that was made otherwise is kept and reported as failed, as is a picture
    that cannot be read, and the others go on. Files appear whole or not at all.

    Args:
        progress: called with (pictures done, pictures in all, the picture that comes next).

    Raises:
        ImageError: a pattern that matches nothing, or two photos of one name.
        ParameterError, UnknownName: before anything is written.
    """
    from hub.parameters import validate

    if Path(out).exists() and not Path(out).is_dir():
        raise ImageError(f"{out} is a file; give a folder for the results.")
    paths = find_images(photos)
    targets = _targets(paths, Path(out))
    values = method.resolve(validate(method.Parameters, parameters))
    report = Report()
    for done, (photo, target) in enumerate(targets.items()):
        if progress:
            progress(done, len(targets), photo)
        if target.exists() and not overwrite:
            if _same(target, method.describe(values, photo, strength_map)):
                report.skipped.append(target)
            else:
                report.failed[photo] = f"{target} exists and was made otherwise; choose another folder or --overwrite."
            continue
        try:
            image = method(photo, strength_map=strength_map, **parameters)
            report.written.append(save(image, target, overwrite=overwrite, quality=quality))
        except StylehubError as error:
            report.failed[photo] = str(error)
        except Exception as error:  # a stranger's method may raise anything; the other pictures go on
            report.failed[photo] = f"{method.entry.name} failed with {type(error).__name__}: {error}"
    return report


def _same(target: Path, recipe: Mapping[str, Any]) -> bool:
    """Whether ``target`` says of itself that it was made by ``recipe``, by whatever version."""
    try:
        made = read_recipe(target)
    except ImageError:
        return False
    return made is not None and {**made, "stylehub": None} == {**recipe, "stylehub": None}


def _targets(photos: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Photo -> result: the same name, as PNG where the photo's format is not one we write."""
    targets: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for photo in photos:
        target = out / (photo.name if photo.suffix.lower() in FORMATS else f"{photo.stem}.png")
        if target in taken:
            raise ImageError(f"{taken[target]} and {photo} would both become {target}; run them into two folders.")
        if target.resolve() == photo.resolve():
            raise ImageError(f"The result would replace the photo {photo}; choose another folder.")
        taken[target] = photo
        targets[photo] = target
    return targets
