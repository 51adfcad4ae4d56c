"""ZeroGPU, where there is one: its package must be imported before torch, so this module comes first in ``app``.

On a Space with ZeroGPU, ``spaces.GPU`` lends the accelerator to a call for some seconds; elsewhere nothing changes.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

SECONDS = 30  # a feed-forward pass takes one; the rest is for large photos. Asking for less gets a turn sooner.

try:
    _gpu: Any = import_module("spaces").GPU
except ImportError:
    _gpu = None

AVAILABLE = _gpu is not None


def on_gpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, run where the accelerator is."""
    if _gpu is None:
        return function
    lent: Callable[..., Any] = _gpu(duration=SECONDS)(function)
    return lent
