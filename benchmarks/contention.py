"""What other processes on the machine cost: seconds a picture beside none, one and two busy ones, by how threads wait.

    python -m benchmarks contention
    python -m benchmarks contention --settings OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=10000 --beside 2 5

OpenMP's threads spin for a while after their work, and a core that spins is one that nobody else has. stylehub's own
processes let them sleep (see hub/threads.py); the first contestant has OpenMP's own manner.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from statistics import median
from typing import Any

from benchmarks.material import label, least_parameters, photo
from benchmarks.numbers import count
from benchmarks.results import markdown, where
from benchmarks.timing import interleaved
from hub.threads import KNOWN, WAIT

UNSET = "OpenMP's own"
_paint: Any = None  # in a contestant's process: what is measured


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--model", default="cin-25styles-lite")
    parser.add_argument("--side", type=count, default=1024, help="of the square photo in pixels")
    parser.add_argument("--settings", nargs="+", type=_setting, default=["=".join(WAIT)], metavar="NAME=VALUE")
    parser.add_argument("--beside", nargs="*", type=count, default=[1, 2], metavar="N", help="busy processes beside it")
    parser.add_argument("--repeats", type=count, default=7, help="counted rounds, after one that warms up")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of every setting, idle and beside busy processes; each setting has a process that reads it at its start."""
    import torch

    beside = sorted({0, *options.beside})
    seconds: dict[int, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        contestants = {}
        for setting in (UNSET, *options.settings):
            pool = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
            with _waiting(setting):  # a pool starts its process at the first task
                model = pool.submit(_load, options.model, options.side, torch.get_num_threads()).result()
            contestants[setting] = partial(_seconds, pool)
        for number in beside:
            print(f"beside {number} busy processes", file=sys.stderr)
            with _busy(number):
                seconds[number] = interleaved(contestants, options.repeats)
    rows = [
        {"setting": setting, "beside": number, "seconds": times, "times_the_idle": median(times) / median(idle)}
        for setting, idle in seconds[0].items()
        for number in beside
        for times in [seconds[number][setting]]
    ]
    return {"model": label(options.model), **model, "side": options.side, "repeats": options.repeats, "rows": rows}


def render(result: dict[str, Any]) -> str:
    """One line a setting; in brackets how many times the idle machine's seconds."""
    settings = list(dict.fromkeys(row["setting"] for row in result["rows"]))
    beside = list(dict.fromkeys(row["beside"] for row in result["rows"]))
    cells = {
        (row["setting"], row["beside"]): f"{median(row['seconds']):.2f} s ({row['times_the_idle']:.1f}x)"
        for row in result["rows"]
    }
    lines = [
        [f"`{setting}`" if "=" in setting else setting, *(cells[setting, n] for n in beside)] for setting in settings
    ]
    headings = ["how threads wait", *("idle" if n == 0 else f"beside {n} busy" for n in beside)]
    return (
        f"{markdown(headings, lines)}\n\n"
        f"`{result['model']}` in {result['dtype']}, {result['side']} x {result['side']}, medians of {result['repeats']} rounds in turns; in "
        f"brackets how many times as long as on the idle machine. {where(result)}"
    )


def _setting(text: str) -> str:
    """``NAME=VALUE`` of a variable that tells OpenMP's threads how to wait."""
    if text.partition("=")[0] not in KNOWN or not text.partition("=")[2]:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no setting such as {'='.join(WAIT)}; there are {', '.join(KNOWN)}"
        )
    return text


@contextmanager
def _waiting(setting: str) -> Iterator[None]:
    """The environment of a process to start: of all that says how threads wait, ``setting`` alone."""
    kept = {name: os.environ.pop(name) for name in KNOWN if name in os.environ}
    name, _, value = setting.partition("=")
    try:
        if value:
            os.environ[name] = value
        yield
    finally:
        os.environ.pop(name, None)
        os.environ.update(kept)


@contextmanager
def _busy(number: int) -> Iterator[None]:
    """``number`` processes that compute on one core each and never wait."""
    processes = [get_context("spawn").Process(target=_spin, daemon=True) for _ in range(number)]
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _spin() -> None:
    while True:
        pass


def _load(model: str, side: int, threads: int) -> dict[str, Any]:
    global _paint
    import torch

    import hub

    torch.set_num_threads(threads)
    method = hub.load(model, device="cpu")
    _paint = partial(method, photo(side, side), **least_parameters(method))
    return {"weights": method.weights_sha256, "dtype": str(method.dtype).removeprefix("torch.")}


def _call() -> None:
    _paint()


def _seconds(pool: ProcessPoolExecutor) -> None:
    pool.submit(_call).result()
