"""Turns on the accelerator: one piece of work at a time. Short work passes long work, but does not keep it out for good."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

_PATIENCE = 1.0  # seconds between two reports to long work that waits
_LONGEST = 5.0  # seconds that the first long work of the line waits for short work, so that it goes on at all


class Accelerator:
    """Short work comes first. Long work waits in line, and lets short work pass whenever it gives way.

    Where short work does not end, the first of the line gets its turn after some seconds.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._busy = False
        self._short = 0  # how many pieces of short work wait
        self._small = 0  # and of small work
        self._line: list[object] = []  # long work, the one in work first
        self._since: float | None = None  # when the first of the line became the first; None while it works
        self._typical: float | None = None  # seconds of long work, the newest counted most

    @contextmanager
    def short(self) -> Iterator[None]:
        """A turn for some seconds of work."""
        with self._changed:
            self._short += 1
            self._changed.wait_for(lambda: not (self._busy or self._overdue()))
            self._short -= 1
            self._busy = True
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def small(self) -> Iterator[None]:
        """A turn for a picture that nobody has asked for, such as one of a wall: after short work, before long work."""
        with self._changed:
            self._small += 1
            try:
                self._changed.wait_for(lambda: not (self._busy or self._short or self._overdue()))
            finally:
                self._small -= 1
            self._busy = True
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def long(self, waiting: Callable[[int], None] = lambda before: None) -> Iterator[Callable[[], None]]:
        """A turn for long work; yields a function to call between its steps, which lets short work pass.

        ``waiting`` is called every second until the turn comes, with the number of others before it. It may raise.
        """
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            if len(self._line) == 1:
                self._since = time.monotonic()
        try:
            while not self._enter(ticket):
                waiting(self._line.index(ticket))
            start = time.monotonic()
            try:
                yield self._give_way
            finally:
                self._leave()
                took = time.monotonic() - start
                self._typical = took if self._typical is None else 0.5 * (self._typical + took)
        finally:
            with self._changed:
                first = self._line[0] is ticket
                self._line.remove(ticket)
                if first:
                    self._since = time.monotonic() if self._line else None
                self._changed.notify_all()

    def about(self, before: int) -> int | None:
        """The seconds that ``before`` others will take, as far as one knows."""
        return None if self._typical is None else math.ceil(before * self._typical)

    def _enter(self, ticket: object) -> bool:
        with self._changed:
            if not self._changed.wait_for(lambda: self._line[0] is ticket and self._next(), _PATIENCE):
                return False
            self._busy, self._since = True, None
            return True

    def _give_way(self) -> None:
        with self._changed:
            if not (self._short or self._small):
                return
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(self._free, _LONGEST)
            self._changed.wait_for(lambda: not self._busy)
            self._busy = True

    def _overdue(self) -> bool:
        return self._since is not None and time.monotonic() - self._since > _LONGEST

    def _next(self) -> bool:
        return self._free() or (self._overdue() and not self._busy)

    def _free(self) -> bool:
        return not (self._busy or self._short or self._small)

    def _leave(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
