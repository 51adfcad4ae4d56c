"""The job of a batch, one task for each photo, and its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from hub.errors import StylehubError
from hub.images import Keep
from hub.method import Method


@dataclass(frozen=True)
class Job:
    """The settings for every photo. It can be pickled if the method can.

    Args:
        recipe: ``method.describe`` of the run; every picture adds the name of its photo.
        strength_map: ``(H, W)`` in [0, 1].
        batch: how many photos of one size are stylised together; None: chosen for the device.
    """

    method: Method
    parameters: Mapping[str, Any]
    recipe: Mapping[str, Any]
    strength_map: Tensor | None = None
    overwrite: bool = False
    quality: int = 95
    keep_metadata: Keep = "safe"
    batch: int | None = None

    def recipe_of(self, photo: Path) -> dict[str, Any]:
        return {**self.recipe, "photo": photo.name}


@dataclass(frozen=True)
class Task:
    """A photo and the file for its result."""

    photo: Path
    target: Path


@dataclass
class Outcome:
    """The result for a photo and its seconds per stage; the time of a batch is divided evenly.

    ``there``: a result made in the same way existed already.
    """

    task: Task
    status: Literal["pending", "written", "there", "failed"] = "pending"
    error: str | None = None
    source: list[Any] | None = None  # the photo as it was read, see ``hub.batch.manifest.source_of``
    decode: float = 0.0
    stylise: float = 0.0
    encode: float = 0.0

    def fail(self, error: Exception, culprit: str) -> None:
        """Note an error; one that is not ours becomes one line that names the ``culprit``."""
        self.status = "failed"
        reason = " ".join(str(error).split())
        ours = isinstance(error, StylehubError)
        self.error = reason if ours else f"{culprit} failed with {type(error).__name__}: {reason}"
