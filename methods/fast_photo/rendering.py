"""A colour map applied to every pixel, in bands of rows: exact at any size, in little memory.

Plain PyTorch on every device. No kernel of its own was written for GPUs: there was none to measure it on.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.images import resized
from methods.fast_photo.cube import apply_lut
from methods.parts.color import LUMA, mixed
from methods.parts.dense.guided import local_lines

BAND = 1 << 18  # pixels at a time: what a band needs stays in a processor's cache
BAND_ON_GPU = 1 << 22
DETAIL = 256  # pixels on the short side at which it is told what is detail
WINDOW = 1 / 32  # radius of its windows, as a share of the short side
FINE = 0.012  # variance of lightness
INVISIBLE = 1 / 4096  # share of a layer that no 8 bits show


class ColorLayer(NamedTuple):
    """A colour map and where it applies."""

    lut: Tensor  # (1, 3, S, S, S), with the guide as a fourth channel where there is a grid
    grid: Tensor | None  # (1, 12, L, h, w): affine maps of the mapped colours, to be added to them
    mask: Tensor | None = None  # (1, 1, h, w) in [0, 1], of any size; None: everywhere

    @property
    def finite(self) -> bool:
        return bool(self.lut.isfinite().all() and (self.grid is None or self.grid.isfinite().all()))


class Detail(NamedTuple):
    """What becomes of the photo's lightness."""

    lines: Tensor  # (1, 2, h, w): slope and offset of its change by itself, around every place
    share: float  # how much of the result's lightness they decide, in [0, 1]


def render(
    photo: Tensor,
    layers: Sequence[ColorLayer],
    advance: Callable[[int], None] = lambda _: None,
    detail: Detail | None = None,
    rows: int | None = None,
) -> Tensor:
    """``photo`` ``(1, 3, H, W)`` in [0, 1] through ``layers``, whose masks sum to 1: the same shape, clamped to [0, 1].

    ``advance`` is told the rows done; ``rows`` of them are a band.
    """
    height, width = photo.shape[-2:]
    result = torch.empty_like(photo)
    rows = rows or max(1, (BAND_ON_GPU if photo.is_cuda else BAND) // width)
    for top in range(0, height, rows):
        band = photo[0, :, top : top + rows].transpose(0, 1)[:, :, None]  # rows are a batch, which threads share out
        colours = None
        for layer in layers:
            mask = None if layer.mask is None else plane_rows(layer.mask, top, len(band), height, width)
            if mask is None or mask.max() > INVISIBLE:
                mapped = mapped_rows(band, layer, top, height)
                mapped = mapped if mask is None else mapped.clamp_(0, 1).mul_(mask)
                colours = mapped if colours is None else colours.add_(mapped)
        assert colours is not None, "the masks sum to 1"
        if detail is not None:
            lines = plane_rows(detail.lines, top, len(band), height, width)
            keep_detail(colours.clamp_(0, 1), band[:, :, 0], lines, detail.share)
        result[0, :, top : top + rows] = colours.transpose(0, 1).clamp_(0, 1)
        advance(min(top + rows, height))
    return result


def detail_of(photo: Tensor, layers: Sequence[ColorLayer], share: float) -> Detail:
    """How the lightness of ``photo`` changes around every place, without what the colour maps do to fine contrast.

    As in the guided filter (He, Sun & Tang 2013): the change of lightness is fitted by lightness in windows, and what
    varies less than ``FINE`` within one counts as detail.
    """
    small = reduced(photo, DETAIL)
    before, after = (lightness(pixels) for pixels in (small, render(small, layers)))
    return Detail(
        torch.cat(local_lines(before, after - before, max(1, round(min(small.shape[-2:]) * WINDOW)), FINE), 1), share
    )


def keep_detail(colours: Tensor, band: Tensor, lines: Tensor, share: float) -> None:
    """Give ``colours`` ``(rows, 3, W)``, made of ``band``, the lightness that ``lines`` ``(rows, 2, W)`` say, in place."""
    before = lightness(band)
    wanted = before + lines[:, :1] * before + lines[:, 1:]
    colours.add_(wanted - lightness(colours), alpha=share)


def lightness(pixels: Tensor) -> Tensor:
    """Luma of ``(N, 3, ...)``: ``(N, 1, ...)``."""
    return mixed(torch.tensor([LUMA]), pixels)


def reduced(pixels: Tensor, short: int) -> Tensor:
    """``(N, C, H, W)`` at ``short`` pixels on the short side; as it is where it has no more."""
    scale = min(1.0, short / min(pixels.shape[-2:]))
    return resized(pixels, (max(1, round(pixels.shape[2] * scale)), max(1, round(pixels.shape[3] * scale))))


def mapped_rows(band: Tensor, layer: ColorLayer, top: int, height: int) -> Tensor:
    """``band`` ``(rows, 3, 1, W)``, which begins at row ``top`` of ``height``, through ``layer``: ``(rows, 3, W)``."""
    width = band.shape[3]
    found = apply_lut(layer.lut.expand(len(band), -1, -1, -1, -1), band)[:, :, 0]
    colours = found[:, :3]
    if layer.grid is None:
        return colours
    # Linear along x, y and the guide is linear along y, done here once for a row, and then bilinear in the other two.
    cells = rows_of(layer.grid[0].flatten(0, 1)[None], top, len(band), height)
    x = torch.linspace(-1 + 1 / width, 1 - 1 / width, width).to(band)
    places = torch.stack([x.expand(len(band), -1), found[:, 3] * 2 - 1], -1)[:, None]
    cells = cells.view(len(band), *layer.grid.shape[1:3], -1)
    maps = F.grid_sample(cells, places, padding_mode="border", align_corners=False).view(len(band), 3, 4, width)
    added = colours + maps[:, :, 3]
    for channel in range(3):
        added.addcmul_(maps[:, :, channel], colours[:, channel : channel + 1])
    return added


def plane_rows(plane: Tensor, top: int, count: int, height: int, width: int) -> Tensor:
    """``plane`` ``(1, C, h, w)`` at ``count`` rows from ``top`` of ``height``: ``(count, C, width)``."""
    return F.interpolate(rows_of(plane, top, count, height), width, mode="linear", align_corners=False)


def rows_of(cells: Tensor, top: int, count: int, height: int) -> Tensor:
    """``cells`` ``(1, C, h, w)`` at ``count`` rows from ``top`` of ``height``, linear between their middles: ``(count, C, w)``."""
    place = (torch.arange(top, top + count, device=cells.device) + 0.5) * (cells.shape[2] / height) - 0.5
    place = place.clamp(0, cells.shape[2] - 1)
    low = place.long().clamp(max=cells.shape[2] - 2)
    by_row = cells[0].transpose(0, 1)
    return torch.lerp(by_row[low], by_row[low + 1], (place - low)[:, None, None].to(cells))
