"""The pipeline in several processes: Ray Data gives blocks of photos to actors, each with its own copy of the method.

Actors read and write the pictures, here or on a cluster (``RAY_ADDRESS``); the driver keeps the manifest. An actor that
dies is restarted and repeats its block without the pictures that it had finished.
"""

import logging
import os
import pickle
import re
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any

# Ray reads these at import: send no usage reports, and print nothing.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")

from hub.threads import give_way

give_way()  # an actor's process imports this module before torch

import ray
import ray.data

from hub.batch.job import Job, Outcome, Task
from hub.batch.pipeline import Pipeline
from hub.errors import StylehubError
from hub.plugins import plugin_class
from hub.registry import Entry

BLOCK = 64  # photos per block: enough for batches of one size, few enough for frequent progress
TRIES = 3  # attempts at a block whose actors die, since one of its pictures may kill them
DIED = "its worker process died; run the same command again, or use the engine 'local'."
_FIELDS = ("status", "error", "source", "decode", "stylise", "encode")


class Attempts:
    """An actor that counts the attempts at every block, since an actor that died cannot report them."""

    def __init__(self) -> None:
        self._begun: dict[int, int] = {}

    def begin(self, block: int) -> int:
        self._begun[block] = self._begun.get(block, 0) + 1
        return self._begun[block]


class Worker:
    """An actor: the pipeline of the local engine, over one block of photos after another."""

    def __init__(self, entry: Entry, payload: "ray.ObjectRef[bytes]", attempts: Any, threads: int) -> None:
        plugin_class(entry)  # unpickling needs the code of a method in a folder imported
        job, self.tasks = pickle.loads(ray.get(payload))
        self.pipeline, self.attempts = Pipeline(job, threads), attempts

    def __call__(self, block: dict[str, Any]) -> dict[str, list[Any]]:
        numbers = {self.tasks[number]: number for number in block["number"]}
        if ray.get(self.attempts.begin.remote(int(block["number"][0]))) > TRIES:
            outcomes = [Outcome(task, "failed", f"{task.photo}: {DIED}") for task in numbers]
        else:
            outcomes = list(self.pipeline.run(numbers))
        rows = {name: [getattr(outcome, name) for outcome in outcomes] for name in _FIELDS}
        # A file name may hold bytes that are not valid Unicode; Arrow's strings may not.
        rows["error"] = [error and error.encode(errors="backslashreplace").decode() for error in rows["error"]]
        return {"number": [numbers[outcome.task] for outcome in outcomes], **rows}


def run_on_ray(
    job: Job, tasks: Sequence[Task], workers: int | None, note: Callable[[Outcome], None]
) -> Generator[Outcome, None, None]:
    """Yield the outcome of every task, block by block, and call ``note`` with it.

    Each of ``workers`` processes has the whole method; None: one per GPU for a method on a GPU, else one per four cores.
    Raises ``StylehubError`` if Ray does not start or the method cannot be sent to another process.
    """
    if not tasks:
        return
    absolute = [Task(task.photo.absolute(), task.target.absolute()) for task in tasks]
    try:
        payload = pickle.dumps((job, absolute))
    except Exception as error:  # pickling a foreign method may raise anything
        name = job.method.entry.name
        raise StylehubError(f"{name} cannot run in other processes ({error}); use the engine 'local'.") from error
    with _cluster(len(payload)):
        resources: dict[str, float] = ray.cluster_resources()
        cores = resources.get("CPU", 1.0)
        gpus = resources.get("GPU", 0.0) if job.method.device.type == "cuda" else 0.0
        actors = min(workers or ceil(gpus or cores / 4), len(tasks))
        share = cores / actors
        attempts = ray.remote(num_cpus=0)(Attempts).remote()
        items = [{"number": number} for number in range(len(tasks))]
        dataset = ray.data.from_items(items, override_num_blocks=ceil(len(items) / _block(len(items), actors)))
        done = dataset.map_batches(
            Worker,
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(size=actors),
            fn_constructor_args=(job.method.entry, ray.put(payload), attempts, max(1, int(share))),
            num_cpus=int(share) if share >= 1 else share,
            num_gpus=min(1.0, gpus / actors),
        )
        left = dict(enumerate(tasks))
        for row in done.iter_rows():
            outcome = Outcome(left.pop(row.pop("number")), **row)
            note(outcome)
            yield outcome
    for task in left.values():
        outcome = Outcome(task, "failed", f"{task.photo}: {DIED}")
        note(outcome)
        yield outcome


def _block(photos: int, actors: int) -> int:
    """Photos per block: several blocks per actor, so that none waits long for the last one."""
    return max(1, min(BLOCK, photos // (4 * actors)))


@contextmanager
def _cluster(payload: int) -> Iterator[None]:
    """Use the running Ray, the cluster at ``RAY_ADDRESS``, or start Ray on this machine."""
    ours, address = not ray.is_initialized(), os.environ.get("RAY_ADDRESS", "local")
    options: dict[str, Any] = {}
    if address == "local":  # the store holds only the method, no pictures
        options = {"include_dashboard": False, "object_store_memory": 200_000_000 + 2 * payload}
    try:
        if ours:
            _reach(address)
            with _quiet():
                ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except Exception as error:
        raise StylehubError(f"Ray does not start ({_reason(error)}); use the engine 'local'.") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = -1  # a lost block is reported photo by photo
    logger = logging.getLogger("ray.data")
    logger.handlers = [handler for handler in logger.handlers if type(handler).__name__ != "PlainRayHandler"]
    try:
        yield
    except ray.exceptions.RayError as error:
        raise StylehubError(f"Ray failed ({_reason(error)}); run the same command again to continue.") from error
    finally:
        if ours:
            ray.shutdown()


def _reach(address: str) -> None:
    """Raise ``OSError`` if nothing listens at ``host:port``; Ray would try for minutes and ignore Ctrl-C."""
    if match := re.fullmatch(r"(?:ray://)?\[?(?P<host>.+?)\]?:(?P<port>\d+)", address):
        try:
            socket.create_connection((match["host"], int(match["port"])), timeout=10).close()
        except OSError as error:
            raise OSError(f"RAY_ADDRESS is {address}: {error.strerror or error}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence standard error, where Ray's C++ code writes messages."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _reason(error: BaseException) -> str:
    """The first sentence of an error and of its cause."""
    sentence = (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0].rstrip(".")
    return f"{sentence}: {_reason(error.__cause__)}" if error.__cause__ else sentence
