"""Tiling of the space-to-depth network: exact as in ``tiling.py``, fast on a CPU as in ``space_to_depth.py``.

The first layer and the two before the last are computed on blocks of 2x2 pixels. ``tiling.py`` decides which maps are kept.
"""

from typing import cast

import torch.nn.functional as F
from torch import Tensor

from methods.parts.transformation.normalisation import statistics
from methods.parts.transformation.space_to_depth import (
    SpaceToDepthNetwork,
    as_block_map,
    as_pixel_map,
    blocks,
    mirrored,
    pixels,
    upsampled,
)
from methods.parts.transformation.tiling import Span, Tiled


class SpaceToDepthTiles(Tiled):
    """The folded ``network`` in tiles; the first layer and the two before the last have their sizes in blocks."""

    def __init__(
        self, network: SpaceToDepthNetwork, content: Tensor, mix: Tensor, tile: int, room: int = 0, half: bool = False
    ) -> None:
        self.network = network
        layers = [network.first, network.second, *network.inner, network.upper, network.last_upper, network.last]
        self.last = len(layers) - 1
        self.in_blocks = (0, self.last - 2, self.last - 1)
        super().__init__(layers, content, mix, tile, room, half)

    def fold(self) -> None:
        for index in self.in_blocks:
            height, width = self.sizes[index]
            self.sizes[index] = (height // 2, width // 2)
            self.channels[index] *= 4

    def multiple(self, index: int) -> int:
        return 2 if index == self.last else 1

    def statistics_of(self, index: int, piece: Tensor) -> tuple[Tensor, Tensor]:
        return statistics(as_pixel_map(piece) if index in self.in_blocks else piece)

    def finished(self, index: int, raw: Tensor, rows: Span, columns: Span) -> Tensor:
        if index not in self.in_blocks:
            return super().finished(index, raw, rows, columns)
        return as_block_map(super().finished(index, as_pixel_map(raw), rows, columns))

    def convolved(self, index: int, rows: Span, columns: Span) -> Tensor:
        first, second, upper, last_upper, last = self.network.convolutions
        if index == 0:
            x, (top, bottom), (left, right) = self.around(-1, twice(rows), twice(columns), (4, 4))
            x = F.pad(x, (4 - left, 4 - right, 4 - top, 4 - bottom), mode="reflect")
            return cast(Tensor, first(blocks(x)))
        if index == 1:
            # As in SpaceToDepthNetwork: the row above the picture mirrors its second row.
            x, (top, _), (left, _) = self.around(0, rows, columns, (1, 0))
            return cast(Tensor, second(F.pad(x, (1 - left, 0, 1 - top, 0), mode="replicate")))
        if index == self.last - 2:
            x, *margins = self.around(index - 1, rows, columns, (1, 1))
            return upsampled(x, self.network.upper, upper, (margins[0], margins[1]))
        if index == self.last - 1:
            x, *margins = self.around(index - 1, rows, columns, (1, 1))
            return upsampled(x, self.network.last_upper, last_upper, (margins[0], margins[1]))
        if index == self.last:
            x, (top, bottom), (left, right) = self.around(index - 1, halved(rows), halved(columns), (2, 2))
            return pixels(last(mirrored(x, ((2 - top, 2 - bottom), (2 - left, 2 - right)))))
        return super().convolved(index, rows, columns)

    def convolve(self, index: int, x: Tensor) -> Tensor:
        return cast(Tensor, self.network.inner_convolutions[index - 2](x))

    def around(self, index: int, rows: Span, columns: Span, reach: Span) -> tuple[Tensor, Span, Span]:
        """A region of layer ``index`` with a margin of ``reach``, and the margins that lie inside the picture.

        For layer ``last - 2`` the region is in pixels, although the layer is computed in blocks.
        """
        height, width = self.sizes[index]
        if index == self.last - 2:
            height, width = 2 * height, 2 * width
        margins = [
            (min(reach[0], span[0]), min(reach[1], size - span[1])) for span, size in ((rows, height), (columns, width))
        ]
        rows, columns = (
            (span[0] - before, span[1] + behind)
            for span, (before, behind) in zip((rows, columns), margins, strict=True)
        )
        if index != self.last - 2:
            return self.activated(index, rows, columns), margins[0], margins[1]
        x = pixels(self.activated(index, enclosing(rows), enclosing(columns)))
        top, left = rows[0] % 2, columns[0] % 2
        x = x[:, :, top : top + rows[1] - rows[0], left : left + columns[1] - columns[0]]
        return x, margins[0], margins[1]


def twice(span: Span) -> Span:
    return 2 * span[0], 2 * span[1]


def halved(span: Span) -> Span:
    return span[0] // 2, span[1] // 2


def enclosing(span: Span) -> Span:
    """The blocks that contain a span of pixels."""
    return span[0] // 2, -(-span[1] // 2)
