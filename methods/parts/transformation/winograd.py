"""3x3 convolutions with four times fewer multiplications, on a CPU in float32.

Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308), F(4x4, 3x3): overlapping tiles
of 6x6 pixels, kernels and results are transformed (B, G and A there), and the convolution becomes 36 matrix products over
channels. Rounding errors grow about tenfold, to 1e-5 of the result's deviation, so half precision is too short for it.
The transforms cost as much as they save when there are few channels. Matrix products are not as fast on every processor:
a convolution of 64 to 64 channels takes 0.65 to 1 of the time with AVX2 alone, with AVX-512 0.8 on an Intel Xeon and
twice the time on an AMD EPYC. So it is measured once whether this machine gains.
"""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.runtime import faster

CHANNELS = 32 * 64  # fewest inputs times outputs with which this can be faster; with 32 and 32 it never was
NUMBERS = 1 << 19  # of the transformed tiles in one piece: they should stay in a core's cache

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


def faster_here() -> bool:
    """Whether ``Winograd`` is clearly faster than torch's convolution on this machine's CPU; measured once."""
    return faster("plain", "winograd", torch.device("cpu"), ", convolution", seconds) == "winograd"


@torch.inference_mode()
def seconds(way: str) -> float:
    """The fastest of some runs of a typical convolution, ``way`` being ``"plain"`` or ``"winograd"``."""
    x = torch.zeros(1, 64, 130, 130).contiguous(memory_format=torch.channels_last)
    weight = torch.zeros(64, 64, 3, 3).contiguous(memory_format=torch.channels_last)
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
        results = [self.one(item) for item in x.permute(0, 2, 3, 1)]
        return torch.stack(results).permute(0, 3, 1, 2) if len(results) > 1 else results[0][None].permute(0, 3, 1, 2)

    def one(self, x: Tensor) -> Tensor:
        """``(H, W, I)`` to ``(H - 2, W - 2, O)``."""
        _, inputs, outputs = self.kernel.shape
        height, width = x.shape[0] - 2, x.shape[1] - 2
        down, across = -(-height // 4), -(-width // 4)
        if (missing := (4 * down - height, 4 * across - width)) != (0, 0):
            x = F.pad(x, (0, 0, 0, missing[1], 0, missing[0]))
        out = x.new_empty(4 * down, width, outputs)
        rows = max(1, NUMBERS // (36 * across * inputs))
        for top in range(0, down, rows):
            bottom = min(top + rows, down)
            tiles = x[4 * top : 4 * bottom + 2].unfold(0, 6, 4).unfold(1, 6, 4)  # (rows, across, I, 6, 6)
            seen = self.before @ tiles.permute(3, 4, 0, 1, 2).reshape(36, -1)
            product = torch.bmm(seen.view(36, -1, inputs), self.kernel)
            pixels = (self.after @ product.view(36, -1)).view(4, 4, bottom - top, across, outputs)
            piece = pixels.permute(2, 0, 3, 1, 4)  # (rows, 4, across, 4, O)
            if missing[1]:
                out[4 * top : 4 * bottom] = piece.reshape(-1, 4 * across, outputs)[:, :width]
            else:
                out[4 * top : 4 * bottom].view(piece.shape).copy_(piece)
        return out[:height]
