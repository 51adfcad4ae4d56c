"""The least time a network can take on a device: what it must compute and move, at the rates the device reaches.

Floor = the larger of arithmetic / matrix-multiply rate and bytes / copy rate. Both rates are measured, not looked up.
The arithmetic is what torch counts for convolutions and matrix products, two operations a multiply-add. The bytes are
the least a layer-by-layer run can do with: every layer's input read once and its output written once, in the dtype
computed in, and all weights read once. A layer is a convolution with all that surrounds it; padding, upsampling,
normalising, adding and activating are taken as free. So is the second reading that instance normalisation needs, as
the next layer normalises what it reads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import seconds_a_call
from hub.errors import StylehubError

CONVOLUTION = torch.ops.aten.convolution


@dataclass(frozen=True)
class Rates:
    """What a device reaches: operations a second of a large matrix product, bytes a second of a large copy."""

    operations: float
    bytes: float


@dataclass(frozen=True)
class Cost:
    """What one frame needs: ``operations`` and, in ``bytes``, the traffic of its maps and the weights."""

    operations: float
    bytes: float

    def floor(self, rates: Rates) -> float:
        """Seconds."""
        return max(self.operations / rates.operations, self.bytes / rates.bytes)

    def bound(self, rates: Rates) -> str:
        """Which of the two sets the floor: "arithmetic" or "memory"."""
        arithmetic = self.operations / rates.operations >= self.bytes / rates.bytes
        return "arithmetic" if arithmetic else "memory"


class _Convolutions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of what convolutions write and of their weights, in order of execution."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.written: list[int] = []
        self.weights: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket is CONVOLUTION:
            self.written.append(result.nbytes)
            for tensor in args[1:3]:
                if tensor is not None:
                    self.weights[tensor.data_ptr()] = tensor.nbytes
        return result


def cost(run: Callable[[Tensor], object], picture: Tensor, dtype: torch.dtype, height: int, width: int) -> Cost:
    """What ``run`` needs for a frame of ``height`` x ``width``, counted on the small ``picture`` ``(1, 3, h, w)``.

    Arithmetic and maps of a convolutional network grow with the pixels, its weights do not; counted small, work that
    an implementation repeats on large frames (tiles) is not mistaken for work that must be done.

    Raises:
        StylehubError: when more than a hundredth of the arithmetic is no convolution, since then ``bytes`` would lie.
    """
    convolutions, counter = _Convolutions(), FlopCounterMode(display=False)
    with torch.no_grad(), counter, convolutions:
        run(picture)
    total = counter.get_total_flops()
    of_convolutions = counter.get_flop_counts()["Global"].get(CONVOLUTION, 0)
    if not convolutions.written or of_convolutions < 0.99 * total:
        raise StylehubError("The floor is defined for convolutional networks only; leave this model out with --models.")
    # A layer reads what the layer before it wrote, the first one the picture.
    read = [picture.numel() * dtype.itemsize, *convolutions.written[:-1]]
    scale = height * width / (picture.shape[2] * picture.shape[3])
    maps = (sum(read) + sum(convolutions.written)) * scale
    return Cost(total * scale, maps + sum(convolutions.weights.values()))


def measured_rates(
    device: torch.device, dtype: torch.dtype, seconds: float = 1.0, side: int = 8192, size: int = 1 << 30
) -> Rates:
    """The rates of ``device``: products of random ``side`` x ``side`` matrices of ``dtype``, copies of ``size`` bytes."""
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    product = torch.empty_like(a)
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    finish = finisher(device)
    return Rates(
        operations=2 * side**3 / seconds_a_call(lambda: torch.mm(a, b, out=product), finish, seconds),
        bytes=2 * size / seconds_a_call(lambda: target.copy_(source), finish, seconds),  # read and written
    )


def finisher(device: torch.device) -> Callable[[], None]:
    """A function that waits until ``device`` has done what it was given."""
    return torch.cuda.synchronize if device.type == "cuda" else lambda: None
