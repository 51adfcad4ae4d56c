"""Conditional instance normalisation: one network, one pair of rows a style.

Dumoulin, Shlens & Kudlur 2017, "A Learned Representation For Artistic Style" (arXiv 1610.07629), equation 5.
"""

import torch
import torch.nn.functional as F
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
        scale, shift = mix @ self.scale.float(), mix @ self.shift.float()
        if x.device.type == "mps":  # no mixed dtypes there
            variance, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0)
            return self.apply_statistics(x, mean, variance, mix)
        # Batch normalisation of a single picture is instance normalisation, and torch's is fused: on a CPU a picture of
        # 1024 pixels takes half as long as with separate passes for the statistics, the scale and the shift.
        items = zip(torch.split(x, 1), scale, shift, strict=True)
        results = [F.batch_norm(item, None, None, w, b, training=True, eps=EPSILON) for item, w, b in items]
        return results[0] if len(results) == 1 else torch.cat(results)

    def apply_statistics(self, x: Tensor, mean: Tensor, variance: Tensor, mix: Tensor) -> Tensor:
        """The same with ``mean`` and ``variance`` ``(N, C)`` given: a tile is normalised with its whole picture's."""
        factor = (mix @ self.scale.float()) / (variance + EPSILON).sqrt()
        offset = (mix @ self.shift.float()) - mean * factor
        return torch.addcmul(offset[:, :, None, None].to(x.dtype), x, factor[:, :, None, None].to(x.dtype))
