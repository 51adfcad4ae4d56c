"""Convert between PIL images and tensors, and resize pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from hub.errors import ImageError

if TYPE_CHECKING:
    from torch import Tensor

VISIBLE = 1 / 16  # alpha below which a colour counts less and less
LUMA = (0.299, 0.587, 0.114)  # of R, G and B: Rec. 601


def to_tensor(image: Image.Image) -> Tensor:
    """Turn an RGB image into a float32 tensor (1, 3, H, W) in [0, 1]. Raises ImageError for any other mode."""
    import torch

    if image.mode != "RGB":
        raise ImageError(f"A picture in mode {image.mode} does not have three channels; convert it with read_image.")
    pixels = torch.from_numpy(np.array(image))  # a copy: PIL's own memory is read-only
    return pixels.permute(2, 0, 1).unsqueeze(0).contiguous().float().div_(255)


def to_image(tensor: Tensor, alpha: Image.Image | None = None) -> Image.Image:
    """Turn a tensor (1, 3, H, W) or (3, H, W) into an RGB image, or RGBA with `alpha` (mode L, W x H).

    Values are clamped to [0, 1] and rounded to the nearest of 256 levels. Raises ImageError for NaN and other shapes.
    """
    image = Image.fromarray(to_levels(tensor))
    if alpha is not None:
        if alpha.size != image.size:
            raise ImageError(f"The alpha channel is {alpha.size}, but the result is {image.size}; resize the alpha.")
        image.putalpha(alpha)
    return image


def to_levels(tensor: Tensor, *, bits: int = 8, channels: int = 3) -> np.ndarray[Any, Any]:
    """Turn a tensor (1, C, H, W) or (C, H, W) with C `channels` into an array (H, W, C), uint8 or (`bits=16`) uint16.

    Values are clamped to [0, 1] and rounded to the nearest level. Raises ImageError for NaN and other shapes.
    """
    import torch

    if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise ImageError(f"A result must be a float tensor (1, {channels}, H, W) in [0, 1]; this is {kind}.")
    values = tensor.detach()
    if values.ndim == 4 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 3 or values.shape[0] != channels or values.numel() == 0:
        raise ImageError(f"A picture must have shape (1, {channels}, H, W); this tensor has {tuple(tensor.shape)}.")
    height, width = values.shape[1:]
    levels = torch.empty((height, width, channels), dtype=torch.uint8 if bits == 8 else torch.uint16)
    rows = max(1, (1 << 20) // width)  # at a time, since the conversion needs four bytes per value
    for source, target in zip(torch.split(values, rows, dim=1), torch.split(levels, rows), strict=True):
        band = source.float()
        if bool(torch.isnan(band).any()):
            raise ImageError("The result contains NaN; try float32 or a lower strength.")
        target.copy_(band.clamp(0, 1).mul_((1 << bits) - 1).round_().to(levels.dtype).permute(1, 2, 0))
    return levels.numpy()


def resized(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """``pixels`` ``(N, C, H, W)`` in [0, 1], resized to ``size`` (rows, columns), bicubic; the same tensor if it fits."""
    import torch.nn.functional as F

    if tuple(pixels.shape[-2:]) == size:
        return pixels
    return F.interpolate(pixels, size=size, mode="bicubic", antialias=True, align_corners=False).clamp_(0, 1)


def filled(pixels: Tensor, alpha: Tensor) -> Tensor:
    """``pixels`` ``(1, 3, H, W)``, with the hidden colours replaced by those of the visible surroundings.

    ``alpha`` ``(1, 1, H, W)`` in [0, 1]. What a file stores under transparent pixels is arbitrary, so nothing may
    depend on it. Push and pull: mean colours of the visible in ever larger squares fill the gaps of the smaller ones.
    """
    import torch.nn.functional as F

    weight = (alpha / VISIBLE).clamp(max=1)
    if bool(weight.min() == 1) or not bool(weight.any()):
        return pixels
    coarse, share = (F.avg_pool2d(plane, 2, ceil_mode=True) for plane in (pixels * weight, weight))
    around = filled(coarse / share.clamp_min(1e-6), (share * 4 * VISIBLE).clamp(max=1))
    return F.interpolate(around, pixels.shape[2:], mode="bilinear").lerp(pixels, weight)


def at_short_side(image: Image.Image, size: int) -> Image.Image:
    """``image`` with a short side of ``size`` pixels; the same object if it fits already."""
    height, width = size_at_short_side(image.height, image.width, size)
    return image if (width, height) == image.size else image.resize((width, height), Image.Resampling.LANCZOS)


def size_at_short_side(height: int, width: int, short: int) -> tuple[int, int]:
    """The rows and columns of a picture of ``height`` x ``width`` whose short side becomes ``short`` pixels."""
    scale = short / min(height, width)
    return round(height * scale), round(width * scale)


def with_lightness(colors: Tensor, light: Tensor) -> Tensor:
    """`colors` with the lightness of `light`, both (N, 3, H, W) of any range: the same is added to R, G and B."""
    return colors + ((light - colors) * colors.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
