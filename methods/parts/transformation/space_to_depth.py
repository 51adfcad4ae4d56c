"""The image transformation network on blocks of 2x2 pixels (space to depth): the same result, faster on a CPU.

At the picture's own resolution the network has few channels, but a CPU's vector units compute with 16 or 32 numbers at
once. So a block of 2x2 pixels becomes one position with four times the channels:

1. a 9x9 kernel becomes a 5x5 kernel over blocks;
2. a convolution of stride 2 becomes one of stride 1;
3. upsampling before a convolution becomes part of its kernel.

Inner 3x3 convolutions with many channels take the way of ``methods/parts/winograd.py``. All kernels are exact rewritings of the weights;
``tests/methods/test_cin.py`` compares the results.

The channels of a block are ordered (row, column, channel). In channels-last memory the four pixels of a block are
adjacent, so operations on single channels can view the map as one of four times the width.
"""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.progress import Progress, ProgressCallback
from methods.parts.transformation.network import ImageTransformationNetwork, Layer
from methods.parts.winograd import CHANNELS, Winograd, faster_here

Sides = tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)
PHASES = list(product((0, 1), (0, 1)))  # the pixels of a block: row, column

# Bilinear upsampling: the weights of pixels i - 1, i, i + 1 in pixel 2i + t of the doubled picture, for each t.
BILINEAR = {-1: (0.75, 0.25, 0.0), 0: (0.25, 0.75, 0.0), 1: (0.0, 0.75, 0.25), 2: (0.0, 0.25, 0.75)}


class SpaceToDepthNetwork(nn.Module):
    """The same function as ``network``; it shares the normalisations and the inner layers.

    ``exact``: only rewritten kernels, no Winograd convolutions; needed for half precision.
    """

    def __init__(self, network: ImageTransformationNetwork, exact: bool = False) -> None:
        super().__init__()
        first, second, *inner, upper, last_upper, last = cast("list[Layer]", list(network.layers))
        self.first, self.second, self.upper, self.last_upper, self.last = first, second, upper, last_upper, last
        self.inner = nn.ModuleList(inner)
        fast = partial(convolution, exact=exact)
        self.inner_convolutions = nn.ModuleList(fast(layer.convolution.weight, stride=layer.stride) for layer in inner)
        self.convolutions = nn.ModuleList(
            fast(kernel)
            for kernel in (
                fold(first.convolution.weight),
                fold_stride(second.convolution.weight),
                fold_upsampling(upper.convolution.weight),
                fold_upsampling(last_upper.convolution.weight),
                fold(last.convolution.weight),
            )
        )

    def forward(self, content: Tensor, mix: Tensor, progress: ProgressCallback | None = None) -> Tensor:
        """``content`` is ``(N, 3, H, W)``, H and W multiples of 4; ``mix`` is ``(N, styles)``. See the plain network."""
        done, of = 0, 5 + len(self.inner)
        first, second, upper, last_upper, last = self.convolutions

        def advance() -> None:
            nonlocal done
            done += 1
            if progress:
                progress(Progress(done, of))

        x = blocks(F.pad(content, [4] * 4, mode="reflect"))
        x = self.normalised(self.first, first(x), mix)
        advance()
        # The row above the picture mirrors its second row, which is the lower row of the first block.
        x = second(F.pad(x, (1, 0, 1, 0), mode="replicate"))
        x = self.second.activate(self.second.norm(x, mix, overwrite=True))
        advance()
        before = x  # the output of the layer before, for the addition
        for layer, convolve in zip(cast("list[Layer]", list(self.inner)), self.inner_convolutions, strict=True):
            y = layer.norm(convolve(F.pad(x, [1] * 4, mode="reflect")), mix, overwrite=True)
            x, before = layer.activate(y.add_(before) if layer.skip else y), x
            advance()
        x = pixels(self.normalised(self.upper, upsampled(x, self.upper, upper), mix))
        advance()
        x = self.normalised(self.last_upper, upsampled(x, self.last_upper, last_upper), mix)
        advance()
        x = pixels(self.normalised(self.last, last(mirrored(x)), mix))
        advance()
        return x

    def normalised(self, layer: Layer, x: Tensor, mix: Tensor) -> Tensor:
        """Normalise and activate blocks; a channel's statistics are taken over all four pixels of the blocks."""
        return as_block_map(layer.activate(layer.norm(as_pixel_map(x), mix, overwrite=True)))


def convolution(weight: Tensor, exact: bool, stride: int = 1) -> nn.Module:
    """What convolves without padding by ``weight`` ``(O, I, k, k)``, as fast as possible."""
    outputs, inputs, size, _ = weight.shape
    if size == 3 and stride == 1 and outputs * inputs >= CHANNELS and not exact and faster_here():
        return Winograd(weight)
    plain = nn.Conv2d(inputs, outputs, size, stride, bias=False)
    plain.weight = nn.Parameter(weight.detach().contiguous(memory_format=torch.channels_last), requires_grad=False)
    return plain


