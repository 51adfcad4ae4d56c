"""ZeroGPU support. Its package must be imported before torch, so ``app`` imports this module first.

On a Space with ZeroGPU, ``spaces.GPU`` lends the GPU to a call for some seconds; elsewhere nothing changes.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

SECONDS = 30  # a feed-forward pass takes one, large photos more; a shorter time gets a turn sooner

try:
    _gpu: Any = import_module("spaces").GPU
except ImportError:
    _gpu = None

AVAILABLE = _gpu is not None


def on_gpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, run on the accelerator."""
    if _gpu is None:
        return function
    lent: Callable[..., Any] = _gpu(duration=SECONDS)(function)
    return lent
