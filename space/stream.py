"""Run long work in its own thread and pass on its progress reports."""

from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

from hub.errors import Cancelled
from hub.progress import Progress, ProgressCallback

Result = TypeVar("Result")


def reports(work: Callable[[ProgressCallback], Result], patience: float) -> Generator[Progress | Result, None, None]:
    """Yield the reports of ``work`` and, last, its result; raise its errors.

    After ``patience`` seconds without a report the latest one is repeated without its preview. Closing the generator
    does not wait for ``work``, which ends at its next report.
    """
    queue: SimpleQueue[Progress | Future[Result]] = SimpleQueue()
    left = Event()
    future: Future[Result] = Future()

    def report(p: Progress) -> None:
        if left.is_set():
            raise Cancelled("Stopped.")
        queue.put(p)

    def run() -> None:
        try:
            future.set_result(work(report))
        except BaseException as error:
            future.set_exception(error)
        queue.put(future)

    Thread(target=run, name="stylehub-work", daemon=True).start()
    latest = Progress(0, 1)
    try:
        while True:
            try:
                news = queue.get(timeout=patience)
            except Empty:
                yield replace(latest, preview=None)
                continue
            if isinstance(news, Future):
                yield news.result()
                return
            yield (latest := news)
    finally:
        left.set()
