"""The conditional network computed two by two pixels at a time: the same numbers, sooner on a CPU.

At a picture's own resolution the network has few channels, and vector units that take 16 or 32 numbers at once idle.
So there every block of 2x2 pixels is one place with four times the channels (space to depth): a 9x9 kernel becomes a
5x5 one over blocks, a stride of two disappears, and upsampling before a convolution goes into its kernel. All are exact
rewritings of the weights; ``tests/methods/test_cin.py`` compares the two.

Channels of a block are ordered (row, column, channel), so that in channels-last memory the block's four pixels are
neighbours, and a map is seen as one of four times the width by whatever works on each channel alone.
"""

from collections.abc import Callable
from itertools import product
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.progress import Progress, ProgressCallback
from methods.parts.transformation.network import ImageTransformationNetwork, Layer

Sides = tuple[tuple[int, int], tuple[int, int]]  # of rows before and behind, of columns before and behind
PHASES = list(product((0, 1), (0, 1)))  # the pixels of a block: row, column

# Bilinear upsampling: pixel t of twice the size, counted from 2i, is so much of the pixels i - 1, i, i + 1.
BILINEAR = {-1: (0.75, 0.25, 0.0), 0: (0.25, 0.75, 0.0), 1: (0.0, 0.75, 0.25), 2: (0.0, 0.25, 0.75)}


class SpaceToDepthNetwork(nn.Module):
    """Takes and returns what the ``network`` it was made from does; shares its normalisations and inner layers."""

    def __init__(self, network: ImageTransformationNetwork) -> None:
        super().__init__()
        first, second, *inner, upper, last_upper, last = cast("list[Layer]", list(network.layers))
        self.first, self.second, self.upper, self.last_upper, self.last = first, second, upper, last_upper, last
        self.inner = nn.ModuleList(inner)
        self.kernels = nn.ParameterList(
            nn.Parameter(kernel.contiguous(memory_format=torch.channels_last), requires_grad=False)
            for kernel in (
                fold(first.convolution.weight),
                fold_stride(second.convolution.weight),
                fold_upsampling(upper.convolution.weight),
                fold_upsampling(last_upper.convolution.weight),
                fold(last.convolution.weight),
            )
        )

    def forward(self, content: Tensor, mix: Tensor, progress: ProgressCallback | None = None) -> Tensor:
        """``content`` is ``(N, 3, H, W)`` with H and W multiples of 4, ``mix`` ``(N, styles)``; see the plain network."""
        done, of = 0, 5 + len(self.inner)
        first, second, upper, last_upper, last = self.kernels

        def advance() -> None:
            nonlocal done
            done += 1
            if progress:
                progress(Progress(done, of))

        x = blocks(F.pad(content, [4] * 4, mode="reflect"))
        x = self.normalised(self.first, F.conv2d(x, first), mix)
        advance()
        # The row above the picture mirrors its second one, which is the lower one of the first block.
        x = F.conv2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), second)
        x = self.second.activate(self.second.norm(x, mix))
        advance()
        before = x  # of the layer before, which an addition reaches back to
        for layer in cast("list[Layer]", list(self.inner)):
            y = layer.norm(layer.convolve(x), mix)
            x, before = layer.activate(y + before if layer.skip else y), x
            advance()
        x = pixels(self.normalised(self.upper, upsampled(x, self.upper, upper), mix))
        advance()
        x = self.normalised(self.last_upper, upsampled(x, self.last_upper, last_upper), mix)
        advance()
        x = pixels(self.normalised(self.last, F.conv2d(mirrored(x), last), mix))
        advance()
        return x

    def normalised(self, layer: Layer, x: Tensor, mix: Tensor) -> Tensor:
        """Normalise and activate blocks: each channel's statistics are those of its four places together."""
        return as_block_map(layer.activate(layer.norm(as_pixel_map(x), mix)))


