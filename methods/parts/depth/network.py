"""From a photo to inverse depth, known up to scale and shift.

An hourglass with skip connections, after Chen et al. 2016, "Single-Image Depth Perception in the Wild" (arXiv
1604.03901), whose first half is the bundled ``vgg-slim`` up to relu4_1: features that have seen a million photos are
worth more than any number of layers to nine hundred depth maps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.parts.vgg import VGG, Blocks

TAPS = ("relu2_2", "relu3_3", "relu4_1")  # at a half, a quarter and an eighth of the picture's sides
STRIDE = 32


class DepthNetwork(nn.Module):
    """``blocks`` are the encoder's channels, as VGG's; ``width`` those of the waist."""

    def __init__(self, blocks: Blocks, width: int = 128) -> None:
        super().__init__()
        self.encoder = VGG(blocks, TAPS[-1], padding="reflect")
        half, quarter, eighth = (self.encoder.channels(tap) for tap in TAPS)
        # VGG's features are of any size, the deeper the larger: unscaled they drown everything that they are added to.
        self.scaled = nn.ModuleDict({tap: nn.GroupNorm(1, self.encoder.channels(tap)) for tap in TAPS})
        self.down16 = Convolution(eighth + 2, width)
        self.down32 = Convolution(width, width)
        self.waist = Convolution(width, width)
        self.whole = nn.Linear(width, width)  # what the picture as a whole says: a room, a street, a close-up
        self.up16 = Convolution(width, width)
        self.skip8 = nn.Conv2d(eighth, width, 1)
        self.up8 = Convolution(width, 64)
        self.skip4 = nn.Conv2d(quarter, 64, 1)
        self.up4 = Convolution(64, 48)
        self.skip2 = nn.Conv2d(half, 48, 1)
        self.up2 = Convolution(48, 32)
        self.last = nn.Conv2d(32, 1, 3, padding=1, padding_mode="replicate")

    def forward(self, photos: Tensor) -> Tensor:
        """``(N, 3, H, W)`` in [0, 1], sides multiples of 32, to ``(N, 1, H / 2, W / 2)``: larger is nearer."""
        features = self.encoder(photos, TAPS)
        half, quarter, eighth = (self.scaled[tap](features[tap]) for tap in TAPS)
        sixteenth = self.down16(torch.cat([F.avg_pool2d(eighth, 2), _places(eighth)], 1))
        x = self.waist(self.down32(F.avg_pool2d(sixteenth, 2)))
        x = x + self.whole(x.mean((2, 3)))[:, :, None, None]
        x = self.up16(_double(x) + sixteenth)
        x = self.up8(_double(x) + self.skip8(eighth))
        x = self.up4(_double(x) + self.skip4(quarter))
        x = self.up2(_double(x) + self.skip2(half))
        depth: Tensor = self.last(x)
        return depth


class Convolution(nn.Module):
    """3x3, normalised in groups, ReLU."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, width, 3, padding=1, padding_mode="replicate", bias=False)
        self.normalisation = nn.GroupNorm(8, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.normalisation(self.convolution(x)))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _places(x: Tensor) -> Tensor:
    """Where everything is, -1 to 1 down and across: ``(N, 2, H / 2, W / 2)`` of ``(N, C, H, W)``."""
    rows, columns = (torch.linspace(-1, 1, side // 2, device=x.device, dtype=x.dtype) for side in x.shape[-2:])
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(len(x), -1, -1, -1)
