"""VGG-16 by layer name: the perceptual network behind losses and evaluation.

Simonyan & Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition".
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.errors import WeightsError
from hub.weights import read_safetensors

# Output channels of the convolutions of each block; every block but the first starts with a 2x2 max pooling.
VGG16_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class VGG16(nn.Module):
    """Features of an RGB image by the names that papers use: ``relu1_2`` is block 1, second convolution, after ReLU.

    Input ``(N, 3, H, W)`` in [0, 1], at least 16 pixels a side for ``relu4_*``; the ImageNet normalisation happens
    inside. The network is frozen. ``weights`` is a safetensors file whose keys are those of torchvision's
    ``vgg16().features`` (``0.weight``, ``0.bias``, ``2.weight``, ...); only the layers up to ``last`` are read.

    ``padding="reflect"`` is for training: the original's border of zeros looks like a frame of grey, and a network that
    is trained through it learns to paint one.

    Raises ``hub.errors.WeightsError`` when the file is missing, damaged or of another architecture.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, weights: Path | str, last: str = "relu4_3", *, padding: Literal["zeros", "reflect"] = "zeros"
    ) -> None:
        super().__init__()
        self.plan = _plan(last)
        state = read_safetensors(Path(weights))
        self.convolutions = nn.ModuleDict()
        channels = 3
        for name, width, torchvision_index in self.plan:
            if torchvision_index is None:
                continue
            convolution = nn.Conv2d(channels, width, 3, padding=1, padding_mode=padding)
            channels = width
            self.convolutions[name] = convolution
            for kind, parameter in convolution.named_parameters():
                key = next(
                    (k for k in (f"{torchvision_index}.{kind}", f"features.{torchvision_index}.{kind}") if k in state),
                    None,
                )
                if key is None or state[key].shape != parameter.shape:
                    raise WeightsError(
                        f"{weights} is not a VGG-16: it has no '{torchvision_index}.{kind}' of shape "
                        f"{tuple(parameter.shape)}; give a safetensors file with the keys of torchvision's vgg16().features."
                    )
                parameter.data = state[key].float()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.requires_grad_(False).eval().to(memory_format=torch.channels_last)

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features of ``image`` at each of ``layers``, computed no deeper than the deepest of them."""
        wanted = set(layers)
        unknown = wanted - {name for name, _, _ in self.plan}
        if unknown:
            raise KeyError(f"VGG-16 up to {self.plan[-1][0]} has no layer {sorted(unknown)}")
        dtype = next(self.parameters()).dtype
        x = ((image - self.mean) / self.std).to(dtype).contiguous(memory_format=torch.channels_last)
        features: dict[str, Tensor] = {}
        for name, _, torchvision_index in self.plan:
            if torchvision_index is None:
                x = F.max_pool2d(x, 2)
                continue
            x = F.relu(self.convolutions[name](x))
            if name in wanted:
                features[name] = x
                if len(features) == len(wanted):
                    break
        return features


def _plan(last: str) -> list[tuple[str, int, int | None]]:
    """(name, channels, index in torchvision's ``features``) of every step up to ``last``; poolings have no index."""
    plan: list[tuple[str, int, int | None]] = []
    index = 0
    for block, widths in enumerate(VGG16_BLOCKS, start=1):
        if block > 1:
            plan.append((f"pool{block - 1}", 0, None))
            index += 1
        for position, width in enumerate(widths, start=1):
            name = f"relu{block}_{position}"
            plan.append((name, width, index))
            index += 2
            if name == last:
                return plan
    raise KeyError(f"VGG-16 has no layer {last!r}")
