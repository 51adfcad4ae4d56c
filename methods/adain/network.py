"""Encoder, adaptive instance normalisation, decoder.

Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization" (arXiv 1703.06868),
section 5: the encoder is VGG up to relu4_1, the decoder mirrors it with nearest upsampling and reflected borders and
has no normalisation of its own.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.weights import network_sha256
from methods.parts.perceptual.vgg import VGG, Blocks
from methods.parts.transformation.normalisation import EPSILON

LAYER = "relu4_1"
STRIDE = 8  # pixels a feature stands for


class Statistics(NamedTuple):
    """Mean and standard deviation of each channel: ``(N, C)`` each."""

    mean: Tensor
    deviation: Tensor


class AdaINNetwork(nn.Module):
    """``blocks`` are the encoder's channels, as VGG's; ``encoder`` is frozen, ``decoder`` is what a training learns."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()
        self.encoder = VGG(blocks, LAYER, padding="reflect")
        self.decoder = Decoder(blocks)

    def encode(self, pictures: Tensor) -> Tensor:
        """Features ``(N, C, H / 8, W / 8)`` of ``(N, 3, H, W)`` in [0, 1]; H and W are multiples of 8, at least 16."""
        features: Tensor = self.encoder(pictures, [LAYER])[LAYER]
        return features

    def decode(self, features: Tensor) -> Tensor:
        """The picture ``(N, 3, 8 h, 8 w)`` of ``(N, C, h, w)``: about [0, 1], not clamped."""
        pictures: Tensor = self.decoder(features)
        return pictures

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of what ``describe`` gives."""
        return 2, self.encoder.channels(LAYER)

    def encoder_hash(self) -> str:
        """What vectors of this encoder are marked with: the sha256 of its numbers."""
        return network_sha256(self.encoder)

    def describe(self, pixels: Tensor) -> Tensor:
        """Means and deviations ``(2, C)`` of the features of a painting ``(1, 3, H, W)``, as ``encode`` takes it."""
        parameter = next(self.parameters())
        return torch.cat(statistics(self.encode(pixels.to(parameter.device, parameter.dtype))))


class Decoder(nn.Module):
    """VGG up to conv4_1 the other way round, every pooling a nearest upsampling."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()
        widths = [*blocks[0], *blocks[1], *blocks[2], blocks[3][0]]
        ups = [len(blocks[0]), len(blocks[0]) + len(blocks[1]), len(widths) - 1]  # convolutions that followed a pooling
        self.layers = nn.ModuleList(
            nn.Conv2d(wide, narrow, 3, padding=1, padding_mode="reflect")
            for wide, narrow in zip(widths[::-1], [*widths[-2::-1], 3], strict=True)
        )
        self.upsampled_after = {len(widths) - 1 - index for index in ups}

    def forward(self, features: Tensor) -> Tensor:
        x = features
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index < len(self.layers) - 1:
                x = F.relu(x)
            if index in self.upsampled_after:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
        return x


def statistics(features: Tensor) -> Statistics:
    """Of ``(N, C, H, W)``, in float32."""
    variance, mean = torch.var_mean(features.float(), dim=(2, 3), correction=0)
    return Statistics(mean, (variance + EPSILON).sqrt())


def adain(content: Tensor, own: Statistics, style: Statistics) -> Tensor:
    """``content`` ``(N, C, H, W)``, whose statistics are ``own``, with those of ``style``: equation 8 of the paper."""
    if content.dtype == torch.float16:
        # It ends at 65504, and where a photo lacks what the painting is full of the factor is larger. In units of the
        # photo's own deviation nothing is large until it is the painting's.
        mean, deviation, new_mean, new_deviation = (t[:, :, None, None].half() for t in (*own, *style))
        largest = torch.finfo(torch.float16).max
        return (content - mean).div_(deviation).mul_(new_deviation).add_(new_mean).clamp_(-largest, largest)
    factor = style.deviation / own.deviation
    offset = style.mean - own.mean * factor
    return torch.addcmul(
        offset[:, :, None, None].to(content.dtype), content, factor[:, :, None, None].to(content.dtype)
    )
