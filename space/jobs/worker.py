"""A worker: takes the next job, runs it and writes its result, until it is told to stop."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from hub.errors import Cancelled, StylehubError
from hub.method import Method
from hub.progress import Progress
from space.events import event
from space.jobs.keeper import Keeper
from space.jobs.many import paint_all
from space.jobs.photo import paint
from space.jobs.progress import Writer
from space.jobs.queue import Queue
from space.jobs.request import Request
from space.site.place import Place
from space.site.settings import Settings

log = logging.getLogger("stylehub.jobs")
_LOADED = 2  # models in memory


class Stopping(Cancelled):
    """The worker is to end; another one goes on with the job."""


class Worker:
    """Runs the jobs of one site. ``serve`` does so until SIGTERM or SIGINT."""

    def __init__(self, settings: Settings, load: Callable[[str], Method] | None = None) -> None:
        self.place = Place(settings)
        self.queue = Queue(settings, self.work)
        self.keeper = Keeper(self.place, self.queue)
        self._load = load or _load
        self._loaded: OrderedDict[str, Method] = OrderedDict()
        self._consumer: Any = None
        self._at_work = threading.Lock()

    def serve(self) -> None:
        """Work until told to stop. A job that runs then is put back, with its checkpoint."""
        self._consumer = self.queue.consume()
        ended = threading.Event()
        keeping = threading.Thread(target=self.keeper.keep, args=(ended,), name="keeper", daemon=True)
        keeping.start()
        event("worker-started")
        try:
            self._consumer.run()
            with self._at_work:  # huey waits for its thread after SIGTERM, but not after SIGINT
                pass
        finally:
            ended.set()
            keeping.join(10)

    def work(self) -> None:
        """Do the next job of those that wait, if any."""
        with self._at_work:
            for id in self.place.jobs.waiting():
                with self.place.folders.locked(id) as ours:
                    if ours and self.place.jobs.start(id):
                        self._run(id)
                        return

    def _run(self, id: str) -> None:
        jobs, folder = self.place.jobs, self.place.folders.path(id)
        began = time.perf_counter()
        event("job-started", job=id[:6])
        model: str | None = None
        try:
            writer = Writer(folder)

            def report(p: Progress) -> None:
                if self._consumer is not None and self._consumer.stop_flag.is_set():
                    raise Stopping("The worker stops.")
                if writer.write(p) and not jobs.further(id, p.step):
                    raise Cancelled("Cancelled.")

            request = Request.read(folder)
            model = request.model
            if request.photo is not None:
                paint(request, folder, self.model, report)
            else:
                paint_all(request, folder, self.model, report, self.place.settings)
            if not jobs.finish(id):
                raise Cancelled("Cancelled.")
        except Stopping:
            jobs.release(id)
        except Cancelled:
            self.place.folders.delete(id)
        except StylehubError as error:
            jobs.finish(id, str(error))
        except Exception:
            log.exception("job %s", id[:6])
            jobs.finish(id, "Something went wrong on the server; try it with a smaller photo.")
        found = jobs.get(id)
        seconds = round(time.perf_counter() - began, 3)
        event("job-left", job=id[:6], model=model, seconds=seconds, outcome=found.state if found else "deleted")

    def model(self, name: str) -> Method:
        """The model ``name``; the last ones stay in memory. Raises the errors of ``hub.load``."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        self._loaded.move_to_end(name)
        while len(self._loaded) > _LOADED:
            self._loaded.popitem(last=False)
        return self._loaded[name]


def _load(name: str) -> Method:
    from hub.loading import load

    return load(name)
