"""Gram matrices of masked regions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.parts.perceptual.vgg import VGG

FAINT = 0.02  # smaller mask values count as outside


@dataclass(frozen=True)
class MaskIndices:
    """A mask at the size of a layer, as a list of the positions inside."""

    index: Tensor  # (P,): positions in the mask
    weight: Tensor  # (P, 1): the mask's values there
    share: Tensor  # scalar: the mask's mean value

    @classmethod
    def of(cls, mask: Tensor) -> "MaskIndices":
        """From a mask ``(1, 1, h, w)`` in [0, 1]."""
        flat = mask.float().flatten()
        index = (flat > FAINT).nonzero().flatten()
        return cls(index, flat[index, None], flat.mean())


def masked_grams(features: Tensor, regions: Sequence[MaskIndices]) -> list[Tensor]:
    """The Gram matrices of features ``(1, C, h, w)`` within each of ``regions``: ``(1, C, C)`` each, in float32.

    Luan et al. 2017, equation 5, divided by the sum of the squared mask, so that masks of different size can be
    compared. Only positions inside a mask are multiplied, so all regions together cost little more than one Gram matrix.
    """
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    with torch.autocast(features.device.type, enabled=False):
        grams: Tensor = _MaskedGrams.apply(flat if flat.dtype == torch.bfloat16 else flat.float(), regions)
    return [gram[None] for gram in grams]


class _MaskedGrams(torch.autograd.Function):
    """``(positions, C)`` to ``(regions, C, C)``."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, regions: Sequence[MaskIndices]) -> Tensor:
        ctx.save_for_backward(flat)
        ctx.regions = regions
        grams = []
        for places in regions:
            inside = flat.index_select(0, places.index).mul_(places.weight.to(flat.dtype))
            grams.append((inside.T @ inside).float() / places.weight.square().sum().clamp_min(1e-6))
        return torch.stack(grams)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (flat,) = ctx.saved_tensors
        result = torch.zeros_like(flat)
        for places, gradient in zip(ctx.regions, gradients[0], strict=True):
            total = (gradient + gradient.T) / places.weight.square().sum().clamp_min(1e-6)
            inside = flat.index_select(0, places.index) @ total.to(flat.dtype)
            inside *= places.weight.square().to(flat.dtype)
            # A position occurs once per region, so indexed assignment adds correctly.
            result[places.index] = result.index_select(0, places.index) + inside
        return result, None


def mask_pyramid(mask: Tensor, network: VGG, layers: Iterable[str]) -> dict[str, MaskIndices]:
    """``mask`` ``(1, 1, H, W)`` at the size of each of ``layers``: halved by every pooling, averaged over 3x3 by every
    convolution, like the features.
    """
    found = {}
    for name in network.widths:
        if name.endswith("_1") and name != "1_1":
            mask = F.avg_pool2d(mask, 2)
        mask = F.avg_pool2d(mask, 3, stride=1, padding=1, count_include_pad=False)
        found[name] = mask
    return {layer: MaskIndices.of(found[layer[4:]]) for layer in layers}
