"""Exact tiling of networks with instance normalisation: first the statistics of the whole picture, then tile by tile.

Instance normalisation uses a whole channel, so independent tiles would get different colours. Here each layer's mean
and variance are summed over all tiles, in float64, before it is normalised. If there is room, every map is kept, and
bands of full rows are computed once. Otherwise they are kept in half precision. If even that needs too much memory, only
small maps are kept; large ones (at the picture's own resolution) are computed again from the nearest kept map.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.progress import Progress, ProgressCallback
from methods.parts.memory import keep_freed_memory
from methods.parts.transformation.normalisation import statistics

Span = tuple[int, int]


class Normalisation(Protocol):
    """An instance normalisation with given statistics."""

    def apply_statistics(
        self, x: Tensor, mean: Tensor, variance: Tensor, mix: Tensor, overwrite: bool = False
    ) -> Tensor: ...


class TileableLayer(Protocol):
    """[Upsample twice] -> reflect ``kernel // 2`` -> convolve -> normalise -> [add layer ``-skip``] -> activate.

    A ``transposed`` convolution, 3x3 with stride 2, upsamples without resizing and without padding.
    """

    kernel: int
    stride: int
    upsample: bool
    transposed: bool
    skip: int
    convolution: nn.Conv2d | nn.ConvTranspose2d
    norm: Normalisation

    def activate(self, x: Tensor) -> Tensor: ...


@torch.inference_mode()
def run_in_tiles(network: "Tiled", progress: ProgressCallback | None = None) -> Tensor:
    """The result of ``network``, up to rounding what its layers make of the whole picture; ``progress`` counts tiles."""
    tiles = sum(1 for index in range(len(network.layers)) for _ in network.pieces(index))
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(Progress(done, tiles))

    for index in range(len(network.layers)):
        network.complete(index, advance)
    return network.kept[len(network.layers) - 1]


class Tiled:
    """The state of a tiled run over one picture: kept feature maps, and the statistics of the layers so far.

    ``content`` is ``(1, 3, H, W)``, ``mix`` goes to every normalisation, ``tile`` is the side of the pieces in each layer's
    own pixels. Every map is kept if that takes at most ``room`` bytes. With ``half``, float32 maps that need more are kept
    in float16. The result has the dtype of ``content``.
    """

    def __init__(
        self,
        layers: Sequence[TileableLayer] | nn.ModuleList,
        content: Tensor,
        mix: Tensor,
        tile: int,
        room: int = 0,
        half: bool = False,
    ) -> None:
        self.layers, self.mix, self.tile = cast("Sequence[TileableLayer]", list(layers)), mix, tile
        self.channels = {index: layer.convolution.out_channels for index, layer in enumerate(self.layers)}
        self.sizes = {-1: (content.shape[2], content.shape[3])}
        for index, layer in enumerate(self.layers):
            height, width = ((n * 2 if layer.upsample else n) for n in self.sizes[index - 1])
            self.sizes[index] = (-(-height // layer.stride), -(-width // layer.stride))
        self.fold()
        # Numbers per pixel of the picture. At most three maps that follow one another are in memory at once.
        area = content.shape[2] * content.shape[3]
        density = [self.channels[i] * self.sizes[i][0] * self.sizes[i][1] / area for i in range(len(self.layers))]
        most = max(sum(density[i : i + 3]) for i in range(len(self.layers)))
        self.kept: dict[int, Tensor] = {-1: content}
        self.spare: Tensor | None = None  # a map that no later layer needs
        self.sample = content.new_empty(0)
        self.storage = content.dtype  # of the hidden maps
        if half and content.dtype is torch.float32 and most * area * content.element_size() > room:
            self.storage = torch.float16
        if most * area * self.storage.itemsize <= room:
            limit = math.inf
        else:
            # The residual blocks need three of the smallest hidden maps; elsewhere a map may be as large as two of them.
            limit = max(3.5, 2.02 * min(density[:-1], default=0))
        self.keeps = [d <= limit for d in density]
        self.statistics: dict[int, tuple[Tensor, Tensor]] = {}

    def fold(self) -> None:
        """Change ``sizes`` and ``channels`` of the maps that a subclass computes in another form."""

    def complete(self, index: int, advance: Callable[[], None]) -> None:
        """Sum the statistics of layer ``index`` over all tiles; keep its activated map if it is small."""
        channels = self.layers[index].convolution.out_channels
        sample = self.sample
        seen = 0
        mean = squares = torch.zeros(channels, dtype=torch.float64)
        raw = self.memory_for(index)
        for rows, columns in self.pieces(index):
            piece = self.convolved(index, rows, columns)
            # Chan et al. 1979: combine means and sums of squared deviations of two parts without loss of precision.
            own_mean, own_variance = (t.double().cpu() for t in self.statistics_of(index, piece))
            count = piece[0].numel() // channels
            difference = own_mean - mean
            mean = mean + difference * (count / (seen + count))
            squares = squares + count * (own_variance + difference.square() * (seen / (seen + count)))
            seen += count
            if raw is not None:
                raw[:, :, slice(*rows), slice(*columns)] = piece
            advance()
        self.statistics[index] = (
            mean.to(sample.device, torch.float32)[None],
            (squares / seen).to(sample.device, torch.float32)[None],
        )
        if raw is not None:
            for rows, columns in self.bands(index):
                band = raw[:, :, slice(*rows)]
                result = self.finished(index, band.to(sample.dtype), rows, columns)
                if result.device.type != "cpu" or result.data_ptr() != band.data_ptr():  # not all is done in place
                    band.copy_(result)
            self.kept[index] = raw
            self.drop_unneeded(index)

    def drop_unneeded(self, index: int) -> None:
        """Drop maps that no later layer needs: older than ``index`` and not part of a later addition.

        The memory of the last of them is for the next layer.
        """
        added = {
            later - self.layers[later].skip for later in range(index + 1, len(self.layers)) if self.layers[later].skip
        }
        for old in [k for k in self.kept if k < index and k not in added]:
            dropped = self.kept.pop(old)
            self.spare = dropped if old >= 0 else None  # the picture itself is never overwritten

    def memory_for(self, index: int) -> Tensor | None:
        """Where the map of layer ``index`` is kept, if it is: in ``spare`` if that fits, as new memory arrives page by page."""
        shape = (1, self.channels[index], *self.sizes[index])
        dtype = self.sample.dtype if index == len(self.layers) - 1 else self.storage
        spare, self.spare = self.spare, None
        if spare is not None and self.keeps[index] and spare.shape == shape and spare.dtype is dtype:
            return spare
        del spare
        keep_freed_memory(False)  # a freed map that lies between others would stay
        if not self.keeps[index]:
            return None
        return torch.empty(shape, dtype=dtype, device=self.sample.device, memory_format=torch.channels_last)

    def pieces(self, index: int) -> Iterator[tuple[Span, Span]]:
        if index and self.keeps[index - 1]:
            yield from self.bands(index)
            return
        height, width = self.sizes[index]
        # Pieces of a wide layer are smaller, so that the count of numbers is similar.
        tile = max(1, int(self.tile * min(1.0, (32 / self.channels[index]) ** 0.5)))
        if index:
            # Earlier layers are computed again, maybe at the picture's own resolution. There a piece of a small map is
            # a large region, which must not exceed four tiles.
            tile = max(1, min(tile, 2 * tile * max(height, width) // max(self.sizes[-1])))
        tile += tile % self.multiple(index)
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                yield (top, min(top + tile, height)), (left, min(left + tile, width))

    def bands(self, index: int) -> Iterator[tuple[Span, Span]]:
        """Layer ``index`` in full rows, which are contiguous in memory; each has about as many numbers as a piece."""
        height, width = self.sizes[index]
        rows = max(1, self.tile**2 * min(32, self.channels[index]) // (self.channels[index] * width))
        rows += rows % self.multiple(index)
        for top in range(0, height, rows):
            yield (top, min(top + rows, height)), (0, width)

    def multiple(self, index: int) -> int:
        """The side of a piece is a multiple of this."""
        return 1

    def statistics_of(self, index: int, piece: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel of a piece of layer ``index``, before normalisation."""
        return statistics(piece)

    def activated(self, index: int, rows: Span, columns: Span) -> Tensor:
        """The output of layer ``index`` in one region; layer -1 is the picture."""
        if index in self.kept:
            return self.kept[index][:, :, slice(*rows), slice(*columns)].to(self.sample.dtype)
        return self.finished(index, self.convolved(index, rows, columns), rows, columns)

    def finished(self, index: int, raw: Tensor, rows: Span, columns: Span) -> Tensor:
        """``raw``, overwritten if possible: normalised, the earlier layer added, activated."""
        layer = self.layers[index]
        x = layer.norm.apply_statistics(raw, *self.statistics[index], self.mix, overwrite=True)
        if layer.skip:
            x.add_(self.activated(index - layer.skip, rows, columns))
        return layer.activate(x)

    def convolved(self, index: int, rows: Span, columns: Span) -> Tensor:
        """Layer ``index`` before normalisation, in one region; only the needed part of its input is computed."""
        layer = self.layers[index]
        spans, pads = [], []
        for span, size in zip((rows, columns), self.sizes[index - 1], strict=True):
            size = size * 2 if layer.upsample else size
            low = span[0] * layer.stride - layer.kernel // 2
            high = (span[1] - 1) * layer.stride - layer.kernel // 2 + layer.kernel
            spans.append((max(0, low), min(size, high)))
            pads.append((max(0, -low), max(0, high - size)))
        if layer.transposed:
            return self.upsampled(index - 1, layer.convolution, rows, columns)
        if layer.upsample:
            x = self.upsampled(index - 1, _bilinear, *spans)
        else:
            x = self.activated(index - 1, *spans)
        (top, bottom), (left, right) = pads
        return self.convolve(index, F.pad(x, (left, right, top, bottom), mode="reflect"))

    def convolve(self, index: int, x: Tensor) -> Tensor:
        """The convolution of layer ``index``, without padding."""
        return cast(Tensor, self.layers[index].convolution(x))

    def upsampled(self, index: int, twice: Callable[[Tensor], Tensor], rows: Span, columns: Span) -> Tensor:
        """A region of layer ``index``, upsampled by ``twice``; one more pixel on every side makes the edges exact."""
        height, width = self.sizes[index]
        source_rows = (max(0, (rows[0] - 1) // 2), min(height, rows[1] // 2 + 1))
        source_columns = (max(0, (columns[0] - 1) // 2), min(width, columns[1] // 2 + 1))
        x = twice(self.activated(index, source_rows, source_columns))
        top, left = rows[0] - 2 * source_rows[0], columns[0] - 2 * source_columns[0]
        return x[:, :, top : top + rows[1] - rows[0], left : left + columns[1] - columns[0]]


def _bilinear(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
