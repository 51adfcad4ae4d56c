"""Timing that a noisy machine cannot bend in anyone's favour."""

import time
from collections.abc import Callable, Mapping
from statistics import median

Call = Callable[[], object]

# Threads of onnxruntime, and of OpenMP where the user has not left it to hub/threads.py, go on spinning for up to a
# tenth of a second after their work is done, and would take a core from whoever is timed next.
PAUSE = 0.2


def interleaved(contestants: Mapping[str, Call], repeats: int, pause: float = PAUSE) -> dict[str, list[float]]:
    """Seconds of every call, round by round: each contestant runs once a round, so drift hits all of them alike.

    A first round warms up and is not counted. Each round begins with another contestant.
    """
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1, repeats):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            time.sleep(pause)
            started = time.perf_counter()
            contestants[name]()
            if number >= 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def times_as_fast(ours: list[float], other: list[float]) -> float:
    """How many times as fast as ``other`` ours is: the median of the rounds' ratios, each from calls side by side."""
    return median(theirs / mine for mine, theirs in zip(ours, other, strict=True))


def seconds_a_call(call: Call, finish: Call, seconds: float = 1.0, rounds: int = 3) -> float:
    """Seconds of one call in a stream of calls, the median of ``rounds`` streams of about ``seconds`` each.

    ``finish`` waits for a device to be done; it is called once a stream, as in a pipeline.
    """
    for _ in range(2):
        call()
        finish()
    started = time.perf_counter()
    call()
    finish()
    calls = max(2, min(1000, round(seconds / max(time.perf_counter() - started, 1e-9))))
    streams = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(calls):
            call()
        finish()
        streams.append((time.perf_counter() - started) / calls)
    return median(streams)
