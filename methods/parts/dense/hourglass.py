"""Dense prediction from one photo: a depth map, or class scores per pixel.

An hourglass with skip connections, after Chen et al. 2016, "Single-Image Depth Perception in the Wild" (arXiv
1604.03901). Its first half is the bundled ``vgg-slim`` up to relu4_1: features learnt from a million photos help more
than many layers trained on a thousand labelled photos.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from hub.registry import PACKAGE_ROOT, parts
from hub.weights import checked_config, find_weights, load_strict, read_config, read_safetensors
from methods.parts.perceptual.vgg import VGG, Blocks

TAPS = ("relu2_2", "relu3_3", "relu4_1")  # at 1/2, 1/4 and 1/8 of the picture's sides
STRIDE = 32  # sides of the input are multiples of this
SIDE = 256  # short side in pixels of the input, as in training


class Hourglass(nn.Module):
    """``blocks`` are the channels of the VGG encoder, ``outputs`` is the number of maps, ``width`` that of the waist."""

    def __init__(self, blocks: Blocks, outputs: int = 1, width: int = 128) -> None:
        super().__init__()
        self.encoder = VGG(blocks, TAPS[-1], padding="reflect")
        half, quarter, eighth = (self.encoder.channels(tap) for tap in TAPS)
        # Deeper VGG features have larger values. Without scaling they would dominate every sum.
        self.scaled = nn.ModuleDict({tap: nn.GroupNorm(1, self.encoder.channels(tap)) for tap in TAPS})
        self.down16 = Convolution(eighth + 2, width)
        self.down32 = Convolution(width, width)
        self.waist = Convolution(width, width)
        self.whole = nn.Linear(width, width)  # features of the whole picture: a room, a street, a close-up
        self.up16 = Convolution(width, width)
        self.skip8 = nn.Conv2d(eighth, width, 1)
        self.up8 = Convolution(width, 64)
        self.skip4 = nn.Conv2d(quarter, 64, 1)
        self.up4 = Convolution(64, 48)
        self.skip2 = nn.Conv2d(half, 48, 1)
        self.up2 = Convolution(48, 32)
        self.last = nn.Conv2d(32, outputs, 3, padding=1, padding_mode="replicate")

    def forward(self, photos: Tensor) -> Tensor:
        """``(N, 3, H, W)`` in [0, 1], sides multiples of 32, to ``(N, outputs, H / 2, W / 2)``."""
        features = self.encoder(photos, TAPS)
        half, quarter, eighth = (self.scaled[tap](features[tap]) for tap in TAPS)
        sixteenth = self.down16(torch.cat([F.avg_pool2d(eighth, 2), _places(eighth)], 1))
        x = self.waist(self.down32(F.avg_pool2d(sixteenth, 2)))
        x = x + self.whole(x.mean((2, 3)))[:, :, None, None]
        x = self.up16(_double(x) + sixteenth)
        x = self.up8(_double(x) + self.skip8(eighth))
        x = self.up4(_double(x) + self.skip4(quarter))
        x = self.up2(_double(x) + self.skip2(half))
        found: Tensor = self.last(x)
        return found


class Convolution(nn.Module):
    """3x3 convolution, group normalisation, ReLU."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, width, 3, padding=1, padding_mode="replicate", bias=False)
        self.normalisation = nn.GroupNorm(8, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.normalisation(self.convolution(x)))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _places(x: Tensor) -> Tensor:
    """Row and column positions, -1 to 1, as ``(N, 2, H / 2, W / 2)`` for ``(N, C, H, W)``."""
    rows, columns = (torch.linspace(-1, 1, side // 2, device=x.device, dtype=x.dtype) for side in x.shape[-2:])
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(len(x), -1, -1, -1)


class HourglassConfig(BaseModel):
    """The metadata in a file of weights."""

    model_config = ConfigDict(extra="ignore")

    blocks: tuple[tuple[int, ...], ...] = Field(min_length=4, max_length=5)


@lru_cache(maxsize=4)
def bundled(part: str, outputs: int, device: torch.device) -> Hourglass:
    """The bundled network of this name. Raises ``WeightsError``."""
    spec = parts()[part].weights
    assert spec is not None
    path = find_weights(spec, root=PACKAGE_ROOT)
    config = checked_config(HourglassConfig, read_config(path), str(path))
    network = Hourglass(config.blocks, outputs)
    load_strict(network, read_safetensors(path), path)
    return network.requires_grad_(False).eval().to(device).to(memory_format=torch.channels_last)


def network_size(photo: Tensor, side: int, multiple: int) -> tuple[int, int]:
    """Rows and columns, multiples of ``multiple``, at which a network sees ``photo`` ``(N, 3, H, W)``.

    The short side is ``side`` pixels; the long side of a panorama is reduced to at most four times as many.
    """
    height, width = photo.shape[-2:]
    scale = side / min(height, width)
    rows, columns = (max(multiple, round(min(n * scale, 4 * side) / multiple) * multiple) for n in (height, width))
    return rows, columns


def predict_dense(model: Hourglass, photo: Tensor) -> tuple[Tensor, Tensor]:
    """``photo`` ``(1, 3, H, W)`` at the network's size, and the maps ``(1, outputs, h, w)`` at that size, float32."""
    rows, columns = network_size(photo, SIDE, STRIDE)
    small = F.interpolate(photo, (rows, columns), mode="bilinear", antialias=True)
    with torch.autocast(photo.device.type, dtype=torch.bfloat16, enabled=photo.device.type != "mps"):
        found = model(small.contiguous(memory_format=torch.channels_last))
    return small, F.interpolate(found.float(), (rows, columns), mode="bilinear", align_corners=False)
