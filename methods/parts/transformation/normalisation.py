"""Conditional instance normalisation: one network, one row of scales and one of shifts per style.

Dumoulin, Shlens & Kudlur 2017, "A Learned Representation For Artistic Style" (arXiv 1610.07629), equation 5.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-5


class SpatialBlend(NamedTuple):
    """Two mixes of styles, ``(N, styles)`` each: ``one`` where ``where`` ``(N, 1, H, W)`` is 1, ``two`` where it is 0."""

    one: Tensor
    two: Tensor
    where: Tensor


class ConditionalInstanceNorm(nn.Module):
    """``z = scale_s * (x - mean(x)) / std(x) + shift_s`` with mean and standard deviation over each channel's pixels.

    ``scale`` and ``shift`` are ``(styles, channels)``. A style has no other parameters.
    """

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Tensor, mix: Tensor | SpatialBlend, overwrite: bool = False) -> Tensor:
        """``x`` is ``(N, C, H, W)``; ``mix`` is ``(N, styles)``, the share of every style: one-hot for a single one.

        With a ``SpatialBlend``, scale and shift are blended at every pixel. ``overwrite``: ``x`` is not needed any more.
        """
        if isinstance(mix, SpatialBlend):
            where = F.adaptive_avg_pool2d(mix.where, (x.shape[2], x.shape[3])).to(x.dtype)
            return torch.lerp(self(x, mix.two), self(x, mix.one), where)
        if x.device.type == "mps" or (x.device.type == "cpu" and not torch.is_grad_enabled()):
            pairs = [statistics(item) for item in torch.split(x, 1)]
            mean, variance = (torch.stack(values) for values in zip(*pairs, strict=True))
            return self.apply_statistics(x, mean, variance, mix, overwrite)
        # Batch normalisation of a single picture is instance normalisation; torch has a fused version of it.
        scale, shift = mix @ self.scale.float(), mix @ self.shift.float()
        items = zip(torch.split(x, 1), scale, shift, strict=True)
        results = [F.batch_norm(item, None, None, w, b, training=True, eps=EPSILON) for item, w, b in items]
        return results[0] if len(results) == 1 else torch.cat(results)

    def apply_statistics(
        self, x: Tensor, mean: Tensor, variance: Tensor, mix: Tensor, overwrite: bool = False
    ) -> Tensor:
        """The same with given ``mean`` and ``variance`` ``(N, C)``: tiles need the statistics of the whole picture."""
        # Autocast multiplies in half precision; a teacher paints within it.
        scale, shift = (mix @ self.scale.float()).float(), (mix @ self.shift.float()).float()
        if x.device.type == "cpu":
            items = zip(torch.split(x, 1), mean, variance, scale, shift, strict=True)
            if overwrite and x.is_contiguous(memory_format=torch.channels_last):
                for item in items:
                    _normalise(*item)
                return x
            results = [_normalised(*item) for item in items]
            return results[0] if len(results) == 1 else torch.cat(results)
        factor = scale / (variance + EPSILON).sqrt()
        offset = shift - mean * factor
        return torch.addcmul(offset[:, :, None, None].to(x.dtype), x, factor[:, :, None, None].to(x.dtype))


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel of ``(1, C, H, W)``: ``(C,)`` each, float32."""
    if x.device.type != "cpu":
        variance, mean = torch.var_mean(x[0].float(), dim=(1, 2), correction=0)
        return mean, variance
    seen, pixels = _side_by_side(x)
    # The returned values have the precision of x; the updated ones are float32, with the variance of a sample.
    means, variances = torch.zeros(2, seen.shape[1])
    torch.batch_norm_update_stats(seen, means, variances, 1.0)
    count = seen[0, 0].numel()
    means, variances = means.view(pixels, -1), variances.view(pixels, -1) * ((count - 1) / count)
    mean = means.mean(0)
    return mean, variances.mean(0) + (means - mean).square().mean(0)


def _normalised(x: Tensor, mean: Tensor, variance: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    seen, pixels = _side_by_side(x)
    mean, variance, scale, shift = (t.repeat(pixels) for t in (mean, variance, scale, shift))
    result = F.batch_norm(seen, mean, variance, scale, shift, training=False, eps=EPSILON)
    return result.permute(0, 2, 3, 1).reshape(1, *x.shape[2:], x.shape[1]).permute(0, 3, 1, 2)


def _normalise(x: Tensor, mean: Tensor, variance: Tensor, scale: Tensor, shift: Tensor) -> None:
    """The same in place: a new large map arrives page by page, which takes several times as long as the arithmetic."""
    seen, pixels = _side_by_side(x)
    mean, variance, scale, shift = (t.repeat(pixels) for t in (mean, variance, scale, shift))
    unused = {"save_mean": mean.new_empty(0), "save_invstd": mean.new_empty(0)}
    torch.ops.aten.native_batch_norm.out(seen, scale, shift, mean, variance, False, 0.0, EPSILON, out=seen, **unused)


def _side_by_side(x: Tensor) -> tuple[Tensor, int]:
    """View neighbouring pixels of ``(1, C, H, W)`` as channels until there are 32; and the number of such pixels.

    A CPU computes with 32 adjacent numbers at once: a map of 8 channels then takes a seventh of the time.
    """
    _, channels, height, width = x.shape
    pixels = 32 // math.gcd(channels, 32) if x.is_contiguous(memory_format=torch.channels_last) else 1
    while width % pixels or (pixels > 1 and height * width < 2 * pixels):
        pixels //= 2
    return x.permute(0, 2, 3, 1).reshape(1, height, width // pixels, channels * pixels).permute(0, 3, 1, 2), pixels
