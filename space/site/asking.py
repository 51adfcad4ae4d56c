"""From what a visitor or a program gives to a job: the same checks for the page and for the endpoints."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from hub.errors import ParameterError
from hub.parameters import field_specs
from hub.registry import Entry
from space import paintings
from space.jobs import archive
from space.jobs.request import Request, safe_name
from space.site.settings import Settings
from space.temporary import temporary_folder
from space.values import Reader, by_name, file_name, parameters_of


def request_of(
    reader: Reader, entry: Entry, task: str, values: Mapping[str, Any], zipped: str | None = None
) -> Request:
    """The request for ``values`` of the controls; with ``zipped``, a file name, for the photos in a zip.

    Raises ``ImageError``, ``ParameterError``, ``UnknownName``.
    """
    if zipped is not None:
        parameters = reader.parameters(entry, task, {**values, "photo": None})
        request = Request(entry.name, parameters, safe_name(zipped))
    else:
        photo, parameters, name = reader.asked(entry, task, values)
        request = Request(entry.name, parameters, safe_name(name), photo)
    reader.models.get(entry.name).checked(parameters)  # what is wrong is said at once, not when the job is done
    return request


def one_zip(files: Sequence[str], settings: Settings) -> Path:
    """The zip among uploaded ``files``, or one of all their photos. Raises ``ImageError`` beyond the limits of a zip."""
    paths = [Path(file) for file in files]
    if len(paths) == 1 and paths[0].suffix.lower() == ".zip":
        return paths[0]
    target = temporary_folder() / "photos.zip"
    archive.gather(paths, target, settings.zip_files, settings.zip_mb)
    return target


def task_for(entry: Entry, tasks: Collection[str], *, pictures: bool) -> str:
    """The task of ``entry``, one of ``tasks``, that takes uploaded ``pictures`` as the style, or else names."""
    mine = [task for task in entry.tasks if task in tasks]
    fields = [field for field in field_specs(parameters_of(entry)) if field.kind == "pictures" and not field.group]
    takes = [task for task in mine if any(not by_name(entry, task, field) for field in fields)]
    return (takes if pictures and takes else mine)[0]


def values_of(entry: Entry, task: str, given: Mapping[str, Any], pictures: Sequence[str]) -> dict[str, Any]:
    """The values of the controls for ``given`` parameters of a program and its uploaded ``pictures``, in their order.

    What would be a path on the server is refused in ``given``. Raises ``ParameterError``.
    """
    values, left = dict(given), list(pictures)
    for field in field_specs(parameters_of(entry)):
        files: list[str] = []
        if field.kind == "pictures" and not by_name(entry, task, field):
            files = [key.picture for key in paintings.keys(field, paintings.by_name_too(entry, field))]
        elif field.kind in ("map", "path"):
            files = [field.name]
        for name in files:
            if name in values:
                hint = f"; or a style by its name as {name}_name" if paintings.by_name_too(entry, field) else ""
                raise ParameterError(f"{name!r} is a picture: upload it as one of the pictures{hint}.")
            if field.kind == "pictures" and not field.group and left:
                values[name] = left.pop(0)
    if left:
        raise ParameterError(f"{entry.name} has no use for the picture {file_name(Path(left[0]).as_posix())}.")
    return values
