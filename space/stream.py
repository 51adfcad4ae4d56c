"""Work that takes minutes, in a thread of its own, with what it reports told on the way."""

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
    """What ``work`` reports, and last what it returns; raises what it raises.

    After ``patience`` seconds without news the latest report comes again, without its preview, so that nobody waits in
    vain. Closing the generator does not wait for ``work``: that ends at its next report, and gives back what it holds.
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
