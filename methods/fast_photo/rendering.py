"""Apply a colour map to every pixel, in bands of rows: exact at any size, with little memory.

It is plain PyTorch on every device. There is no special kernel for GPUs.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.images import resized
from methods.fast_photo.lut import ColorTable, apply_lut
from methods.parts.color import LUMA, mixed
from methods.parts.dense.guided import local_lines

BAND = 1 << 18  # pixels per band: they fit into a processor's cache
BAND_ON_GPU = 1 << 22
DETAIL = 256  # short side in pixels at which base and detail are separated
WINDOW = 1 / 32  # radius of the windows for that, as a share of the short side
FINE = 0.012  # variance of lightness in a window: what varies less is detail
INVISIBLE = 1 / 4096  # a layer with a smaller mask is not visible in 8 bits


class ColorLayer(NamedTuple):
    """A colour map and the mask of the region to apply it to."""

    lut: Tensor  # (1, 3, S, S, S); with a grid (1, 4, S, S, S): the guide is the fourth channel
    grid: Tensor | None  # (1, 12, L, h, w): affine maps of the mapped colours; their result is added
    mask: Tensor | None = None  # (1, 1, h, w) in [0, 1], of any size; None: everywhere

    @property
    def finite(self) -> bool:
        return bool(self.lut.isfinite().all() and (self.grid is None or self.grid.isfinite().all()))


class Detail(NamedTuple):
    """How the photo's lightness changes while its detail stays."""

    lines: Tensor  # (1, 2, h, w): slope and offset of the change of lightness as a function of lightness, per pixel
    share: float  # their weight in the result's lightness, in [0, 1]


def render(
    photo: Tensor,
    layers: Sequence[ColorLayer],
    advance: Callable[[int], None] = lambda _: None,
    detail: Detail | None = None,
    rows: int | None = None,
) -> Tensor:
    """Apply ``layers``, whose masks sum to 1, to ``photo`` ``(1, 3, H, W)`` in [0, 1]: the same shape, in [0, 1].

    ``advance`` is called with the number of finished rows; ``rows`` is the height of a band.
    """
    height, width = photo.shape[-2:]
    result = torch.empty_like(photo)
    rows = rows or max(1, (BAND_ON_GPU if photo.is_cuda else BAND) // width)
    for top in range(0, height, rows):
        band = photo[0, :, top : top + rows].transpose(0, 1)[:, :, None]  # rows as a batch: threads share it
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


def render_tables(
    photo: Tensor,
    tables: Sequence[tuple[ColorTable, float]],
    interpolation: str,
    advance: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Apply colour tables, whose shares sum to 1, to ``photo`` ``(1, 3, H, W)``: the same shape, in [0, 1]."""
    result = torch.zeros_like(photo)
    rows = max(1, (BAND_ON_GPU if photo.is_cuda else BAND) // photo.shape[3])
    for top in range(0, photo.shape[2], rows):
        band = photo[:, :, top : top + rows]
        for table, share in tables:
            result[:, :, top : top + rows].add_(table(band, interpolation).clamp_(0, 1), alpha=share)
        advance(min(top + rows, photo.shape[2]))
    return result.clamp_(0, 1)


def detail_of(photo: Tensor, layers: Sequence[ColorLayer], share: float) -> Detail:
    """How ``layers`` change the lightness of ``photo`` at large scale, without their effect on fine contrast.

    As in the guided filter (He, Sun & Tang 2013), the change of lightness is fitted as a linear function of lightness
    in each window. ``FINE`` is the ridge strength.
    """
    small = reduced(photo, DETAIL)
    before, after = (lightness(pixels) for pixels in (small, render(small, layers)))
    return Detail(
        torch.cat(local_lines(before, after - before, max(1, round(min(small.shape[-2:]) * WINDOW)), FINE), 1), share
    )


def keep_detail(colours: Tensor, band: Tensor, lines: Tensor, share: float) -> None:
    """Change the lightness of ``colours`` ``(rows, 3, W)``, in place, to that of ``band`` after ``lines`` ``(rows, 2, W)``."""
    before = lightness(band)
    wanted = before + lines[:, :1] * before + lines[:, 1:]
    colours.add_(wanted - lightness(colours), alpha=share)


def lightness(pixels: Tensor) -> Tensor:
    """Luma of ``(N, 3, ...)``: ``(N, 1, ...)``."""
    return mixed(torch.tensor([LUMA]), pixels)


def reduced(pixels: Tensor, short: int) -> Tensor:
    """``(N, C, H, W)`` reduced to ``short`` pixels on the short side; a smaller picture stays as it is."""
    scale = min(1.0, short / min(pixels.shape[-2:]))
    return resized(pixels, (max(1, round(pixels.shape[2] * scale)), max(1, round(pixels.shape[3] * scale))))


def mapped_rows(band: Tensor, layer: ColorLayer, top: int, height: int) -> Tensor:
    """Apply ``layer`` to ``band`` ``(rows, 3, 1, W)``, which starts at row ``top`` of ``height``: ``(rows, 3, W)``."""
    width = band.shape[3]
    found = apply_lut(layer.lut.expand(len(band), -1, -1, -1, -1), band)[:, :, 0]
    colours = found[:, :3]
    if layer.grid is None:
        return colours
    # Trilinear interpolation in x, y and the guide: first linear in y, once per row, then bilinear in x and the guide.
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
    """``cells`` ``(1, C, h, w)``, interpolated at ``count`` rows from ``top`` of ``height``: ``(count, C, w)``."""
    place = (torch.arange(top, top + count, device=cells.device) + 0.5) * (cells.shape[2] / height) - 0.5
    place = place.clamp(0, cells.shape[2] - 1)
    low = place.long().clamp(max=cells.shape[2] - 2)
    by_row = cells[0].transpose(0, 1)
    return torch.lerp(by_row[low], by_row[low + 1], (place - low)[:, None, None].to(cells))
