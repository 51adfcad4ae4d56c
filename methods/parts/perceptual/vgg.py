"""VGG by layer name: the perceptual network behind losses, evaluation and optimisation.

Simonyan & Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition".
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.errors import ParameterError, WeightsError
from hub.weights import load_strict, read_safetensors
from methods.parts.winograd import FrozenWinograd, faster_here

Blocks = tuple[tuple[int, ...], ...]

# Output channels of the convolutions of each block; every block but the first starts with a 2x2 pooling.
ARCHITECTURES: dict[str, Blocks] = {
    "VGG-16": ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3),
    "VGG-19": ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4),
}
WINOGRAD_CHANNELS = 128  # fewest inputs and outputs for Winograd's convolution: with 64 it is not faster
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def imagenet(image: Tensor) -> Tensor:
    """Normalise ``image`` ``(N, 3, H, W)`` in [0, 1] for networks trained on ImageNet."""
    mean, std = (image.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (image - mean) / std


class VGG(nn.Module):
    """Features of an RGB image by the names that papers use.

    ``conv4_2`` is the second convolution of the fourth block, ``relu4_2`` the same after its activation. The network
    holds the convolutions up to ``last``; a block of ``blocks`` is the channels of its convolutions.

    ``padding="reflect"`` is for making pictures: zero padding looks like a grey frame, and optimised pictures or
    trained networks then paint such a frame. ``pooling="average"`` is the choice of Gatys et al.

    ``projected`` names layers whose features are multiplied by a matrix, a 1x1 convolution. It maps the channels of a
    distilled narrow network to those of the wide one (see ``methods/parts/vgg_slim/training.py``).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        blocks: Blocks,
        last: str = "relu4_3",
        *,
        padding: Literal["zeros", "reflect"] = "zeros",
        pooling: Literal["max", "average"] = "max",
        projected: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.blocks, self.pooling = blocks, pooling
        self.widths = _widths(blocks, last)
        self.convolutions = nn.ModuleDict()
        channels = 3
        for name, width in self.widths.items():
            self.convolutions[name] = nn.Conv2d(channels, width, 3, padding=1, padding_mode=padding)
            channels = width
        self.projections = nn.ModuleDict(
            {layer: nn.Conv2d(w, w, 1, bias=False) for layer in projected for w in [self.channels(layer)]}
        )
        self.fast: dict[str, FrozenWinograd | None] = {}  # by convolution, made when first used; None is the plain one
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    @property
    def layers(self) -> list[str]:
        """All layers in the order of computation: conv1_1, relu1_1, conv1_2, ..."""
        return [f"{kind}{name}" for name in self.widths for kind in ("conv", "relu")]

    def channels(self, layer: str) -> int:
        """Channels of ``layer``. Raises ``ParameterError``, with the list of layers, for an unknown name."""
        if layer not in self.layers:
            raise ParameterError(f"There is no layer {layer!r}; there are {', '.join(self.layers)}.")
        return self.widths[layer[4:]]

    def forward(self, image: Tensor, layers: Iterable[str], unprojected: Collection[str] = ()) -> dict[str, Tensor]:
        """Features of ``image`` ``(N, 3, H, W)`` in [0, 1] at each of ``layers``; deeper layers are not computed.

        Those of the layers ``unprojected`` are not projected. The image is normalised here. The sides must be at least 2
        pixels in the deepest block: 16 for ``relu4_*``, 32 for ``relu5_*``. Raises ``ParameterError`` for a layer that
        does not exist.
        """
        wanted = set(layers)
        for layer in wanted:
            self.channels(layer)

        def seen(layer: str, x: Tensor) -> Tensor:
            project = layer in self.projections and layer not in unprojected
            return cast(Tensor, self.projections[layer](x)) if project else x

        dtype = next(self.parameters()).dtype
        x = ((image - self.mean) / self.std).to(dtype).contiguous(memory_format=torch.channels_last)
        features: dict[str, Tensor] = {}
        for name in self.convolutions:
            if name.endswith("_1") and name != "1_1":
                x = F.avg_pool2d(x, 2) if self.pooling == "average" else F.max_pool2d(x, 2)
            x = self.convolve(name, x)
            before, after = f"conv{name}", f"relu{name}"
            if before in wanted:
                features[before] = seen(before, x)
            x = F.relu(x)
            if after in wanted:
                features[after] = seen(after, x)
            if len(features) == len(wanted):
                break
        return features

    def convolve(self, name: str, x: Tensor) -> Tensor:
        """The convolution ``name`` in the fastest way: Winograd's for many frozen channels, in float32 on a CPU."""
        convolution = cast(nn.Conv2d, self.convolutions[name])
        exact = (x.device.type, x.dtype) == ("cpu", torch.float32) and not torch.is_autocast_enabled("cpu")
        if convolution.weight.requires_grad or not exact:
            return cast(Tensor, convolution(x))
        if name not in self.fast:
            weight, bias = convolution.weight, convolution.bias
            assert bias is not None
            wide = min(weight.shape[:2]) >= WINOGRAD_CHANNELS
            self.fast[name] = FrozenWinograd(weight, bias) if wide and faster_here(WINOGRAD_CHANNELS) else None
        fast = self.fast[name]
        if fast is None:
            return cast(Tensor, convolution(x))
        mode = "constant" if convolution.padding_mode == "zeros" else convolution.padding_mode
        return cast(Tensor, fast(F.pad(x, [1] * 4, mode=mode)))

    def projected_gram(self, layer: str, gram: Tensor) -> Tensor:
        """The Gram matrix of ``layer``'s features from that of its unprojected ones, ``(N, C, C)``: ``P G P^T``."""
        if layer not in self.projections:
            return gram
        matrix = cast(nn.Conv2d, self.projections[layer]).weight[:, :, 0, 0].to(gram.dtype)
        return matrix @ gram @ matrix.T

    def frozen(self) -> "VGG":
        """The same network without gradients, in the fastest memory format for convolutions."""
        return self.requires_grad_(False).eval().to(memory_format=torch.channels_last)


