"""Upkeep while jobs run: killed workers, lost messages, mails, old results. One process does it."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from hub.errors import StylehubError
from space.events import event
from space.jobs.queue import Queue
from space.mail.post import Post
from space.site.folders import size
from space.site.place import Place

log = logging.getLogger("stylehub.jobs")

EVERY = 1.0  # seconds
_CLEAN = 60.0  # seconds
_JUMP = 120.0  # seconds by which the clock may be moved unnoticed
_DAY, _GB = 86_400.0, 1e9


class Keeper:
    """Looks after one data folder. Every worker has one; the first of them does the work of all."""

    def __init__(self, place: Place, queue: Queue, post: Post | None = None) -> None:
        self.place, self.queue = place, queue
        self.post = post or Post(place)
        self.clock = SteadyClock()
        self._cleaned = float("-inf")

    def keep(self, ended: threading.Event) -> None:
        """Do all of it every second until ``ended``."""
        while not ended.wait(EVERY):
            with self.place.alone("keeper") as alone:
                while alone and not ended.is_set():
                    self.step()
                    ended.wait(EVERY)

    def step(self) -> None:
        """Do all of it once. What fails is logged, and tried again."""
        tasks: list[Callable[[], None]] = [self.recover, self.wake, self.post.send_due]
        if time.monotonic() - self._cleaned > _CLEAN:
            self._cleaned = time.monotonic()
            tasks.append(self.clean)
        for task in tasks:
            try:
                task()
            except Exception as error:
                log.warning("%s: %s", getattr(task, "__name__", task), error)

    def recover(self) -> None:
        """Put back the jobs whose worker was killed: theirs are the locks that nobody holds."""
        for id in self.place.jobs.running():
            with self.place.folders.locked(id) as ours:
                if ours and self.place.jobs.died(id, self.place.settings.tries):
                    event("job-recovered", level=logging.WARNING, job=id[:6])

    def wake(self) -> None:
        """A message for each job that waits, if some were lost."""
        for _ in range(len(self.place.jobs.waiting()) - len(self.queue)):
            self.queue.wake()

    def clean(self) -> None:
        """Delete results that are too old, the oldest beyond the allowed disk, and what a kill has left."""
        settings, jobs, folders = self.place.settings, self.place.jobs, self.place.folders
        now, steady = self.clock.now()
        sizes = {path.name: size(path) for path in folders.root.iterdir()}
        over = sum(sizes.values()) - settings.keep_gb * _GB
        for id, finished in jobs.ended():
            if (steady and now - finished > settings.keep_days * _DAY) or over > 0:
                over -= sizes.get(id, 0)
                if jobs.forget(id):
                    with suppress(StylehubError):
                        folders.delete(id)
        folders.sweep(jobs.has)
        if self.place.gallery is not None:
            self.place.gallery.sweep()


class SteadyClock:
    """The time, and whether to trust it: after a jump it is not trusted for an hour, so that nobody loses a result."""

    def __init__(self, wall: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._ticks = wall, ticks
        self._seen = wall(), ticks()
        self._jumped = float("-inf")

    def now(self) -> tuple[float, bool]:
        wall, ticks = self._wall(), self._ticks()
        if abs((wall - self._seen[0]) - (ticks - self._seen[1])) > _JUMP:
            self._jumped = ticks
        self._seen = wall, ticks
        return wall, ticks - self._jumped > 3600
