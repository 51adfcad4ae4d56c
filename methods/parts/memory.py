"""Memory: how much is free, what running out of it looks like, and keeping what a network has freed."""

import ctypes
import os
import platform
from contextlib import suppress

import torch


def free_bytes(device: torch.device) -> int:
    """Free memory on ``device`` in bytes; 2 GiB where the system does not report it."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 2 << 30


def keep_freed_memory(keep: bool = True) -> None:
    """Let the C library keep freed memory for the next layer instead of returning it to the system at once.

    A network on the CPU allocates the same large blocks again and again, and new blocks arrive page by page: the
    conditional network of width 16 then takes 1.3 times as long. The process keeps the blocks, which do not always fit
    the next request; with ``keep=False`` it keeps those of a tile only, 32 MiB at most, and returns all others. Linux
    with glibc only; a user's ``MALLOC_`` variable or GLIBC_TUNABLES takes precedence.
    """
    if platform.libc_ver()[0] != "glibc" or any(k.startswith(("MALLOC_", "GLIBC_TUNABLES")) for k in os.environ):
        return
    trim_threshold, mmap_threshold = -1, -3  # as in malloc.h
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(mmap_threshold, (256 if keep else 32) << 20)
        library.mallopt(trim_threshold, (512 if keep else 64) << 20)
        if not keep:
            library.malloc_trim(0)


def out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` means that a device ran out of memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(w in str(error) for w in ("can't allocate memory", "out of memory"))
    )
