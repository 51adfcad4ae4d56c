"""What the C library does with freed memory. To be set before threads start, so this imports nothing large."""

import ctypes
import os
from contextlib import suppress

_ARENA_MAX, _ARENAS = -8, 2  # M_ARENA_MAX in glibc's malloc.h


def share_freed() -> None:
    """Let all threads of this process take what others have freed. MALLOC_ARENA_MAX, where it is set, counts more.

    Visitors are served by many threads, of which one paints at a time. glibc would let each keep some 30 MB to itself.
    Where there is another C library nothing changes.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").mallopt(_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Give freed memory back to the system. glibc keeps hundreds of MB in pieces between what is still used."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
