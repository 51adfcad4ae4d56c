"""How long work reports: one callback, drawn as a bar in a shell and as a live preview in the app."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Progress:
    """``step`` of ``of`` is done. ``losses`` are the latest numbers, ``preview`` a picture when there is a new one."""

    step: int
    of: int
    losses: Mapping[str, float] = field(default_factory=dict)
    preview: "Image.Image | None" = None


# A callback that raises ``hub.errors.Cancelled`` stops the work; nothing half-written stays behind.
ProgressCallback = Callable[[Progress], None]
