"""Local affine colour maps: fitted to a photo and its result at a small size, then applied to the photo at any size.

Every pixel has a 3x4 matrix that maps the photo's colours to the result's. It is fitted over a window, as in the guided
filter with a colour guide (He, Sun & Tang 2013). Edges and detail come from the photo alone, so the result is not
blurred. The code of Luan et al. 2017 ends with the same step, "smooth local affine".
"""

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS = 256  # rows of the full picture at a time


def affine_maps(photo: Tensor, picture: Tensor, radius: int, epsilon: float = 1e-4) -> Tensor:
    """The maps ``(1, 12, H, W)`` from ``photo`` to ``picture``, both ``(1, 3, H, W)`` in [0, 1].

    ``radius`` is that of the windows, in pixels. ``epsilon`` is the ridge strength: a window whose variance is much
    smaller counts as one colour.
    """
    photo, picture = photo.float(), picture.float()
    mean_in, mean_out = _mean(photo, radius), _mean(picture, radius)

    def covariance(a: Tensor, b: Tensor) -> Tensor:
        """The covariance of the channels of ``a`` and ``b`` in each window: ``(1, H, W, 3, 3)``."""
        products = (a[:, :, None] * b[:, None]).flatten(1, 2)
        means = (_mean(a, radius)[:, :, None] * _mean(b, radius)[:, None]).flatten(1, 2)
        return (_mean(products, radius) - means).permute(0, 2, 3, 1).reshape(1, *a.shape[2:], 3, 3)

    own = covariance(photo, photo) + epsilon * torch.eye(3, device=photo.device)
    matrix = torch.linalg.solve(own, covariance(photo, picture)).transpose(3, 4)  # (1, H, W, out, in)
    offset = mean_out - torch.einsum("nhwoi,nihw->nohw", matrix, mean_in)
    maps = torch.cat([matrix.permute(0, 3, 4, 1, 2), offset[:, :, None]], 2).flatten(1, 2)
    return _mean(maps, radius)


def apply_maps(maps: Tensor, photo: Tensor) -> Tensor:
    """Apply ``maps`` ``(1, 12, h, w)`` of any size to ``photo`` ``(1, 3, H, W)``: ``(1, 3, H, W)`` in [0, 1]."""
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
    """The mean over the window around each pixel; at the borders over the part inside the picture."""
    size = [2 * min(radius, side - 1) + 1 for side in x.shape[2:]]
    return F.avg_pool2d(x, size, stride=1, padding=[s // 2 for s in size], count_include_pad=False)