def blocks(x: Tensor) -> Tensor:
    """Space to depth: ``(N, C, 2h, 2w)`` to ``(N, 4C, h, w)``."""
    n, c, h, w = x.shape
    cut = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1)
    return cut.reshape(n, h // 2, w // 2, 4 * c).permute(0, 3, 1, 2)


def as_pixel_map(x: Tensor) -> Tensor:
    """Blocks ``(N, 4C, h, w)`` as a map ``(N, C, h, 4w)`` of the same memory, for what works on each channel alone."""
    n, channels, h, w = x.shape
    return x.permute(0, 2, 3, 1).reshape(n, h, 4 * w, channels // 4).permute(0, 3, 1, 2)


def as_block_map(x: Tensor) -> Tensor:
    """Back from ``as_pixel_map``."""
    n, channels, h, w = x.shape
    return x.permute(0, 2, 3, 1).reshape(n, h, w // 4, 4 * channels).permute(0, 3, 1, 2)


def pixels(x: Tensor) -> Tensor:
    """Depth to space: ``(N, 4C, h, w)`` to ``(N, C, 2h, 2w)``."""
    n, c, h, w = x.shape
    cut = x.permute(0, 2, 3, 1).reshape(n, h, w, 2, 2, c // 4).permute(0, 1, 3, 2, 4, 5)
    return cut.reshape(n, 2 * h, 2 * w, c // 4).permute(0, 3, 1, 2)


def mirrored(x: Tensor, missing: Sides = ((2, 2), (2, 2))) -> Tensor:
    """What padding the pixels by 4 reflected ones is to their blocks: ``(N, C, h, w)`` to ``(N, C, h + 4, w + 4)``.

    ``missing`` blocks, of rows before and behind and of columns before and behind, are added; the others are there.
    """
    n, c, h, w = x.shape
    (top, bottom), (left, right) = missing
    if not (top or bottom or left or right):
        return x
    out = x.new_empty((n, h + top + bottom, w + left + right, c)).permute(0, 3, 1, 2)
    out[:, :, top : top + h, left : left + w] = x
    cut = out.permute(0, 2, 3, 1).view(n, h + top + bottom, w + left + right, 2, 2, c // 4)
    for axis, size, before, behind in ((1, h, top, bottom), (2, w, left, right)):
        for phase in (0, 1):
            place = cut.select(axis + 2, phase)
            for block in (*range(before), *range(before + size, before + size + behind)):
                pixel = 2 * (block - before) + phase
                pixel = -pixel if pixel < 0 else 2 * (2 * size - 1) - pixel
                source = cut.select(axis + 2, pixel % 2).select(axis, pixel // 2 + before)
                place.select(axis, block).copy_(source)
    return out


def upsampled(x: Tensor, layer: Layer, kernel: Tensor, margins: Sides = ((0, 0), (0, 0))) -> Tensor:
    """Blocks of what ``layer`` convolves ``x`` to after upsampling it, before normalisation.

    ``margins`` say of how many pixels, 1 or 0, more than the blocks asked for ``x`` brings: of rows before and behind, of
    columns before and behind. Where it brings none the picture ends.
    """
    (top, bottom), (left, right) = margins
    out = F.conv2d(F.pad(x, (1 - left, 1 - right, 1 - top, 1 - bottom), mode="replicate"), kernel)
    n, _, h, w = out.shape
    cut = out.permute(0, 2, 3, 1).view(n, h, w, 2, 2, -1)
    # The outermost pixels see mirrored *upsampled* ones, which no padding of `x` gives: they are computed as they are
    # in the plain network.
    for axis, size, ends, before in ((1, h, (top, bottom), left), (2, w, (left, right), top)):
        along = (h, w)[2 - axis]  # blocks along the other axis
        length = x.shape[axis + 1]
        for phase, near in ((0, slice(0, 2)), (1, slice(length - 2, length))):
            if ends[phase]:
                continue
            strip = x[:, :, near] if axis == 1 else x[:, :, :, near]
            # Two of its four upsampled lines are right, and enough; of a margin's pixels none is needed.
            line = layer.convolve(strip).select(axis + 1, 3 * phase)[:, :, 2 * before : 2 * (before + along)]
            place = cut.select(axis + 2, phase).select(axis, (size - 1) * phase)  # (N, other, its phase, C)
            place.copy_(line.permute(0, 2, 1).reshape(n, along, 2, -1))
    return out


def fold(weight: Tensor) -> Tensor:
    """A kernel ``(O, I, k, k)`` over pixels as ``(4O, 4I, K, K)`` over blocks."""
    radius = weight.shape[-1] // 2
    reach = (radius + 1) // 2
    return _gather(weight, PHASES, range(-reach, reach + 1), lambda block, phase, own: 2 * block + phase - own + radius)


def fold_stride(weight: Tensor) -> Tensor:
    """A 3x3 kernel of stride 2 over pixels as ``(O, 4I, 2, 2)`` over blocks, from the one before on."""
    return _gather(weight, [(0, 0)], range(-1, 1), lambda block, phase, _: 2 * block + phase + 1)


def fold_upsampling(weight: Tensor) -> Tensor:
    """Bilinear upsampling and the 3x3 kernel ``(O, I, 3, 3)`` after it as one: ``(4O, I, 3, 3)``, blocks out."""
    up = weight.new_tensor([[BILINEAR[own + tap - 1] for tap in range(3)] for own in (0, 1)])  # (phase, tap, source)
    kernel = torch.einsum("oikl,akm,bln->aboimn", weight, up, up)
    return kernel.reshape(-1, weight.shape[1], 3, 3)


def _gather(weight: Tensor, own: list[tuple[int, int]], reach: range, tap: Callable[[int, int, int], int]) -> Tensor:
    """A kernel over blocks: ``tap`` says which tap of ``weight`` takes pixel ``phase`` of a block to pixel ``own``."""
    outputs, inputs, size, _ = weight.shape
    folded = weight.new_zeros(len(own), outputs, 4, inputs, len(reach), len(reach))
    for (o, (row, column)), (p, (prow, pcolumn)) in product(enumerate(own), enumerate(PHASES)):
        for (i, y), (j, x) in product(enumerate(reach), enumerate(reach)):
            ky, kx = tap(y, prow, row), tap(x, pcolumn, column)
            if 0 <= ky < size and 0 <= kx < size:
                folded[o, :, p, :, i, j] = weight[:, :, ky, kx]
    return folded.reshape(len(own) * outputs, 4 * inputs, len(reach), len(reach))
