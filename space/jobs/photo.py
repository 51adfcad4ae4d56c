"""A job on one photo: load, paint with a checkpoint where the method has one, write the result whole."""

from collections.abc import Callable
from pathlib import Path

from hub.images import save
from hub.method import Method
from hub.parameters import field_of
from hub.progress import ProgressCallback
from space.jobs.request import RESULTS, Request

_CHECKPOINT = "checkpoint.safetensors"


def paint(request: Request, folder: Path, load: Callable[[str], Method], report: ProgressCallback) -> None:
    """Make ``result.png`` in ``folder``. Raises ``StylehubError``."""
    assert request.photo is not None
    method = load(request.model)
    parameters = dict(request.parameters)
    if name := field_of(method.Parameters, "checkpoint"):
        parameters[name] = folder / _CHECKPOINT
    result = method(request.photo, progress=report, **parameters)
    result.info["stylehub"]["photo"] = request.name
    save(result, folder / RESULTS["photo"], overwrite=True)
