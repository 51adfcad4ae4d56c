"""3x3 convolutions with four times fewer multiplications, on a CPU in float32.

Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308), F(4x4, 3x3): overlapping tiles
of 6x6 pixels, kernels and results are transformed (B, G and A there), and the convolution becomes 36 matrix products over
channels. Rounding errors grow about tenfold, to 1e-5 of the result's deviation, so half precision is too short for it.
The transforms cost as much as they save when there are few channels. Matrix products are not as fast on every processor:
a convolution of 64 to 64 channels takes 0.65 to 1 of the time with AVX2 alone, with AVX-512 0.8 on an Intel Xeon and
twice the time on an AMD EPYC. So it is measured once whether this machine gains, for 64 channels and for 128.
"""

import time
from functools import partial
from itertools import product
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.runtime import faster

CHANNELS = 32 * 64  # fewest inputs times outputs with which this can be faster; with 32 and 32 it never was
NUMBERS = 1 << 19  # of the transformed tiles in one piece: they should stay in a core's cache
TILES = 128  # in one piece at least: with fewer, reading the kernels takes longer than multiplying

INPUT = torch.tensor(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
).double()
KERNEL = torch.tensor([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]).double() / 24
OUTPUT = torch.tensor([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]).double()


def faster_here(channels: int = 64) -> bool:
    """Whether ``Winograd`` is clearly faster than torch on this machine's CPU, ``channels`` in and out; measured once."""
    measure = partial(seconds, channels=channels)
    return faster("plain", "winograd", torch.device("cpu"), f", convolution of {channels}", measure) == "winograd"


@torch.inference_mode()
def seconds(way: str, channels: int) -> float:
    """The fastest of some runs of a typical convolution, ``way`` being ``"plain"`` or ``"winograd"``."""
    x = torch.zeros(1, channels, 130, 130).contiguous(memory_format=torch.channels_last)
    weight = torch.zeros(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
    fast = Winograd(weight)
    timings = []
    for _ in range(4):  # the first one includes set-up
        start = time.perf_counter()
        fast(x) if way == "winograd" else F.conv2d(x, weight)
        timings.append(time.perf_counter() - start)
    return min(timings)


class Winograd(nn.Module):
    """``F.conv2d(x, weight)`` for a ``weight`` ``(O, I, 3, 3)`` in float32, up to rounding."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        outputs, inputs = weight.shape[:2]
        kernel = torch.einsum("ak,bl,oikl->abio", KERNEL, KERNEL, weight.detach().double().cpu())
        self.kernel = nn.Parameter(kernel.reshape(36, inputs, outputs).float(), requires_grad=False)
        self.register_buffer("before", torch.kron(INPUT, INPUT).float())
        self.register_buffer("after", torch.kron(OUTPUT, OUTPUT).float())
        self.before: Tensor
        self.after: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """``(N, I, H, W)`` to ``(N, O, H - 2, W - 2)``, in channels-last memory."""
        _, inputs, outputs = self.kernel.shape
        height, width = x.shape[2] - 2, x.shape[3] - 2
        down, across = -(-height // 4), -(-width // 4)
        x = x.permute(0, 2, 3, 1)
        if (missing := (4 * down - height, 4 * across - width)) != (0, 0):
            x = F.pad(x, (0, 0, 0, missing[1], 0, missing[0]))
        out = x.new_empty(len(x), height, width, outputs)
        tiles = max(TILES, NUMBERS // (36 * inputs))
        rows, items = max(1, min(down, tiles // across)), max(1, tiles // (across * down))
        for item, top in product(range(0, len(x), items), range(0, down, rows)):
            piece = slice(item, item + items), slice(4 * top, 4 * (top + rows))
            self.convolve(x[piece[0], piece[1].start : piece[1].stop + 2], out[piece])
        return out.permute(0, 3, 1, 2)

    def convolve(self, x: Tensor, out: Tensor) -> None:
        """Convolve ``x`` ``(N, 4h + 2, 4w + 2, I)`` into ``out`` ``(N, 4h, 4w, O)``, or into one with less at its ends."""
        _, inputs, outputs = self.kernel.shape
        tiles = x.unfold(1, 6, 4).unfold(2, 6, 4)  # (N, h, w, I, 6, 6)
        count, down, across = tiles.shape[:3]
        seen = self.before @ tiles.permute(4, 5, 0, 1, 2, 3).reshape(36, -1)
        products = torch.bmm(seen.view(36, -1, inputs), self.kernel)
        pixels = (self.after @ products.view(36, -1)).view(4, 4, count, down, across, outputs)
        made = pixels.permute(2, 3, 0, 4, 1, 5)  # (N, h, 4, w, 4, O)
        if out.shape[1:3] == (4 * down, 4 * across):
            out.view(made.shape).copy_(made)
        else:
            out.copy_(made.reshape(count, 4 * down, 4 * across, outputs)[:, : out.shape[1], : out.shape[2]])


class FrozenWinograd(nn.Module):
    """``F.conv2d(x, weight, bias)`` with gradients for ``x`` alone: a convolution of a network that is not trained."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.there, self.back = Winograd(weight), Winograd(weight.flip(2, 3).transpose(0, 1))
        self.register_buffer("bias", bias.detach().view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, I, H, W)`` to ``(N, O, H - 2, W - 2)``, in channels-last memory."""
        return cast(Tensor, _FrozenWinograd.apply(x, self))


class _FrozenWinograd(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, convolution: FrozenWinograd) -> Tensor:
        ctx.convolution = convolution
        return convolution.there(x).add_(convolution.bias)  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """The gradient is the convolution of ``gradients[0]``, with a border, by the kernel turned round."""
        return ctx.convolution.back(F.pad(gradients[0], [2] * 4)), None
