"""The context aggregation network of Chen, Xu & Koltun 2017: convolutions that look ever farther apart."""

import torch.nn.functional as F
from torch import nn

DILATIONS = (1, 2, 4)


class Network(nn.Module):
    """Pictures ``(N, 3, H, W)`` in [0, 1] to about the same; a pixel depends on 7 pixels in every direction."""

    def __init__(self, width):
        super().__init__()
        inputs = (3, width, width)
        self.layers = nn.ModuleList(nn.Conv2d(n, width, 3, dilation=d) for n, d in zip(inputs, DILATIONS, strict=True))
        self.last = nn.Conv2d(width, 3, 1)

    def forward(self, pictures):
        features = pictures
        for layer, d in zip(self.layers, DILATIONS, strict=True):
            features = F.leaky_relu(layer(F.pad(features, (d, d, d, d), mode="replicate")), 0.2)
        return pictures + self.last(features)
