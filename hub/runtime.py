"""The device and the precision that a method computes in."""

import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F

from hub.errors import ParameterError
from hub.files import user_cache, write_whole

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_HALF = {"cpu": "bfloat16", "cuda": "float16", "mps": "float16"}
_ROUNDS = 5
_HOPELESS = 4
_GAIN = 1.15  # what rounds more must be this much faster to be worth it


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
        devices = ["auto", "cpu", *["cuda"] * torch.cuda.is_available(), *["mps"] * torch.backends.mps.is_available()]
        raise ParameterError(f"This machine has no device {str(device)!r}; use {' or '.join(devices)}.") from None
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
    half = _HALF.get(device.type, "float32")
    return DTYPES[faster("float32", half, device, "", lambda name: seconds(DTYPES[name], device))]


def training_dtype(device: torch.device) -> torch.dtype:
    """The faster of float32 and bfloat16 for a convolution with its gradient; measured once likewise."""
    return DTYPES[faster("float32", "bfloat16", device, ", training", lambda n: training_seconds(DTYPES[n], device))]


def faster(usual: str, other: str, device: torch.device, purpose: str, measure: Callable[[str], float]) -> str:
    """``other`` if it is clearly faster than ``usual`` by ``measure``, in seconds; remembered for ``purpose``."""
    path = user_cache() / "runtime.json"
    key = f"{_name(device)}, torch {torch.__version__}{purpose}"
    known: dict[str, str] = {}
    with suppress(OSError, ValueError):
        loaded = json.loads(path.read_text(encoding="utf-8"))
        known = loaded if isinstance(loaded, dict) else {}
    if known.get(key) in (usual, other):
        return known[key]
    # Alternate and take the best of each, so that other work on the machine does not decide.
    slow = fast = float("inf")
    for number in range(_ROUNDS):
        slow, fast = min(slow, measure(usual)), min(fast, measure(other))
        if number and fast > _HOPELESS * slow:  # emulated, not noise; more rounds would take seconds
            break
    chosen = other if slow > _GAIN * fast else usual
    with suppress(OSError):  # on a read-only disk the next start measures again
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(known | {key: chosen}, indent=2).encode())
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


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = f"{torch.get_num_threads()} threads"
    return f"{device.type} {platform.machine()} {torch.backends.cpu.get_cpu_capability()} {os.cpu_count()} cores, {threads}"


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
