"""Depth of any photo, by the bundled network or by Depth Anything V2."""

import logging
from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.parts.dense.fetched import fetched
from methods.parts.dense.guided import guided
from methods.parts.dense.hourglass import SIDE, bundled, network_size, predict_dense
from methods.parts.perceptual.vgg import imagenet

DEPTH_ANYTHING = ("depth-anything/Depth-Anything-V2-Small-hf", "5426e4f0f36572d16453bbda7a8389317b1bef99")
ADVICE = "Leave --depth out (depth='bundled') for the bundled network, or give a depth map of your own with --map."

RANGE = (0.01, 0.99)  # quantiles of inverse depth that become the farthest and the nearest

logger = logging.getLogger(__name__)


@torch.inference_mode()
def estimate(
    photos: Tensor,
    network: Literal["bundled", "depth-anything"] = "bundled",
    fetching: Mapping[str, Any] | None = None,
) -> Tensor | None:
    """The depth ``(N, 1, H, W)`` of photos ``(N, 3, H, W)`` in [0, 1]: 0 is the nearest, 1 the farthest.

    It is linear in inverse depth, and its edges follow the photo. If the depth of a photo is the same everywhere, the
    result is None, with a warning. ``fetching`` are the download options of ``hub.load``. Raises ``WeightsError``,
    ``DownloadError``, or ``StylehubError`` without ``transformers``.
    """
    near = torch.cat([_inverse_depth(photo, network, fetching or {}) for photo in torch.split(photos, 1)])
    step = max(1, max(near.shape[-2:]) // 512)  # enough pixels to measure the range
    places = near[..., ::step, ::step]
    low, high = bounds(places)
    if not (high - low > 1e-4).all():
        logger.warning("The depth is the same everywhere, so the style applies everywhere.")
        return None
    return ((high - near) / (high - low)).clamp(0, 1)


def bounds(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The quantiles ``RANGE`` of each of ``maps`` ``(N, ...)``: two tensors ``(N, 1, 1, 1)``."""
    low, high = (maps.flatten(1).quantile(q, dim=1).view(-1, 1, 1, 1) for q in RANGE)
    return low, high


def _inverse_depth(photo: Tensor, network: str, fetching: Mapping[str, Any]) -> Tensor:
    """Inverse depth ``(1, 1, H, W)`` of ``(1, 3, H, W)``, up to scale and shift; larger is nearer."""
    if network == "depth-anything":
        return _by_depth_anything(photo, fetching)
    small, found = predict_dense(bundled("depth", 1, photo.device), photo)
    return guided(photo, small, found, radius=SIDE // 32)


def _by_depth_anything(photo: Tensor, fetching: Mapping[str, Any]) -> Tensor:
    model = fetched("AutoModelForDepthEstimation", *DEPTH_ANYTHING, photo.device, fetching, ADVICE)
    rows, columns = network_size(photo, 518, 14)
    small = F.interpolate(photo, (rows, columns), mode="bicubic", antialias=True).clamp(0, 1)
    found: Tensor = model(pixel_values=imagenet(small)).predicted_depth[:, None].float()
    found = F.interpolate(found, (rows, columns), mode="bilinear", align_corners=False)
    return guided(photo, small, found, radius=4)
