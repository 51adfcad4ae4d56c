"""How torch's threads wait for work. OpenMP reads this setting once, when torch is loaded, so we set it before."""

import os
import sys
from contextlib import suppress
from pathlib import Path

WAIT = ("OMP_WAIT_POLICY", "passive")
# A user who has set one of these has decided already: the standard's, GNU's, LLVM's and Intel's variables.
KNOWN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")


def give_way() -> None:
    """Let waiting threads sleep instead of spinning on cores that other processes need.

    Call it only in stylehub's own processes, not in a program that imports ``hub``. It keeps the user's own setting
    and changes nothing once torch is loaded.
    """
    if "torch" not in sys.modules and not any(name in os.environ for name in KNOWN):
        os.environ[WAIT[0]] = WAIT[1]


def give_way_to_all() -> None:
    """Give this process the lowest priority; on Windows nothing changes.

    Linux shares the processor among sessions first, and a nice value counts only inside of one. A process that leads a
    session of its own, as under ``setsid`` or a service, therefore lowers the whole session too.
    """
    if not hasattr(os, "nice"):
        return
    os.nice(19)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # not Linux, or one without automatic groups
            Path("/proc/self/autogroup").write_text("19")
