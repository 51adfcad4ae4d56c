"""A painting's statistics become a code, and the code becomes every scale and shift of an image transformation network.

Ghiasi, Lee, Kudlur, Dumoulin & Shlens 2017, "Exploring the structure of a real-time, arbitrary neural artistic
stylization network" (arXiv 1705.06830): a style prediction network gives a painting the row that conditional instance
normalisation would have learnt for it. Theirs is an Inception-v3; here it is three small layers on the means and
deviations of VGG features, which is what AdaIN (Huang & Belongie 2017) takes of a painting.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.adain.network import statistics
from methods.parts.perceptual.losses import gram_matrix
from methods.parts.perceptual.vgg import VGG
from methods.parts.transformation.network import ImageTransformationNetwork

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")  # AdaIN's layers


class AnyStyleNetwork(nn.Module):
    """``predictor`` turns a description into a code; ``transformation`` paints with the scales and shifts of a code.

    A scale of the transformation network is ``code @ scale``: what is one row a style in the conditional network is
    one row a number of the code here, so everything that runs that network runs this one.
    """

    def __init__(self, width: int, code: int, description: int, hidden: int) -> None:
        super().__init__()
        self.transformation = ImageTransformationNetwork(code, width)
        self.predictor = StylePredictor(description, hidden, code)

    def forward(self, content: Tensor, description: Tensor) -> Tensor:
        """``content`` ``(N, 3, H, W)`` in [0, 1], painted as ``description`` ``(N, D)`` says: the same shape and range."""
        pictures: Tensor = self.transformation(content, self.predictor(description))
        return pictures


class StylePredictor(nn.Module):
    """A painting's description ``(N, D)`` to its code ``(N, code)``, whose first number is always 1.

    The first row of every scale and shift is thus what all paintings share, and a blend whose shares sum to 1 keeps it.
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

    def forward(self, description: Tensor) -> Tensor:
        # Always in float32: a code is computed once a painting, and every pixel depends on it.
        with torch.autocast(description.device.type, enabled=False):
            standard = ((description.float() - self.mean) / self.deviation).clamp(-5, 5)
            code: Tensor = self.layers(standard)
        return torch.cat([torch.ones_like(code[:, :1]), code], dim=1)


def describe(pictures: Tensor, vgg: VGG, layers: Sequence[str] = LAYERS) -> Tensor:
    """What is said of paintings ``(N, 3, H, W)`` in [0, 1]: means and deviations of their features and colours, ``(N, D)``.

    The sides must be at least 16 pixels. ``vgg`` is the bundled ``vgg-slim``: D is 975.
    """
    features = vgg(pictures, layers)
    numbers: list[Tensor] = []
    for layer in layers:
        numbers += statistics(features[layer])
    colours = pictures.float().flatten(2)
    moments = gram_matrix(pictures.float()).flatten(1)
    return torch.cat([*numbers, colours.mean(2), colours.std(2), moments], dim=1)


def description_size(vgg: VGG, layers: Sequence[str] = LAYERS) -> int:
    """How many numbers ``describe`` gives: two a channel, and of the colours their means, deviations and second moments."""
    return 2 * sum(vgg.channels(layer) for layer in layers) + 15
