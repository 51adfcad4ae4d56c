"""Models of random weights and settings for trainings of seconds."""

from pathlib import Path

import torch

from methods.parts.perceptual.vgg import ARCHITECTURES
from methods.parts.transformation.network import ImageTransformationNetwork
from methods.parts.transformation.training import PhotoCrops

# A VGG-16 with a sixteenth of the arithmetic. Every process that imports this module can read its weights.
NARROW = "narrow VGG-16"
ARCHITECTURES[NARROW] = ((16, 16), (32, 32), (64,) * 3, (128,) * 3, (128,) * 3)
PhotoCrops.SAMPLED = 64  # a ninth of the pixels

STYLES = ["van-gogh-starry-night", "hokusai-great-wave", "klee-senecio"]


def random_network(styles: int = 3, width: int = 4, seed: int = 0) -> ImageTransformationNetwork:
    """A network whose every row of scales and shifts differs, so that mixing styles up cannot go unseen."""
    torch.manual_seed(seed)
    network = ImageTransformationNetwork(styles, width)
    for name, parameter in network.named_parameters():
        if ".norm." in name:
            parameter.data += 0.3 * torch.randn_like(parameter)
    return network.eval().requires_grad_(False)


def tiny_training(material: Path) -> dict[str, object]:
    """Settings for a training of seconds by the perceptual losses."""
    return {
        "content": [material / "photos.tar"],
        "vgg": material / "vgg.safetensors",
        "width": 2,
        "crops": [32],
        "crop_starts": [0.0],
        "style_size": 64,
        "batch": 2,
        "steps": 6,
        "warmup": 2,
        "workers": 0,
        "bf16": False,
    }
