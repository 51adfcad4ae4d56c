"""A function in a process of its own: its memory is what that one call needed, its start is a real start."""

import re
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from hub.errors import StylehubError

Result = TypeVar("Result")


def in_fresh_process(function: Callable[..., Result], **arguments: object) -> Result:
    """``function(**arguments)`` of a new interpreter; both must be picklable.

    Raises ``StylehubError`` when the process is killed, as happens when memory runs out.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(function, **arguments).result()
        except BrokenProcessPool:
            raise StylehubError("The process was killed, most likely for want of memory; measure less.") from None


def peak_memory() -> int:
    """Bytes of memory that this process held at most, libraries included."""
    try:
        # On Linux getrusage gives the peak of the parent when that was larger, since it outlives the exec.
        own = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        own = None
    if own:
        return int(own[1]) * 1024
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
