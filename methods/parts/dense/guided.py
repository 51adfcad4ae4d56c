"""The fast guided filter: enlarge a small map to a picture's size, with the picture's edges.

He & Sun 2015, "Fast Guided Filter" (arXiv 1505.00996): linear functions of the guide are fitted in windows at low
resolution, then applied to the guide at full resolution.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def guided(guide: Tensor, small_guide: Tensor, small_map: Tensor, radius: int, epsilon: float = 1e-3) -> Tensor:
    """Enlarge ``small_map`` ``(N, 1, h, w)`` to ``guide`` ``(N, 3, H, W)`` in [0, 1]; ``small_guide`` is the guide at h x w.

    ``radius`` is that of the windows, in small pixels. ``epsilon`` is the ridge strength: where the guide's variance is
    much smaller, it counts as even.
    """
    grey, small_grey = (x.mean(1, keepdim=True) for x in (guide, small_guide))
    scale = small_map.std().clamp_min(1e-6)
    centre = small_map.mean()
    lines = local_lines(small_grey, (small_map - centre) / scale, radius, epsilon)
    slope, offset = (F.interpolate(x, grey.shape[-2:], mode="bilinear", align_corners=False) for x in lines)
    return torch.addcmul(offset, slope, grey) * scale + centre


def local_lines(guide: Tensor, wanted: Tensor, radius: int, epsilon: float) -> tuple[Tensor, Tensor]:
    """Slope and offset of the linear fit from ``guide`` to ``wanted`` around every pixel; all are ``(N, 1, h, w)``.

    ``radius`` and ``epsilon`` as for ``guided``. Where the guide is even the slope is nearly 0.
    """

    def mean(x: Tensor) -> Tensor:
        padded = F.pad(x, [min(radius, side - 1) for side in x.shape[:1:-1] for _ in range(2)], mode="replicate")
        size = [2 * min(radius, side - 1) + 1 for side in x.shape[2:]]
        return F.avg_pool2d(padded, size, stride=1)

    mean_guide, mean_wanted = mean(guide), mean(wanted)
    variance = mean(guide * guide) - mean_guide.square()
    slope = (mean(guide * wanted) - mean_guide * mean_wanted) / (variance + epsilon)
    return mean(slope), mean(mean_wanted - slope * mean_guide)
