"""Turns on the accelerator: one piece of work at a time, and short work does not wait for long work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

_PATIENCE = 1.0  # seconds between two reports to long work that waits
_LONGEST = 5.0  # seconds that long work waits for short work when it gives way, so that it goes on at all


class Accelerator:
    """Short work comes first. Long work waits in line, and lets short work pass whenever it gives way."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._busy = False
        self._short = 0  # how many pieces of short work wait
        self._line: list[object] = []  # long work, the one in work first

    @contextmanager
    def short(self) -> Iterator[None]:
        """A turn for some seconds of work."""
        with self._changed:
            self._short += 1
            self._changed.wait_for(lambda: not self._busy)
            self._short -= 1
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
        try:
            while not self._enter(ticket):
                waiting(self._line.index(ticket))
            try:
                yield self._give_way
            finally:
                self._leave()
        finally:
            with self._changed:
                self._line.remove(ticket)
                self._changed.notify_all()

    def _enter(self, ticket: object) -> bool:
        with self._changed:
            if not self._changed.wait_for(lambda: self._line[0] is ticket and self._free(), _PATIENCE):
                return False
            self._busy = True
            return True

    def _give_way(self) -> None:
        with self._changed:
            if not self._short:
                return
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(self._free, _LONGEST)
            self._changed.wait_for(lambda: not self._busy)
            self._busy = True

    def _free(self) -> bool:
        return not self._busy and not self._short

    def _leave(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
