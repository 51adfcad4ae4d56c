"""The device, the precision, the memory and torch.compile."""

import ctypes
import json
import logging
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.errors import ParameterError
from hub.files import user_cache, write_whole

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_HALF = {"cpu": torch.bfloat16, "cuda": torch.float16, "mps": torch.float16}
_ROUNDS = 5
_HOPELESS = 4
_GAIN = 1.15  # half precision must be this much faster to be worth the rounding

logger = logging.getLogger(__name__)


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """``device`` itself; for None and ``"auto"`` the first available of CUDA, Apple's MPS and the CPU.

    Raises ``ParameterError`` if this machine lacks the device.
    """
    if device is None or device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.ones(1, device=chosen).item()
    except (RuntimeError, AssertionError, NotImplementedError):
        there = ["auto", "cpu", *["cuda"] * torch.cuda.is_available(), *["mps"] * torch.backends.mps.is_available()]
        raise ParameterError(f"This machine has no device {str(device)!r}; use {' or '.join(there)}.") from None
    return chosen


def choose_dtype(dtype: str | torch.dtype | None, device: torch.device, half: bool) -> torch.dtype:
    """``dtype`` itself; for None the faster of float32 and half precision, measured once and remembered.

    Half precision is bfloat16 on CPUs and float16 on CUDA and MPS. Without ``half`` the method needs float32.
    """
    if dtype is None:
        return fastest_dtype(device) if half else torch.float32
    chosen = DTYPES.get(str(dtype).removeprefix("torch."))
    if chosen is None:
        raise ParameterError(f"The dtype {str(dtype)!r} is not supported; use {', '.join(DTYPES)}.")
    if chosen is not torch.float32 and not half:
        raise ParameterError("This method computes in float32 only; leave dtype out.")
    return chosen


def fastest_dtype(device: torch.device) -> torch.dtype:
    """The faster of float32 and half precision for a convolution; measured once per machine and torch version."""
    return _faster(device, _HALF.get(device.type, torch.float32), "", seconds)


def training_dtype(device: torch.device) -> torch.dtype:
    """The faster of float32 and bfloat16 for a convolution with its gradient; measured once likewise."""
    return _faster(device, torch.bfloat16, ", training", training_seconds)


def _faster(
    device: torch.device, half: torch.dtype, purpose: str, measure: Callable[[torch.dtype, torch.device], float]
) -> torch.dtype:
    """The faster of float32 and ``half`` by ``measure``, remembered for ``purpose``."""
    path = user_cache() / "runtime.json"
    key = f"{_name(device)}, torch {torch.__version__}{purpose}"
    known: dict[str, str] = {}
    with suppress(OSError, ValueError):
        loaded = json.loads(path.read_text(encoding="utf-8"))
        known = loaded if isinstance(loaded, dict) else {}
    if (remembered := DTYPES.get(str(known.get(key)))) in (torch.float32, half):
        return remembered or torch.float32
    # Alternate and take the best of each, so that other work on the machine does not decide.
    full = halved = float("inf")
    for number in range(_ROUNDS):
        full, halved = min(full, measure(torch.float32, device)), min(halved, measure(half, device))
        if number and halved > _HOPELESS * full:  # emulated, not noise; more rounds would take seconds
            break
    chosen = half if full > _GAIN * halved else torch.float32
    with suppress(OSError):  # on a read-only disk the next start measures again
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(known | {key: str(chosen).removeprefix("torch.")}, indent=2).encode())
    return chosen


def seconds(dtype: torch.dtype, device: torch.device) -> float:
    """The fastest of some runs of a typical convolution, in seconds; infinity if the device cannot compute it."""
    with torch.inference_mode():
        return _seconds(dtype, device, 128, gradient=False)


def training_seconds(dtype: torch.dtype, device: torch.device) -> float:
    """The same for a convolution and its gradient; with fewer pixels, since emulation is many times slower.

    On one thread: the threads of a bfloat16 gradient spin while they wait, whatever OpenMP's setting, which is 40 times
    slower on a busy machine.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.enable_grad():
            return _seconds(dtype, device, 64, gradient=True)
    finally:
        torch.set_num_threads(threads)


def _seconds(dtype: torch.dtype, device: torch.device, side: int, *, gradient: bool) -> float:
    try:
        kind: dict[str, Any] = {"device": device, "dtype": dtype, "requires_grad": gradient}
        x, kernel = (
            torch.zeros(shape, **kind).to(memory_format=torch.channels_last)
            for shape in ((1, 64, side, side), (64, 64, 3, 3))
        )
        timings = []
        for _ in range(6):  # the first ones include set-up
            _wait(device)
            start = time.perf_counter()
            y = F.conv2d(x, kernel)
            if gradient:
                torch.autograd.grad(y, (x, kernel), torch.zeros_like(y))
            _wait(device)
            timings.append(time.perf_counter() - start)
    except (RuntimeError, TypeError):  # MPS raises TypeError for a dtype that it lacks
        return float("inf")
    return min(timings)


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
    the next request; ``keep=False`` restores the usual behaviour and returns free memory. Linux with glibc only; a
    user's ``MALLOC_`` variable or GLIBC_TUNABLES takes precedence.
    """
    if platform.libc_ver()[0] != "glibc" or any(k.startswith(("MALLOC_", "GLIBC_TUNABLES")) for k in os.environ):
        return
    trim_threshold, mmap_threshold = -1, -3  # as in malloc.h
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(mmap_threshold, (256 if keep else 8) << 20)
        library.mallopt(trim_threshold, (512 if keep else 8) << 20)
        if not keep:
            library.malloc_trim(0)


def out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` means that a device ran out of memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(w in str(error) for w in ("can't allocate memory", "out of memory"))
    )


def compiled(network: nn.Module, device: torch.device) -> Callable[..., Tensor]:
    """``network``, compiled at its first call; if that fails, uncompiled with a warning.

    On CUDA it is compiled for each size and replayed as a CUDA graph; elsewhere once for all sizes.
    """
    mode: dict[str, Any] = {"mode": "reduce-overhead"} if device.type == "cuda" else {"dynamic": True}
    fast: Callable[..., Tensor] | None = torch.compile(network, **mode)

    def run(*inputs: Tensor) -> Tensor:
        nonlocal fast
        if fast is not None:
            try:
                result: Tensor = fast(*inputs)
                return result.clone() if device.type == "cuda" else result  # a graph reuses its own memory
            except Exception as error:
                if out_of_memory(error):
                    raise
                fast = None
                reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
                logger.warning("torch.compile failed here (%s); going on without it.", reason)
        plain: Tensor = network(*inputs)
        return plain

    return run


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = f"{torch.get_num_threads()} threads"
    return f"{device.type} {platform.machine()} {torch.backends.cpu.get_cpu_capability()} {os.cpu_count()} cores, {threads}"


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