def blocks(x: Tensor) -> Tensor:
    """Space to depth: ``(N, C, 2h, 2w)`` to ``(N, 4C, h, w)``."""
    n, c, h, w = x.shape
    cut = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1)
    return cut.reshape(n, h // 2, w // 2, 4 * c).permute(0, 3, 1, 2)


def as_pixel_map(x: Tensor) -> Tensor:
    """View blocks ``(N, 4C, h, w)`` as a map ``(N, C, h, 4w)`` of the same memory, for operations on single channels."""
    n, channels, h, w = x.shape
    return x.permute(0, 2, 3, 1).reshape(n, h, 4 * w, channels // 4).permute(0, 3, 1, 2)


def as_block_map(x: Tensor) -> Tensor:
    """The inverse of ``as_pixel_map``."""
    n, channels, h, w = x.shape
    return x.permute(0, 2, 3, 1).reshape(n, h, w // 4, 4 * channels).permute(0, 3, 1, 2)


def pixels(x: Tensor) -> Tensor:
    """Depth to space: ``(N, 4C, h, w)`` to ``(N, C, 2h, 2w)``."""
    n, c, h, w = x.shape
    cut = x.permute(0, 2, 3, 1).reshape(n, h, w, 2, 2, c // 4).permute(0, 1, 3, 2, 4, 5)
    return cut.reshape(n, 2 * h, 2 * w, c // 4).permute(0, 3, 1, 2)


def mirrored(x: Tensor, missing: Sides = ((2, 2), (2, 2))) -> Tensor:
    """Reflection padding by 4 pixels, on blocks: ``(N, C, h, w)`` to ``(N, C, h + 4, w + 4)``.

    ``missing`` is the number of blocks to add on each side.
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


def upsampled(x: Tensor, layer: Layer, convolve: nn.Module, margins: Sides = ((0, 0), (0, 0))) -> Tensor:
    """Upsample ``x`` and convolve it by ``layer``, as blocks, before normalisation; ``convolve`` does both, on blocks.

    ``margins`` are the extra pixels of ``x`` on each side, 1 or 0. On a side without a margin the picture ends.
    """
    (top, bottom), (left, right) = margins
    out = cast(Tensor, convolve(F.pad(x, (1 - left, 1 - right, 1 - top, 1 - bottom), mode="replicate")))
    n, _, h, w = out.shape
    cut = out.permute(0, 2, 3, 1).view(n, h, w, 2, 2, -1)
    # The outermost pixels need mirrored *upsampled* pixels, which padding `x` cannot give. They are computed as in the
    # plain network.
    for axis, size, ends, before in ((1, h, (top, bottom), left), (2, w, (left, right), top)):
        along = (h, w)[2 - axis]  # blocks along the other axis
        length = x.shape[axis + 1]
        for phase, near in ((0, slice(0, 2)), (1, slice(length - 2, length))):
            if ends[phase]:
                continue
            strip = x[:, :, near] if axis == 1 else x[:, :, :, near]
            # Two of the four upsampled lines are correct; the outer one of them is needed, without the margin's pixels.
            line = layer.convolve(strip).select(axis + 1, 3 * phase)[:, :, 2 * before : 2 * (before + along)]
            place = cut.select(axis + 2, phase).select(axis, (size - 1) * phase)  # (N, other, its phase, C)
            place.copy_(line.permute(0, 2, 1).reshape(n, along, 2, -1))
    return out


def fold(weight: Tensor) -> Tensor:
    """Rewrite a kernel ``(O, I, k, k)`` over pixels as ``(4O, 4I, K, K)`` over blocks."""
    radius = weight.shape[-1] // 2
    reach = (radius + 1) // 2
    return _gather(weight, PHASES, range(-reach, reach + 1), lambda block, phase, own: 2 * block + phase - own + radius)


def fold_stride(weight: Tensor) -> Tensor:
    """Rewrite a 3x3 kernel of stride 2 as ``(O, 4I, 2, 2)`` over blocks; it starts at the block before."""
    return _gather(weight, [(0, 0)], range(-1, 1), lambda block, phase, _: 2 * block + phase + 1)


def fold_upsampling(weight: Tensor) -> Tensor:
    """Combine bilinear upsampling and a 3x3 kernel ``(O, I, 3, 3)`` into ``(4O, I, 3, 3)``, from pixels to blocks."""
    up = weight.new_tensor([[BILINEAR[own + tap - 1] for tap in range(3)] for own in (0, 1)])  # (phase, tap, source)
    kernel = torch.einsum("oikl,akm,bln->aboimn", weight, up, up)
    return kernel.reshape(-1, weight.shape[1], 3, 3)


def _gather(weight: Tensor, own: list[tuple[int, int]], reach: range, tap: Callable[[int, int, int], int]) -> Tensor:
    """Build a kernel over blocks; ``tap`` gives the tap of ``weight`` from pixel ``phase`` of a block to pixel ``own``."""
    outputs, inputs, size, _ = weight.shape
    folded = weight.new_zeros(len(own), outputs, 4, inputs, len(reach), len(reach))
    for (o, (row, column)), (p, (prow, pcolumn)) in product(enumerate(own), enumerate(PHASES)):
        for (i, y), (j, x) in product(enumerate(reach), enumerate(reach)):
            ky, kx = tap(y, prow, row), tap(x, pcolumn, column)
            if 0 <= ky < size and 0 <= kx < size:
                folded[o, :, p, :, i, j] = weight[:, :, ky, kx]
    return folded.reshape(len(own) * outputs, 4 * inputs, len(reach), len(reach))
