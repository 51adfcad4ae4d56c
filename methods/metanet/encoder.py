"""What describes a painting: statistics of the features of a perceptual network.

The paper takes means and standard deviations of VGG-16 at four layers, 1,920 numbers. The course project takes VGG-19; its
last layer was relu4_4, here it is relu4_1, which has as many numbers. What ships takes the bundled ``vgg-slim``, and the
moments of the colours too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from methods.parts.perceptual.backbone import Backbone, open_backbone
from methods.parts.perceptual.statistics import statistics
from methods.parts.style_code.network import LAYERS, describe, description_size

PAPER_LAYERS = {
    "vgg-16": ("relu1_2", "relu2_2", "relu3_3", "relu4_3"),
    "vgg-19": ("relu1_2", "relu2_2", "relu3_4", "relu4_1"),
}


class Encoder:
    """``encoder(pictures)`` is the description ``(N, size)`` of ``pictures`` ``(N, 3, H, W)`` in [0, 1], sides >= 16.

    Raises ``ParameterError``, ``WeightsError`` or ``DownloadError`` if the network is not at hand: see ``open_backbone``.
    """

    def __init__(
        self,
        name: Backbone,
        vgg: Path | None = None,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        fetching: Mapping[str, Any] | None = None,
    ) -> None:
        self.layers = PAPER_LAYERS.get(name)
        self.vgg, _ = open_backbone(
            name, vgg, layers=self.layers or LAYERS, device=device, dtype=dtype, fetching=fetching
        )
        self.size = 2 * sum(map(self.vgg.channels, self.layers)) if self.layers else description_size(self.vgg)

    def __call__(self, pictures: Tensor) -> Tensor:
        if self.layers is None:
            return describe(pictures, self.vgg)
        features = self.vgg(pictures, self.layers)
        return torch.cat([n.float() for layer in self.layers for n in statistics(features[layer])], dim=1)
