"""Optimal transport of one colour distribution to another in closed form: mean and covariance, then quantiles.

Pitie & Kokaram 2007, "The Linear Monge-Kantorovitch Linear Colour Mapping for Example-Based Colour Transfer".
"""

from typing import NamedTuple

import torch
from torch import Tensor

QUANTILES = 17
CURVE = 33  # points of a curve
LEAST_SPREAD = 0.08  # least standard deviation of a style's lightness: a style of one colour only tints a photo
STEEPEST = 3.0  # largest factor of the linear map
NOISE = 0.01  # standard deviation added to every photo, so that flat colours are not amplified
BANDWIDTH = 0.06  # of the kernel that makes a curve from quantiles, in units of the channel

# R, G, B, lightness, red against green, blue against yellow.
PROJECTIONS = torch.tensor(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3], [0.5, -0.5, 0], [-0.25, -0.25, 0.5]], dtype=torch.float32
)


class Moments(NamedTuple):
    """Mean ``(N, 3)`` and covariance ``(N, 3, 3)`` of colours."""

    mean: Tensor
    covariance: Tensor


def moments(pixels: Tensor) -> Moments:
    """The moments of ``(N, 3, H, W)``."""
    flat = pixels.flatten(2)
    mean = flat.mean(2)
    centred = flat - mean[:, :, None]
    return Moments(mean, centred @ centred.transpose(1, 2) / flat.shape[2])


def monge_kantorovitch(content: Moments, style: Moments) -> tuple[Tensor, Tensor]:
    """Matrix ``(N, 3, 3)`` and offset ``(N, 3)`` that give ``content`` the mean and covariance of ``style``.

    Of all such linear maps this one moves colours least; it is symmetric and positive semidefinite.
    """
    grey = torch.full((3, 1), 3**-0.5).to(style.mean)
    spread = (grey.T @ style.covariance @ grey).clamp_min(0)
    wanted = style.covariance + (LEAST_SPREAD**2 - spread).clamp_min(0) * (grey @ grey.T)
    own = content.covariance + NOISE**2 * torch.eye(3).to(wanted)
    root, inverse = _root(own)
    middle, _ = _root(root @ wanted @ root)
    matrix = inverse @ middle @ inverse
    values, vectors = torch.linalg.eigh((matrix + matrix.transpose(1, 2)) / 2)
    matrix = vectors @ torch.diag_embed(values.clamp(0, STEEPEST)) @ vectors.transpose(1, 2)
    return matrix, style.mean - torch.einsum("nij,nj->ni", matrix, content.mean)


def quantiles(pixels: Tensor) -> Tensor:
    """``Q`` quantiles of the colours of ``(N, 3, H, W)`` along six directions, see ``PROJECTIONS``: ``(N, 6, Q)``."""
    flat = pixels[:, :, ::2, ::2].flatten(2)
    ordered = (PROJECTIONS.to(flat) @ flat).sort(2).values
    places = torch.linspace(0.01, 0.99, QUANTILES) * (ordered.shape[2] - 1)
    return ordered[:, :, places.round().long().to(ordered.device)]


def curves_between(own: Tensor, wanted: Tensor) -> Tensor:
    """Curves of offsets that move the quantiles ``own`` to ``wanted``, ``(N, C, Q)`` both: ``(N, C, CURVE)``.

    A curve gives offsets at equal steps from 0 to 1. It is 0 where no quantile is near; ``BANDWIDTH`` limits its slope.
    """
    steps = torch.linspace(0, 1, CURVE).to(own)
    near = torch.exp(-0.5 * ((steps[:, None] - own[:, :, None]) / BANDWIDTH).square())  # (N, C, CURVE, Q)
    return (near * (wanted - own)[:, :, None]).sum(3) / (near.sum(3) + 0.3)


def through_curves(curves: Tensor, pixels: Tensor) -> Tensor:
    """The values of ``curves`` ``(N, C, K)``, given at equal steps from 0 to 1, at ``pixels`` ``(N, C, ...)``: same shape."""
    count = curves.shape[2]
    place = pixels.flatten(2).clamp(0, 1) * (count - 1)
    low = place.detach().long().clamp(0, count - 2)  # clamp also turns the index of a NaN into a valid one
    found = torch.lerp(curves.gather(2, low), curves.gather(2, low + 1), place - low)
    return found.view(pixels.shape)


def _root(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of a symmetric positive matrix, and its inverse."""
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp_min(1e-8).sqrt()
    root = vectors @ torch.diag_embed(values) @ vectors.transpose(1, 2)
    return root, vectors @ torch.diag_embed(1 / values) @ vectors.transpose(1, 2)
