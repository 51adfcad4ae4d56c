"""What describes a painting, and the network that predicts a style code from the description.

Ghiasi, Lee, Kudlur, Dumoulin & Shlens 2017, "Exploring the structure of a real-time, arbitrary neural artistic
stylization network" (arXiv 1705.06830). In the paper the style prediction network is an Inception-v3. Here it is three
small layers on the means and standard deviations of VGG features, the statistics of AdaIN (Huang & Belongie 2017).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hub.weights import network_sha256
from methods.parts.perceptual.losses import gram_matrix
from methods.parts.perceptual.statistics import statistics
from methods.parts.perceptual.vgg import VGG

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")  # AdaIN's layers


class PaintingNetwork(nn.Module):
    """``predictor`` predicts a style code from a painting's description; ``paint`` paints with the code."""

    predictor: nn.Module

    def forward(self, content: Tensor, description: Tensor) -> Tensor:
        """Paint ``content`` ``(N, 3, H, W)`` in [0, 1] by ``description`` ``(N, D)``: the same shape and range."""
        return self.paint(content, self.predictor(description))

    def paint(self, content: Tensor, code: Tensor) -> Tensor:
        """Paint ``content`` ``(N, 3, H, W)`` in [0, 1] by style codes ``(N, code)``: the same shape and range."""
        raise NotImplementedError

    def hash(self) -> str:
        """The sha256 of what makes a code; every style vector names it."""
        return network_sha256(self.predictor)


class StylePredictor(nn.Module):
    """From a painting's description ``(N, D)`` to its style code ``(N, code)``, whose first number is always 1.

    So all paintings share the first row of scales and shifts. A blend whose shares sum to 1 keeps it.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, description: int, hidden: int, code: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(description))
        self.register_buffer("deviation", torch.ones(description))
        self.layers = nn.Sequential(
            nn.Linear(description, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, code - 1)
        )

    def standardise(self, descriptions: Tensor) -> None:
        """Take mean and deviation of ``descriptions`` ``(N, D)``, two at least, for the standard ones."""
        self.mean.copy_(descriptions.mean(0))
        self.deviation.copy_(descriptions.std(0).clamp_min(1e-4))

    def forward(self, description: Tensor) -> Tensor:
        # Always in float32: a code is computed once per painting, and every pixel depends on it.
        with torch.autocast(description.device.type, enabled=False):
            standard = ((description.float() - self.mean) / self.deviation).clamp(-5, 5)
            code: Tensor = self.layers(standard)
        return torch.cat([torch.ones_like(code[:, :1]), code], dim=1)


def describe(pictures: Tensor, vgg: VGG, layers: Sequence[str] = LAYERS) -> Tensor:
    """The description ``(N, D)`` of paintings ``(N, 3, H, W)`` in [0, 1]: statistics of their features and colours.

    The sides must be at least 16 pixels. With the bundled ``vgg-slim`` D is 975.
    """
    features = vgg(pictures, layers)
    numbers: list[Tensor] = []
    for layer in layers:
        numbers += statistics(features[layer])
    colours = pictures.float().flatten(2)
    moments = gram_matrix(pictures.float()).flatten(1)
    return torch.cat([*numbers, colours.mean(2), colours.std(2), moments], dim=1)


def description_size(vgg: VGG, layers: Sequence[str] = LAYERS) -> int:
    """The length of a description: two numbers per channel, and means, deviations and second moments of the colours."""
    return 2 * sum(vgg.channels(layer) for layer in layers) + 15
