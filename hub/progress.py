"""Progress reports: one callback, shown as a bar in a shell and as a live preview in the app."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Progress:
    """``step`` of ``of`` steps are done, with the latest ``losses`` and sometimes a new ``preview``."""

    step: int
    of: int
    losses: Mapping[str, float] = field(default_factory=dict)
    preview: "Image.Image | None" = None


# A callback that raises ``hub.errors.Cancelled`` stops the work; no partly written file is left.
ProgressCallback = Callable[[Progress], None]
