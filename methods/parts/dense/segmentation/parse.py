"""Scene parsing: a photo's ten groups of objects, by the bundled network or by SegFormer."""

import logging
from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.parts.dense.fetched import fetched
from methods.parts.dense.guided import guided
from methods.parts.dense.hourglass import SIDE, bundled, network_size, predict_dense
from methods.parts.dense.segmentation.groups import ADE_GROUPS, GROUPS, OTHER
from methods.parts.perceptual.vgg import imagenet

Parser = Literal["bundled", "segformer"]
SEGFORMER = ("nvidia/segformer-b0-finetuned-ade-512-512", "489d5cd81a0b59fab9b7ea758d3548ebe99677da")
NOTICE = "SegFormer's weights are licensed by NVIDIA for research and evaluation only, not for commercial use."
ADVICE = "Take --parser bundled (parser='bundled'), or give masks of your own."

logger = logging.getLogger(__name__)


@torch.inference_mode()
def parse(photos: Tensor, network: Parser = "bundled", fetching: Mapping[str, Any] | None = None) -> Tensor:
    """The share of each of the ten groups at each pixel of ``(N, 3, H, W)`` in [0, 1]: ``(N, 10, H, W)``, sums of 1.

    Edges are soft and follow the photo. ``fetching`` are the download options of ``hub.load``. Raises ``WeightsError``,
    ``DownloadError``, or ``StylehubError`` without ``transformers``.
    """
    return torch.cat([_parsed(photo, network, fetching or {}) for photo in torch.split(photos, 1)])


def _parsed(photo: Tensor, network: Parser, fetching: Mapping[str, Any]) -> Tensor:
    if network == "segformer":
        small, found = _by_segformer(photo, fetching)
    else:
        small, scores = predict_dense(bundled("segmentation", len(GROUPS), photo.device), photo)
        found = scores.softmax(1)
    return sharpened(found, small, photo)


def sharpened(masks: Tensor, small: Tensor, photo: Tensor) -> Tensor:
    """Enlarge ``masks`` ``(1, K, h, w)`` to the size and the edges of ``photo``; ``small`` is the photo at h x w.

    The masks sum to 1, before and after. A mask whose values are all below 0.05 becomes 0.
    """
    result = photo.new_zeros(1, masks.shape[1], *photo.shape[-2:])
    for group in masks.amax((0, 2, 3)).gt(0.05).nonzero().flatten().tolist():
        result[:, group : group + 1] = guided(photo, small, masks[:, group : group + 1], SIDE // 64).clamp_(0, 1)
    return result / result.sum(1, keepdim=True).clamp_min(1e-3)


def _by_segformer(photo: Tensor, fetching: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    logger.warning(NOTICE)
    model = fetched("AutoModelForSemanticSegmentation", *SEGFORMER, photo.device, fetching, ADVICE)
    rows, columns = network_size(photo, 512, 32)
    small = F.interpolate(photo, (rows, columns), mode="bilinear", antialias=True)
    classes = model(pixel_values=imagenet(small)).logits.float().softmax(1)
    names = [group.name for group in GROUPS]
    groups = [names.index(ADE_GROUPS.get(model.config.id2label[i], OTHER)) for i in range(classes.shape[1])]
    found = classes.new_zeros(1, len(GROUPS), *classes.shape[-2:])
    found.index_add_(1, torch.tensor(groups, device=photo.device), classes)
    return small, F.interpolate(found, (rows, columns), mode="bilinear", align_corners=False)
