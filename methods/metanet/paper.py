"""The network that the paper's meta network writes, and that of a course project which improved it on small data.

Shen et al. 2018 (arXiv 1709.04111), table 1: a reflection of 40 pixels, convolutions 9x9 and twice 3x3 with stride 2, five
residual blocks whose convolutions pad nothing, twice the size doubled before a convolution, 9x9. 256 pixels become 336,
168, 84, 64 after the blocks, 128 and 256. The course project has one ResNeXt block (Xie et al. 2017, arXiv 1611.05431)
in place of the five. Instance normalisation has no scales and shifts.
"""

from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Block = Literal["residual", "resnext"]
BRANCHES = 32  # of a ResNeXt block


class PaperNetwork(nn.Module):
    """Stylises ``(N, 3, H, W)`` in [0, 1] into the same shape and range; ``H`` and ``W`` are multiples of 4 above 40."""

    def __init__(self, width: int = 8, block: Block = "residual") -> None:
        super().__init__()
        w = width
        self.first = nn.Conv2d(3, w, 9, padding=4, padding_mode="reflect", bias=False)
        self.down = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1, padding_mode="reflect", bias=False)
            for i, o in ((w, 2 * w), (2 * w, 4 * w))
        )
        blocks = [ResidualBlock(4 * w) for _ in range(5)] if block == "residual" else [ResNeXtBlock(4 * w)]
        self.blocks = nn.ModuleList(blocks)
        self.up = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1, padding_mode="reflect", bias=False) for i, o in ((4 * w, 2 * w), (2 * w, w))
        )
        self.last = nn.Conv2d(w, 3, 9, padding=4, padding_mode="reflect")
        self.margin = 4 * sum(block.loses for block in blocks)

    @property
    def learnt(self) -> set[str]:
        """The parameters that no painting changes: the first and last convolution, and the branches of a ResNeXt block."""
        return {name for name, _ in self.named_parameters() if name.startswith(("first", "last")) or "branches" in name}

    def forward(self, content: Tensor) -> Tensor:
        x = F.pad(content, [self.margin] * 4, mode="reflect")
        x = normalised(self.first(x))
        for convolution in self.down:
            x = normalised(convolution(x))
        for block in self.blocks:
            x = block(x)
        for convolution in self.up:
            x = normalised(convolution(F.interpolate(x, scale_factor=2, mode="nearest")))
        return (torch.tanh(cast(Tensor, self.last(x))) + 1) / 2


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions without padding; what is added back is cut to their size."""

    loses = 2  # pixels on each side

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, channels, 3, bias=False)
        self.two = nn.Conv2d(channels, channels, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x[..., 2:-2, 2:-2] + F.instance_norm(self.two(normalised(self.one(x))))


class ResNeXtBlock(nn.Module):
    """1x1, 3x3 in ``BRANCHES`` branches, 1x1, all of one width."""

    loses = 1

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, channels, 1, bias=False)
        self.branches = nn.Conv2d(channels, channels, 3, groups=min(BRANCHES, channels), bias=False)
        self.two = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x[..., 1:-1, 1:-1] + F.instance_norm(self.two(normalised(self.branches(normalised(self.one(x))))))


def normalised(x: Tensor) -> Tensor:
    """Instance normalisation and ReLU."""
    return F.relu(F.instance_norm(x))
