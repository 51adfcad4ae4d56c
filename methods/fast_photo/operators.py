"""Random changes of colour for training, like those of sliders, presets and LUTs in a photo editor.

Self-supervised colour transfer after Ke et al. 2023, "Neural Preset for Color Style Transfer" (arXiv 2303.13511). The
kinds in ``HELD_OUT`` are for evaluation only.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from methods.fast_photo.lut import apply_lut, identity_lut
from methods.parts.color import LUMA, from_linear, mixed, to_linear

Operator = Callable[[Tensor], Tensor]  # sRGB (N, 3, H, W) in [0, 1] to the same
Kind = Callable[[np.random.Generator], Operator]


def _luma(pixels: Tensor) -> Tensor:
    return mixed(torch.tensor([LUMA]), pixels)


def exposure(rng: np.random.Generator) -> Operator:
    """Up to one and a half stops in linear light; highlights are compressed."""
    gain = float(2 ** rng.uniform(-1.5, 1.2))

    def operator(pixels: Tensor) -> Tensor:
        light = to_linear(pixels) * gain
        return from_linear(light / (1 + max(0.0, gain - 1) * light / gain) if gain > 1 else light)

    return operator


def contrast(rng: np.random.Generator) -> Operator:
    """A larger or smaller slope around a middle grey."""
    slope, pivot = float(rng.uniform(0.55, 1.6)), float(rng.uniform(0.35, 0.6))
    return lambda pixels: pivot + (pixels - pivot) * slope


def tone_curve(rng: np.random.Generator) -> Operator:
    """One smooth rising curve for all channels; its ends may be lifted or lowered."""
    curve = _rising(rng, 5)
    return lambda pixels: _through(curve, pixels)


def white_balance(rng: np.random.Generator) -> Operator:
    """Gains of R, G and B in linear light: warm or cold, green or magenta."""
    warmth, tint = rng.normal(0, 0.28), rng.normal(0, 0.1)
    gains = torch.tensor([np.exp(warmth), np.exp(tint), np.exp(-warmth)], dtype=torch.float32).view(1, 3, 1, 1)
    return lambda pixels: from_linear((to_linear(pixels) * gains).clamp(0, 1))


def saturation(rng: np.random.Generator) -> Operator:
    """From grey to vivid."""
    amount = float(rng.choice([0.0, rng.uniform(0.2, 1), rng.uniform(1, 1.8)], p=[0.08, 0.52, 0.4]))
    return lambda pixels: torch.lerp(_luma(pixels).expand_as(pixels), pixels, amount)


def split_toning(rng: np.random.Generator) -> Operator:
    """One tint for the shadows, another for the highlights."""
    tints = torch.from_numpy(rng.normal(0, 0.09, (2, 3, 1, 1)).astype(np.float32))

    def operator(pixels: Tensor) -> Tensor:
        light = _luma(pixels)
        return pixels + tints[:1] * (1 - light).square() + tints[1:] * light.square()

    return operator


def channel_mixing(rng: np.random.Generator) -> Operator:
    """A matrix near the identity."""
    matrix = torch.from_numpy((np.eye(3) + rng.normal(0, 0.12, (3, 3))).astype(np.float32))
    return lambda pixels: mixed(matrix, pixels)


def colour_table(rng: np.random.Generator) -> Operator:
    """A smooth random 3-D table."""
    coarse = torch.from_numpy(rng.normal(0, rng.uniform(0.03, 0.11), (1, 3, 4, 4, 4)).astype(np.float32))
    lut = identity_lut(9)[None] + F.interpolate(coarse, (9, 9, 9), mode="trilinear", align_corners=True)
    return lambda pixels: apply_lut(lut.expand(len(pixels), -1, -1, -1, -1), pixels)


def hue_rotation(rng: np.random.Generator) -> Operator:
    """A rotation of all hues around the grey axis by 8 to 25 degrees."""
    angle = float(np.radians(rng.uniform(8, 25) * rng.choice([-1, 1])))
    axis = np.full(3, 3**-0.5)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    matrix = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * np.outer(axis, axis)
    turned = torch.from_numpy(matrix.astype(np.float32))
    return lambda pixels: mixed(turned, pixels)


def sepia(rng: np.random.Generator) -> Operator:
    """Part of the way to a brown print."""
    print_ = torch.tensor([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    amount = float(rng.uniform(0.3, 0.9))
    return lambda pixels: torch.lerp(pixels, mixed(print_, pixels), amount)


def channel_gammas(rng: np.random.Generator) -> Operator:
    """A power for each channel."""
    powers = torch.from_numpy(np.exp(rng.uniform(-0.5, 0.5, (1, 3, 1, 1))).astype(np.float32))
    return lambda pixels: pixels.clamp_min(1e-4) ** powers


def film(rng: np.random.Generator) -> Operator:
    """Cross-processed slide film: an S-curve for each channel, lifted blacks, tinted whites."""
    steep = torch.from_numpy(rng.uniform(3, 7, (1, 3, 1, 1)).astype(np.float32))
    middle = torch.from_numpy(rng.uniform(0.4, 0.6, (1, 3, 1, 1)).astype(np.float32))
    low = torch.from_numpy(rng.uniform(0, 0.15, (1, 3, 1, 1)).astype(np.float32))
    high = torch.from_numpy(rng.uniform(0.85, 1, (1, 3, 1, 1)).astype(np.float32))

    def operator(pixels: Tensor) -> Tensor:
        start, end = torch.sigmoid(-steep * middle), torch.sigmoid(steep * (1 - middle))
        return low + (high - low) * (torch.sigmoid(steep * (pixels - middle)) - start) / (end - start)

    return operator


TRAINED: tuple[Kind, ...] = (
    exposure,
    contrast,
    tone_curve,
    white_balance,
    saturation,
    split_toning,
    channel_mixing,
    colour_table,
)
HELD_OUT: tuple[Kind, ...] = (hue_rotation, sepia, channel_gammas, film)


def draw(rng: np.random.Generator, kinds: tuple[Kind, ...] = TRAINED, most: int = 3) -> Operator:
    """An operator that applies one to ``most`` of ``kinds`` in a row and clamps to [0, 1] after each."""
    chosen = rng.choice(len(kinds), size=int(rng.integers(1, min(most, len(kinds)) + 1)), replace=False)
    steps = [kinds[index](rng) for index in chosen]

    def operator(pixels: Tensor) -> Tensor:
        for step in steps:
            pixels = step(pixels).clamp(0, 1)
        return pixels

    return operator


def _rising(rng: np.random.Generator, knots: int) -> Tensor:
    """A rising curve from about 0 to about 1 at 65 points, through ``knots`` random steps."""
    heights = np.concatenate([[0], np.cumsum(np.exp(rng.normal(0, 0.6, knots)))])
    heights = rng.uniform(0, 0.12) + heights / heights[-1] * rng.uniform(0.82, 1.05)
    curve = torch.from_numpy(heights.astype(np.float32))[None, None]
    fine = F.interpolate(curve, 65, mode="linear", align_corners=True)
    return F.avg_pool1d(F.pad(fine, (6, 6), mode="replicate"), 13, 1)[0, 0]


def _through(curve: Tensor, pixels: Tensor) -> Tensor:
    """Apply ``curve``, given at equal steps from 0 to 1, to ``pixels``."""
    place = pixels.clamp(0, 1) * (len(curve) - 1)
    low = place.long().clamp(max=len(curve) - 2)
    return torch.lerp(curve[low], curve[low + 1], place - low)
