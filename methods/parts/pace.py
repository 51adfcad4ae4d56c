"""How fast many steps or pictures go, how long the rest takes, and when to report again."""

import time
from datetime import timedelta


class Pace:
    """Rate and remaining time of many pictures. The first ``update`` counts as done before the measurement."""

    def __init__(self) -> None:
        self.rate = 0.0  # pictures a second
        self._first: tuple[float, int] | None = None
        self._left: timedelta | None = None
        self._told = 0.0

    def update(self, done: int, of: int) -> None:
        """Note that ``done`` of ``of`` pictures are done."""
        now = time.monotonic()
        if self._first is None:
            self._first, self._told = (now, done), now
        start, before = self._first
        if done > before:
            self.rate = (done - before) / max(now - start, 1e-6)
            self._left = timedelta(seconds=round((of - done) / self.rate))

    def due(self, seconds: float) -> bool:
        """Whether ``seconds`` have passed since this was last true."""
        due = time.monotonic() - self._told >= seconds
        if due:
            self._told = time.monotonic()
        return due

    @property
    def left(self) -> str:
        """``, 0:12:30 left``; empty before the rate is known."""
        return "" if self._left is None else f", {self._left} left"

    def __str__(self) -> str:
        return f"{self.rate:.2g} images/s{self.left}"
