"""Colour look-up tables (LUTs): 3-D tables, 1-D tables (curves), and chains of both, as tables for editors are."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hub.images import to_tensor
from methods.fast_photo.transport import through_curves

LUT_SIZE = 65  # points per axis at which a chain of tables becomes one 3-D table
_HALD = 0.3  # share of what changes along the rows of a Hald CLUT that the red of its input explains at least


def identity_lut(size: int) -> Tensor:
    """The LUT that changes nothing: ``(3, B, G, R)``, ``size`` points per axis."""
    axis = torch.linspace(0, 1, size)
    blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
    return torch.stack([red, green, blue])


def apply_lut(lut: Tensor, pixels: Tensor) -> Tensor:
    """Look up ``pixels`` ``(N, 3, H, W)`` in ``lut`` ``(N, K, B, G, R)`` with trilinear interpolation: ``(N, K, H, W)``.

    Values outside [0, 1] are clamped.
    """
    places = (pixels * 2 - 1).permute(0, 2, 3, 1)[:, None]
    return F.grid_sample(lut, places, padding_mode="border", align_corners=True)[:, :, 0]


def apply_tetrahedral(lut: Tensor, pixels: Tensor) -> Tensor:
    """``apply_lut`` with tetrahedral interpolation, which keeps greys grey if the table does."""
    size = lut.shape[-1]
    place = pixels.clamp(0, 1) * (size - 1)
    low = place.long().clamp(max=size - 2)
    share, order = (place - low).sort(1, descending=True)
    steps = torch.tensor([1, size, size**2], device=lut.device)  # to the next red, green and blue
    corner = (low * steps.view(1, 3, 1, 1)).sum(1, keepdim=True)
    corners = torch.cat([corner, corner + steps[order].cumsum(1)], 1).flatten(2)  # four of the cell's eight
    shares = torch.cat([1 - share[:, :1], share[:, :2] - share[:, 1:], share[:, 2:]], 1).flatten(2)
    found = (
        lut.flatten(2)[:, :, None].expand(-1, -1, 4, -1).gather(3, corners[:, None].expand(-1, lut.shape[1], -1, -1))
    )
    return (found * shares[:, None]).sum(2).view(len(pixels), lut.shape[1], *pixels.shape[2:])


INTERPOLATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "trilinear": apply_lut,
    "tetrahedral": apply_tetrahedral,
}


class Stage(NamedTuple):
    """A 1-D table for each channel, ``(3, K)``, or a 3-D table ``(3, B, G, R)``, and the colours that it covers."""

    values: Tensor
    low: Tensor  # (3,): the input at the first point of each axis
    high: Tensor  # (3,): the input at the last point


class ColorTable(NamedTuple):
    """Tables that are applied one after the other. Colours that a table does not cover take those of its border."""

    stages: tuple[Stage, ...]

    def __call__(self, pixels: Tensor, interpolation: str = "trilinear") -> Tensor:
        """Map ``(N, 3, H, W)``; the result has the same shape and may exceed [0, 1]."""
        for stage in self.stages:
            low, high = (border.to(pixels).view(1, 3, 1, 1) for border in stage[1:])
            place, values = (
                (pixels - low) / (high - low),
                stage.values.to(pixels)[None].expand(len(pixels), -1, *stage.values.shape[1:]),
            )
            look_up = through_curves if values.ndim == 3 else INTERPOLATIONS[interpolation]
            pixels = look_up(values, place)
        return pixels

    @property
    def size(self) -> int:
        """The points per axis of the 3-D table that stands for all stages: exact for a single one from 0 to 1."""
        (first, low, high), *others = self.stages
        plain = not others and first.ndim == 4 and bool((low == 0).all() and (high == 1).all())
        return first.shape[-1] if plain else LUT_SIZE


def table_of(values: Tensor, low: float = 0.0, high: float = 1.0) -> ColorTable:
    """A table of one stage."""
    return ColorTable((Stage(values, torch.full((3,), low), torch.full((3,), high)),))


def hald_clut(picture: Image.Image) -> ColorTable | None:
    """The table in an RGB ``picture`` that is a Hald CLUT; None for any other picture.

    A Hald CLUT of level L is a square of side L³ that holds a 3-D table of L² points per axis, red varying fastest. A
    photo may have that size too. So each row must repeat itself, as the red of the input goes from 0 to 1 L times in it.
    """
    level = round(picture.width ** (1 / 3))
    if picture.size != (level**3, level**3) or not 2 <= level <= 16:
        return None
    size = level**2
    pixels = np.asarray(picture, np.float32)
    changes = (pixels - pixels.mean(1, keepdims=True)).reshape(-1, level, size, 3)
    repeated = level * float((changes.mean(1) ** 2).sum()) / (float((changes**2).sum()) or 1.0)
    if repeated <= _HALD + (1 - _HALD) / level:  # noise reaches 1 / level
        return None
    return table_of(to_tensor(picture)[0].view(3, size, size, size))
