"""How long work reports: one callback, drawn as a bar in a shell and as a live preview in the app."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
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


class Pace:
    """How fast many pictures go: their rate since the first ``update``, which counts what was done before."""

    def __init__(self) -> None:
        self.rate = 0.0  # pictures a second
        self._first: tuple[float, int] | None = None
        self._left: timedelta | None = None
        self._told = 0.0

    def update(self, done: int, of: int) -> None:
        """``done`` of ``of`` pictures are done by now."""
        now = time.monotonic()
        if self._first is None:
            self._first, self._told = (now, done), now
        start, before = self._first
        if done > before:
            self.rate = (done - before) / max(now - start, 1e-6)
            self._left = timedelta(seconds=round((of - done) / self.rate))

    def due(self, seconds: float) -> bool:
        """Whether so many seconds have gone by since this was last true."""
        due = time.monotonic() - self._told >= seconds
        if due:
            self._told = time.monotonic()
        return due

    @property
    def left(self) -> str:
        """``, 0:12:30 left``, or nothing before the rate is known."""
        return "" if self._left is None else f", {self._left} left"

    def __str__(self) -> str:
        return f"{self.rate:.2g} images/s{self.left}"
