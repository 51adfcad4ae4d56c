"""A colour map applied to every pixel, in bands of rows: exact at any size, in little memory.

Plain PyTorch on every device. No kernel of its own was written for GPUs: there was none to measure it on.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.parts.cube import look_up

BAND = 1 << 18  # pixels at a time: what a band needs stays in a processor's cache
BAND_ON_GPU = 1 << 22


def render(photo: Tensor, lut: Tensor, grid: Tensor | None, advance: Callable[[int], None]) -> Tensor:
    """``photo`` ``(1, 3, H, W)`` in [0, 1] through ``lut``, with what ``grid`` adds: the same shape, clamped to [0, 1].

    ``lut`` is ``(1, 3, S, S, S)``, with the guide as a fourth channel where there is a ``grid`` ``(1, 12, L, h, w)`` of
    affine maps of the mapped colours. ``advance`` is told the rows done.
    """
    height, width = photo.shape[-2:]
    result = torch.empty_like(photo)
    # Linear along x, y and the guide is linear along y, done here once for a row, and then bilinear in the other two.
    columns = None if grid is None else grid[0].flatten(0, 1)[None]
    x = torch.linspace(-1 + 1 / width, 1 - 1 / width, width).to(photo)
    rows = max(1, (BAND_ON_GPU if photo.is_cuda else BAND) // width)
    for top in range(0, height, rows):
        band = photo[0, :, top : top + rows].transpose(0, 1)[:, :, None]  # rows are a batch, which threads share out
        found = look_up(lut.expand(len(band), -1, -1, -1, -1), band)[:, :, 0]
        colours = found[:, :3]
        if columns is not None and grid is not None:
            cells = rows_of(columns, top, len(band), height).view(len(band), *grid.shape[1:3], -1)
            places = torch.stack([x.expand(len(band), -1), found[:, 3] * 2 - 1], -1)[:, None]
            maps = F.grid_sample(cells, places, padding_mode="border", align_corners=False)
            maps = maps.view(len(band), 3, 4, width)
            added = colours + maps[:, :, 3]
            for channel in range(3):
                added.addcmul_(maps[:, :, channel], colours[:, channel : channel + 1])
            colours = added
        result[0, :, top : top + rows] = colours.transpose(0, 1).clamp_(0, 1)
        advance(min(top + rows, height))
    return result


def rows_of(cells: Tensor, top: int, count: int, height: int) -> Tensor:
    """``cells`` ``(1, C, h, w)`` at ``count`` rows from ``top`` of ``height``, linear between their middles: ``(count, C, w)``."""
    place = (torch.arange(top, top + count, device=cells.device) + 0.5) * (cells.shape[2] / height) - 0.5
    place = place.clamp(0, cells.shape[2] - 1)
    low = place.long().clamp(max=cells.shape[2] - 2)
    by_row = cells[0].transpose(0, 1)
    return torch.lerp(by_row[low], by_row[low + 1], (place - low)[:, None, None].to(cells))
