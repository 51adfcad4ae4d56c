"""How torch's threads wait for work. OpenMP reads that once, when torch is loaded, so a process of ours says it first."""

import os
import sys

WAIT = ("OMP_WAIT_POLICY", "passive")
# Whoever has set one of these has decided how threads wait: by the standard, for GNU's OpenMP, for LLVM's and Intel's.
KNOWN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")


def give_way() -> None:
    """Let threads that wait for work sleep, instead of spinning on cores that other processes need.

    For processes that are ours alone, not for a program that imports ``hub``. The user's own setting stays, and where
    torch is loaded already nothing changes.
    """
    if "torch" not in sys.modules and not any(name in os.environ for name in KNOWN):
        os.environ[WAIT[0]] = WAIT[1]
