"""Colour spaces (linear light, CIE L*a*b*) and two classic colour transfers, as baselines.

All functions take and return ``(N, 3, ...)`` in float32; sRGB is in [0, 1], L* in [0, 100].
"""

import torch
from torch import Tensor

from hub.images import LUMA as LUMA  # for stored, not for linear sRGB

# IEC 61966-2-1: linear sRGB to XYZ, divided by the white point D65.
_XYZ = torch.tensor([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_TO_XYZ = _XYZ / _XYZ.sum(1, keepdim=True)
_FROM_XYZ = torch.linalg.inv(_TO_XYZ)
# f(X), f(Y), f(Z) to L*, a*, b*, before 16 is subtracted from L*.
_TO_LAB = torch.tensor([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])
_FROM_LAB = torch.linalg.inv(_TO_LAB)
_KNEE = 6 / 29


def mixed(matrix: Tensor, pixels: Tensor) -> Tensor:
    """Multiply every pixel of ``(N, C, ...)`` by ``matrix`` ``(K, C)`` or ``(N, K, C)``: ``(N, K, ...)``."""
    flat = matrix.to(pixels) @ pixels.flatten(2)
    return flat.view(len(pixels), -1, *pixels.shape[2:])


def to_linear(srgb: Tensor) -> Tensor:
    """Linear light of sRGB, both in [0, 1]."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp_min(0.04) + 0.055) / 1.055) ** 2.4)


def from_linear(linear: Tensor) -> Tensor:
    """The sRGB of linear light, both in [0, 1]."""
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0.003) ** (1 / 2.4) - 0.055)


def to_lab(srgb: Tensor) -> Tensor:
    """CIE 1976 L*a*b* with white point D65; differentiable everywhere, also at black."""
    xyz = mixed(_TO_XYZ, to_linear(srgb))
    f = torch.where(xyz > _KNEE**3, xyz.clamp_min(0.008) ** (1 / 3), xyz / (3 * _KNEE**2) + 4 / 29)
    lab = mixed(_TO_LAB, f)
    return lab - lab.new_tensor([16.0, 0, 0]).view(1, 3, *[1] * (lab.ndim - 2))


def from_lab(lab: Tensor) -> Tensor:
    """The sRGB of L*a*b*, clamped to [0, 1]."""
    f = mixed(_FROM_LAB, lab + lab.new_tensor([16.0, 0, 0]).view(1, 3, *[1] * (lab.ndim - 2)))
    xyz = torch.where(f > _KNEE, f**3, 3 * _KNEE**2 * (f - 4 / 29))
    return from_linear(mixed(_FROM_XYZ, xyz).clamp(0, 1)).clamp(0, 1)


def lab_difference(a: Tensor, b: Tensor) -> Tensor:
    """CIE76 difference at every pixel of sRGB colours ``(N, 3, ...)``: ``(N, ...)``; 2.3 is just noticeable."""
    return ((to_lab(a) - to_lab(b)).square().sum(1) + 1e-6).sqrt()


def reinhard(content: Tensor, style: Tensor) -> Tensor:
    """``content`` with the mean and standard deviation of ``style`` in each channel of L*a*b*.

    Reinhard et al. 2001, "Color Transfer between Images". The paper uses l-alpha-beta; most implementations use L*a*b*.
    """
    own, other = to_lab(content), to_lab(style)
    axes = tuple(range(2, content.ndim))
    deviation, mean = torch.std_mean(own, axes, keepdim=True)
    wanted, target = torch.std_mean(other, tuple(range(2, style.ndim)), keepdim=True)
    return from_lab((own - mean) * (wanted / deviation.clamp_min(1e-4)) + target)


def match_histograms(content: Tensor, style: Tensor) -> Tensor:
    """``content`` ``(1, 3, H, W)`` with the histograms of ``style`` ``(1, 3, h, w)``, 256 levels for each of R, G and B."""
    result = torch.empty_like(content)
    for channel in range(3):
        levels = (content[0, channel] * 255).round().long()
        own = torch.bincount(levels.flatten(), minlength=256).double().cumsum(0) / levels.numel()
        wanted = (style[0, channel] * 255).round().long()
        other = torch.bincount(wanted.flatten(), minlength=256).double().cumsum(0) / wanted.numel()
        curve = torch.searchsorted(other, own - 1e-9).clamp(max=255).to(content.dtype) / 255
        result[0, channel] = curve[levels]
    return result
