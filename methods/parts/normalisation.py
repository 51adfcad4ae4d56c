"""Conditional instance normalisation: one network, one pair of rows a style.

Dumoulin, Shlens & Kudlur 2017, "A Learned Representation For Artistic Style" (arXiv 1610.07629), equation 5.
"""

import torch
from torch import Tensor, nn

EPSILON = 1e-5


class ConditionalInstanceNorm(nn.Module):
    """``z = scale_s * (x - mean(x)) / std(x) + shift_s`` with mean and deviation over each channel's own pixels.

    ``scale`` and ``shift`` are ``(styles, channels)``: they are all that a style costs.
    """

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Tensor, mix: Tensor) -> Tensor:
        """``x`` is ``(N, C, H, W)``; ``mix`` is ``(N, styles)``, the share of every style: one-hot for a single one."""
        variance, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0)
        return self.apply_statistics(x, mean, variance, mix)

    def apply_statistics(self, x: Tensor, mean: Tensor, variance: Tensor, mix: Tensor) -> Tensor:
        """The same with ``mean`` and ``variance`` ``(N, C)`` given: a tile is normalised with its whole picture's."""
        factor = (mix @ self.scale.float()) / (variance + EPSILON).sqrt()
        offset = (mix @ self.shift.float()) - mean * factor
        return x * factor[:, :, None, None].to(x.dtype) + offset[:, :, None, None].to(x.dtype)
