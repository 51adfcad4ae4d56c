"""How a server ends: SIGTERM and SIGINT let it close what is open, and its exit status says whether all went well."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn


@contextmanager
def until_stopped() -> Iterator[None]:
    """SIGTERM and SIGINT leave the block, as does ``sys.exit``; then the process ends: with status 0 after a signal.

    The block itself must close what it opened. A second signal ends the process at once. Errors leave the block as usual.
    """

    def stop(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise SystemExit(0)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except SystemExit as asked:
        end(asked.code)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(code: Any = 0) -> NoReturn:
    """End this process as ``sys.exit(code)`` would, but without Python's own clearing up.

    That stops threads amid native code or amid a read, and then aborts the process (status 134).
    """
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(0 if code is None else code & 0xFF if isinstance(code, int) else 1)