def read_vgg(
    weights: Path | str,
    last: str = "relu4_3",
    *,
    padding: Literal["zeros", "reflect"] = "zeros",
    pooling: Literal["max", "average"] = "max",
) -> VGG:
    """The frozen VGG-16 or VGG-19 of a safetensors file with the keys of torchvision's ``vgg16().features``.

    The keys are ``0.weight``, ``0.bias``, ``2.weight``, ... with or without the prefix ``features.``. The shapes tell
    which network it is. Only the convolutions up to ``last`` are used.

    Raises ``hub.errors.WeightsError`` when the file is missing, damaged or of another architecture.
    """
    path = Path(weights)
    state = {key.removeprefix("features."): tensor for key, tensor in read_safetensors(path).items()}
    complaints = []
    for architecture, blocks in ARCHITECTURES.items():
        network = VGG(blocks, last, padding=padding, pooling=pooling)
        ours: dict[str, Tensor] = {}
        for name, index in torchvision_indices(blocks).items():
            if name not in network.widths:
                continue
            for kind, parameter in network.convolutions[name].named_parameters():
                tensor = state.get(f"{index}.{kind}")
                if tensor is None or tensor.shape != parameter.shape:
                    complaints.append(f"{architecture} has '{index}.{kind}' of shape {tuple(parameter.shape)}")
                    break
                ours[f"convolutions.{name}.{kind}"] = tensor.float()
        if len(ours) == 2 * len(network.widths):
            load_strict(network, ours, path)
            return network.frozen()
    raise WeightsError(
        f"{path} is not a VGG-16 or VGG-19 ({'; '.join(complaints)}); "
        "give a safetensors file with the keys of torchvision's vgg16().features."
    )


def torchvision_indices(blocks: Blocks) -> dict[str, int]:
    """Convolution (``1_1``) -> its index in torchvision's ``features``, which also counts activations and poolings."""
    indices, number = {}, 0
    for block, widths in enumerate(blocks, start=1):
        for position in range(1, len(widths) + 1):
            indices[f"{block}_{position}"] = number
            number += 2
        number += 1
    return indices


def _widths(blocks: Blocks, last: str) -> dict[str, int]:
    """Convolution -> channels, up to the layer ``last``."""
    widths = {
        f"{block}_{position}": width
        for block, row in enumerate(blocks, start=1)
        for position, width in enumerate(row, start=1)
    }
    names = list(widths)
    if last[:4] not in ("conv", "relu") or last[4:] not in names:
        raise ParameterError(f"There is no layer {last!r}; the last convolution is conv{names[-1]}.")
    return {name: widths[name] for name in names[: names.index(last[4:]) + 1]}
