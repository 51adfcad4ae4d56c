"""Perceptual losses. Each is relative to the energy of its target, so that all paintings weigh the same."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.parts.color import LUMA, mixed

CONTENT_LAYER = "relu3_3"


STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


def gram_matrix(features: Tensor) -> Tensor:
    """The Gram matrix ``F F^T / (H W)`` of features ``(N, C, H, W)``: ``(N, C, C)``, always in float32.

    Gatys et al. 2016, equation 3, divided by the number of positions, so that pictures of different size can be compared.
    """
    flat = features.permute(0, 2, 3, 1).flatten(1, 2)
    # A sum over a million positions overflows float16, but not bfloat16, which is several times as fast on a CPU.
    with torch.autocast(features.device.type, enabled=False):
        gram: Tensor = _Gram.apply(flat if flat.dtype == torch.bfloat16 else flat.float())
    return gram


class _Gram(torch.autograd.Function):
    """``(N, positions, C)`` to ``(N, C, C)``. The gradient needs one product; autograd needs two and a sum."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor) -> Tensor:
        ctx.save_for_backward(flat)
        n, positions, channels = flat.shape
        # Sum parts in bfloat16 and add them in float32: the result is precise to 0.1 %.
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
    """Mean squared difference divided by the mean square of ``target``, for each item of the batch: ``(N,)`` >= 0.

    ``floor`` is the least divisor: without it a crop of empty sky would weigh as much as a hundred others.
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
    """Squared difference divided by the energy of both sides, ``(N,)`` in [0, 2]: small targets do not dominate.

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
    """Total variation: mean squared difference of neighbouring pixels of ``(N, 3, H, W)`` in [0, 1]: ``(N,)``."""
    rows = (image[..., 1:, :] - image[..., :-1, :]).float().square().mean((1, 2, 3))
    columns = (image[..., :, 1:] - image[..., :, :-1]).float().square().mean((1, 2, 3))
    return rows + columns


def large_lights(pictures: Tensor) -> Tensor:
    """The lightness of ``(N, 3, H, W)`` in cells of 16 pixels, normalised to mean 0, deviation 1: ``(N, 1, H/16, W/16)``."""
    cells = F.avg_pool2d(mixed(torch.tensor([LUMA]), pictures.float()), 16)
    variance, mean = torch.var_mean(cells, dim=(1, 2, 3), keepdim=True, correction=0)
    return (cells - mean) / (variance + 1e-3).sqrt()
