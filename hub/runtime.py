"""Where to compute and in which precision."""

import torch

from hub.errors import ParameterError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """``device`` itself, or for None and ``"auto"`` the best there is: CUDA, then Apple's MPS, then the CPU.

    Raises ``ParameterError`` for a device that does not exist here.
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
        raise ParameterError(f"There is no device {str(device)!r} here; use {' or '.join(there)}.") from None
    return chosen


def choose_dtype(dtype: str | torch.dtype | None, device: torch.device, half: bool) -> torch.dtype:
    """``dtype`` itself, or for None the fastest that is right.

    float16 on CUDA and MPS; bfloat16 on CPUs that multiply it natively; float32 elsewhere and for methods that
    cannot do with ``half`` the bits.
    """
    if dtype is None:
        if not half:
            return torch.float32
        if device.type == "cpu":
            return torch.bfloat16 if _cpu_multiplies_bfloat16() else torch.float32
        return torch.float16
    chosen = DTYPES.get(str(dtype).removeprefix("torch."))
    if chosen is None:
        raise ParameterError(f"There is no dtype {str(dtype)!r} to compute in; use {', '.join(DTYPES)}.")
    if chosen is not torch.float32 and not half:
        raise ParameterError("This method computes in float32 only; leave dtype out.")
    return chosen


def _cpu_multiplies_bfloat16() -> bool:
    capable = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(capable and capable())
