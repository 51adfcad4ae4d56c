"""Perceptual losses, each relative to the size of its target so that every painting weighs the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.parts.vgg import VGG

CONTENT_LAYER = "relu3_3"
FAINT = 0.02  # what counts as outside of a mask
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


def gram_matrix(features: Tensor) -> Tensor:
    """Channel correlations ``F F^T / (H W)`` of features ``(N, C, H, W)``: ``(N, C, C)``, always in float32.

    Gatys et al. 2016, equation 3, divided by the number of positions so that pictures of any size compare.
    """
    flat = features.permute(0, 2, 3, 1).flatten(1, 2)
    # float16 overflows in a sum over a million positions; bfloat16 does not, and is several times as fast on a CPU.
    with torch.autocast(features.device.type, enabled=False):
        gram: Tensor = _Gram.apply(flat if flat.dtype == torch.bfloat16 else flat.float())
    return gram


class _Gram(torch.autograd.Function):
    """``(N, positions, C)`` to ``(N, C, C)``, with a gradient of one product instead of autograd's two and a sum."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor) -> Tensor:
        ctx.save_for_backward(flat)
        n, positions, channels = flat.shape
        # Parts of the sum, each rounded once, added up in float32: bfloat16 is then good to 0.1 %.
        parts = next(
            p for p in (64, 32, 16, 8, 4, 2, 1) if p == 1 or (positions % p == 0 and positions >= 4 * p * channels)
        )
        cut = flat.reshape(n * parts, positions // parts, channels)
        products = torch.bmm(cut.transpose(1, 2), cut).float()
        return products.view(n, parts, channels, channels).sum(1) / positions

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        gradient = (gradients[0] + gradients[0].transpose(1, 2)) / flat.shape[1]
        return torch.bmm(flat, gradient.to(flat.dtype))


def relative_error(result: Tensor, target: Tensor, floor: float = 1e-12) -> Tensor:
    """Mean squared difference over the mean square of ``target``, for each item of the batch: ``(N,)`` >= 0.

    ``floor`` is the least the target counts as: a crop of empty sky would weigh a hundred others without it.
    """
    axes = tuple(range(1, target.ndim))
    target = target.float()
    error: Tensor = (result.float() - target).square().mean(axes) / target.square().mean(axes).clamp_min(floor)
    return error


def style_distances(features: Mapping[str, Tensor], grams: Mapping[str, Tensor]) -> Tensor:
    """Relative Gram error at each layer of ``grams``, in its order: ``(layers, N)``.

    ``grams[layer]`` is ``(N, C, C)`` or ``(1, C, C)``. Dividing by the painting's own energy is the balanced style
    loss of Cheng et al. 2021 ("Style-Aware Normalized Loss", arXiv 2104.10064) with the target's norm alone.
    """
    return torch.stack(
        [
            relative_error(gram_matrix(features[layer]), grams[layer].expand(features[layer].shape[0], -1, -1))
            for layer in grams
        ]
    )


def balanced_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared difference over the energy of both sides, ``(N,)`` in [0, 2]: no target is so small that it weighs all.

    Cheng et al. 2021, "Style-Aware Normalized Loss" (arXiv 2104.10064).
    """
    axes = tuple(range(1, wanted.ndim))
    found, wanted = found.float(), wanted.float()
    energy = found.square().sum(axes).detach() + wanted.square().sum(axes)
    error: Tensor = (found - wanted).square().sum(axes) / energy.clamp_min(1e-8)
    return 2 * error


def colour_moments(pictures: Tensor) -> Tensor:
    """First and second moments of the colours of ``(N, 3, H, W)``: the Gram matrix of R, G, B and 1, ``(N, 4, 4)``."""
    return gram_matrix(F.pad(pictures.float(), (0, 0, 0, 0, 0, 1), value=1.0))


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels of ``(N, 3, H, W)`` in [0, 1]: ``(N,)``."""
    rows = (image[..., 1:, :] - image[..., :-1, :]).float().square().mean((1, 2, 3))
    columns = (image[..., :, 1:] - image[..., :, :-1]).float().square().mean((1, 2, 3))
    return rows + columns


@dataclass(frozen=True)
class Places:
    """Where a mask is on a layer of features: the positions that are in it, how much each, its share of all."""

    index: Tensor  # (P,)
    weight: Tensor  # (P, 1)
    share: Tensor  # scalar

    @classmethod
    def of(cls, mask: Tensor) -> "Places":
        """Of ``(1, 1, h, w)`` in [0, 1]."""
        flat = mask.float().flatten()
        index = (flat > FAINT).nonzero().flatten()
        return cls(index, flat[index, None], flat.mean())


def masked_grams(features: Tensor, regions: Sequence[Places]) -> list[Tensor]:
    """The Gram matrices of features ``(1, C, h, w)`` within each of ``regions``: ``(1, C, C)`` each, in float32.

    Luan et al. 2017, equation 5, over a mask's mean square, so that masks of any size compare. Only the positions in a
    mask are multiplied, so that all the regions of a picture together cost little more than one Gram matrix.
    """
    flat = features.permute(0, 2, 3, 1).flatten(0, 2)
    with torch.autocast(features.device.type, enabled=False):
        grams: Tensor = _MaskedGrams.apply(flat if flat.dtype == torch.bfloat16 else flat.float(), regions)
    return [gram[None] for gram in grams]


class _MaskedGrams(torch.autograd.Function):
    """``(positions, C)`` to ``(regions, C, C)``."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, regions: Sequence[Places]) -> Tensor:
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
            # Positions are in a region once, so adding is reading, adding and writing.
            result[places.index] = result.index_select(0, places.index) + inside
        return result, None


def pyramid(mask: Tensor, network: VGG, layers: Iterable[str]) -> dict[str, Places]:
    """``mask`` ``(1, 1, H, W)`` as the network would see it at each of ``layers``.

    Halved at every pooling, blurred over 3x3 by every convolution.
    """
    found = {}
    for name in network.widths:
        if name.endswith("_1") and name != "1_1":
            mask = F.avg_pool2d(mask, 2)
        mask = F.avg_pool2d(mask, 3, stride=1, padding=1, count_include_pad=False)
        found[name] = mask
    return {layer: Places.of(found[layer[4:]]) for layer in layers}
