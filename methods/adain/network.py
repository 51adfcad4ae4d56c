"""Encoder, adaptive instance normalisation, decoder.

Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization" (arXiv 1703.06868),
section 5. The encoder is VGG up to relu4_1. The decoder mirrors it, with nearest upsampling and reflection padding; it
has no normalisation layers.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.weights import network_sha256
from methods.parts.perceptual.statistics import Statistics, statistics
from methods.parts.perceptual.vgg import VGG, Blocks

LAYER = "relu4_1"
STRIDE = 8  # pixels per feature, in each direction


class AdaINNetwork(nn.Module):
    """``blocks`` are the channels of the VGG encoder. The encoder is frozen; training changes the decoder only."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()
        self.encoder = VGG(blocks, LAYER, padding="reflect")
        self.decoder = Decoder(blocks)

    def encode(self, pictures: Tensor) -> Tensor:
        """Features ``(N, C, H / 8, W / 8)`` of ``(N, 3, H, W)`` in [0, 1]; H and W are multiples of 8, at least 16."""
        features: Tensor = self.encoder(pictures, [LAYER])[LAYER]
        return features

    def decode(self, features: Tensor) -> Tensor:
        """Pictures ``(N, 3, 8 h, 8 w)`` from features ``(N, C, h, w)``: about [0, 1], not clamped."""
        pictures: Tensor = self.decoder(features)
        return pictures

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the result of ``describe``."""
        return 2, self.encoder.channels(LAYER)

    def encoder_hash(self) -> str:
        """The sha256 of the encoder's weights; every style vector names the encoder that made it."""
        return network_sha256(self.encoder)

    def describe(self, pixels: Tensor) -> Tensor:
        """Means and standard deviations ``(2, C)`` of the features of a painting ``(1, 3, H, W)``: see ``encode``."""
        parameter = next(self.parameters())
        return torch.cat(statistics(self.encode(pixels.to(parameter.device, parameter.dtype))))


class Decoder(nn.Module):
    """VGG up to conv4_1 in reverse order; a nearest upsampling replaces each pooling."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()
        widths = [*blocks[0], *blocks[1], *blocks[2], blocks[3][0]]
        ups = [len(blocks[0]), len(blocks[0]) + len(blocks[1]), len(widths) - 1]  # convolutions after a pooling
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


def adain(content: Tensor, own: Statistics, style: Statistics) -> Tensor:
    """Replace the statistics ``own`` of ``content`` ``(N, C, H, W)`` by those of ``style``: equation 8 of the paper."""
    if content.dtype == torch.float16:
        # It ends at 65504, and the factor is larger where a photo lacks what the painting is full of. In units of the
        # photo's own deviation nothing is large until it becomes the painting's.
        mean, deviation, new_mean, new_deviation = (t[:, :, None, None].half() for t in (*own, *style))
        largest = torch.finfo(torch.float16).max
        return torch.addcmul(new_mean, (content - mean).div_(deviation), new_deviation).clamp_(-largest, largest)
    factor = style.deviation / own.deviation
    offset = style.mean - own.mean * factor
    return torch.addcmul(
        offset[:, :, None, None].to(content.dtype), content, factor[:, :, None, None].to(content.dtype)
    )
