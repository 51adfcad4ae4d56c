"""Structural similarity (SSIM) of two pictures, and edge maps to compare with it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.images.tensors import LUMA


def edge_map(image: Tensor) -> Tensor:
    """Length of the Sobel gradient of the lightness of ``(N, 3, H, W)`` in [0, 1]: ``(N, 1, H, W)`` in [0, 1]."""
    grey = (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    sobel = grey.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4
    kernels = torch.stack([sobel, sobel.T])[:, None]
    gradient = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels)
    return gradient.square().sum(1, keepdim=True).sqrt().clamp(max=1)


def structural_similarity(a: Tensor, b: Tensor) -> Tensor:
    """SSIM (Wang et al. 2004) of ``(N, 1, H, W)`` in [0, 1]: ``(N,)``."""
    return similarity_map(a, b).mean((1, 2, 3))


def similarity_map(a: Tensor, b: Tensor) -> Tensor:
    """SSIM at every pixel, with an 11x11 Gaussian window of standard deviation 1.5: ``(N, 1, H, W)``."""
    offsets = torch.arange(11, dtype=a.dtype, device=a.device) - 5
    bell = torch.exp(-offsets.square() / (2 * 1.5**2))
    window = torch.outer(bell, bell) / bell.sum().square()

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, window[None, None], padding=5)

    mean_a, mean_b = blur(a), blur(b)
    variance_a = blur(a * a) - mean_a.square()
    variance_b = blur(b * b) - mean_b.square()
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return ssim / ((mean_a.square() + mean_b.square() + c1) * (variance_a + variance_b + c2))
