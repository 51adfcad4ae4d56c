"""Local affine maps of colours: from a photo and a picture made of it at a small size to that picture at any size.

Every place has a 3x4 matrix that gives the picture's colours by the photo's, fitted over a window as in the guided filter
(He, Sun & Tang 2013, with a guide in colour). Edges and detail come from the photo alone, so nothing is blurred and
nothing is painted over. Luan et al. 2017 end with the same step, the "smooth local affine".
"""

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS = 256  # of the full picture at a time


def affine_maps(photo: Tensor, picture: Tensor, radius: int, epsilon: float = 1e-4) -> Tensor:
    """The maps ``(1, 12, H, W)`` that give ``picture`` by ``photo``, both ``(1, 3, H, W)`` in [0, 1].

    ``radius`` is of the windows in pixels; ``epsilon`` the variance below which a window counts as of one colour.
    """
    photo, picture = photo.float(), picture.float()
    mean_in, mean_out = _mean(photo, radius), _mean(picture, radius)

    def covariance(a: Tensor, b: Tensor) -> Tensor:
        """Of every colour with every other: ``(1, H, W, 3, 3)``."""
        products = (a[:, :, None] * b[:, None]).flatten(1, 2)
        means = (_mean(a, radius)[:, :, None] * _mean(b, radius)[:, None]).flatten(1, 2)
        return (_mean(products, radius) - means).permute(0, 2, 3, 1).reshape(1, *a.shape[2:], 3, 3)

    own = covariance(photo, photo) + epsilon * torch.eye(3, device=photo.device)
    matrix = torch.linalg.solve(own, covariance(photo, picture)).transpose(3, 4)  # (1, H, W, out, in)
    offset = mean_out - torch.einsum("nhwoi,nihw->nohw", matrix, mean_in)
    maps = torch.cat([matrix.permute(0, 3, 4, 1, 2), offset[:, :, None]], 2).flatten(1, 2)
    return _mean(maps, radius)


def apply_maps(maps: Tensor, photo: Tensor) -> Tensor:
    """``maps`` ``(1, 12, h, w)``, of any size, applied to ``photo`` ``(1, 3, H, W)``: ``(1, 3, H, W)`` in [0, 1]."""
    height, width = photo.shape[-2:]
    result = torch.empty_like(photo)
    columns = torch.linspace(-1, 1, 2 * width + 1, device=photo.device)[1::2]
    rows = torch.linspace(-1, 1, 2 * height + 1, device=photo.device)[1::2]
    for top in range(0, height, ROWS):
        band = photo[:, :, top : top + ROWS]
        grid = torch.stack(torch.meshgrid(rows[top : top + ROWS], columns, indexing="ij")[::-1], -1)[None]
        local = F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
        local = local.view(1, 3, 4, *band.shape[2:])
        result[:, :, top : top + ROWS] = (local[:, :, :3] * band[:, None]).sum(2) + local[:, :, 3]
    return result.clamp_(0, 1)


def _mean(x: Tensor, radius: int) -> Tensor:
    """The mean over the window around each place; at the borders over what there is of it."""
    size = [2 * min(radius, side - 1) + 1 for side in x.shape[2:]]
    return F.avg_pool2d(x, size, stride=1, padding=[s // 2 for s in size], count_include_pad=False)
