"""How far a job is, in two files that its worker replaces every second: ``progress.json`` and ``preview.jpg``."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.files import write_whole
from hub.images import encode_image
from hub.progress import Progress
from methods.parts.pace import Pace

EVERY = 1.0  # seconds
_POINTS = 400  # of the loss curve at most
_PREVIEW = 640  # long side in pixels
_FILE, _PICTURE = "progress.json", "preview.jpg"


@dataclass(frozen=True)
class Seen:
    """``step`` of ``of`` are done; ``losses`` are pairs of step and loss; ``preview`` is a file, once there is one."""

    step: int = 0
    of: int = 1
    losses: Sequence[tuple[int, float]] = ()
    preview: Path | None = None


def seen(folder: Path) -> Seen:
    """What the latest worker wrote."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((folder / _FILE).read_bytes())
        losses = [(int(step), float(loss)) for step, loss in found["losses"]]
        preview = folder / _PICTURE
        return Seen(int(found["step"]), int(found["of"]), losses, preview if preview.exists() else None)
    return Seen()


class Writer:
    """Writes the reports of a worker, one a second at most; a job that is resumed goes on with its curve."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._losses = list(seen(folder).losses)
        self._pace = Pace()
        self._preview: Any = None
        self._first = True

    def write(self, p: Progress) -> bool:
        """Note ``p``; whether it was written."""
        if "loss" in p.losses:
            if self._first:  # the steps after the checkpoint are made again
                self._losses = [point for point in self._losses if point[0] < p.step]
            self._losses.append((p.step, p.losses["loss"]))
            if len(self._losses) > _POINTS:
                del self._losses[-2:0:-2]
        self._preview = p.preview or self._preview
        if not (self._first or p.step >= p.of or self._pace.due(EVERY)):
            return False
        self._first = False
        with suppress(OSError):  # on a full disk the work goes on
            self._write(p)
        return True

    def _write(self, p: Progress) -> None:
        if self._preview is not None:
            small = self._preview.copy()
            small.thumbnail((_PREVIEW, _PREVIEW))
            write_whole(self.folder / _PICTURE, encode_image(small, "jpeg", quality=85))
            self._preview = None
        text = json.dumps({"step": p.step, "of": p.of, "losses": self._losses})
        write_whole(self.folder / _FILE, text.encode())
