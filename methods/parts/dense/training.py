"""The common part of the trainings of hourglass networks: pairs of photo and map, augmentation, the start."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from torch import Tensor

from hub.images import to_tensor
from hub.parameters import inherited
from hub.training import TrainingSettings, TrainingTask
from hub.training.data import Epochs, Shards
from methods.parts.dense.hourglass import TAPS, Hourglass
from methods.parts.perceptual.backbone import read_slim

Plane = NDArray[Any]


class DenseSettings(TrainingSettings):
    """Settings that ``stylehub train depth`` and ``stylehub train segmentation`` share."""

    muon_rate: float = inherited(
        TrainingSettings, "muon_rate", 0.01, description="Muon's peak learning rate, for new convolution kernels."
    )
    encoder_factor: float = Field(0.03, ge=0, description="Learning rate of the encoder, relative to Adam's.")


class DenseTraining(TrainingTask):
    """The encoder starts from ``vgg-slim`` and changes slowly; the rest starts from random weights."""

    settings: DenseSettings
    network: Hourglass

    def __init__(self, settings: DenseSettings, device: torch.device, outputs: int) -> None:
        self.settings, self.device = settings, device
        torch.manual_seed(settings.seed)
        slim = read_slim([TAPS[-1]])
        self.network = Hourglass(slim.blocks, outputs)
        own = self.network.encoder.state_dict()
        self.network.encoder.load_state_dict({name: t for name, t in slim.state_dict().items() if name in own})
        self.network = self.network.to(device).to(memory_format=torch.channels_last)

    def parameter_groups(self) -> list[dict[str, object]]:
        kernels: list[torch.nn.Parameter] = []
        rest: list[torch.nn.Parameter] = []
        for name, p in self.network.named_parameters():
            if not name.startswith("encoder."):
                (kernels if p.ndim == 4 and p.shape[2] == 3 and not name.startswith("last.") else rest).append(p)
        return [
            {"params": kernels, "muon": True},
            {"params": rest},
            {"params": list(self.network.encoder.parameters()), "factor": self.settings.encoder_factor},
        ]


class Pairs:
    """Photos with their maps from the same shards, in shuffled epochs."""

    def __init__(self, paths: Sequence[Path | str], extension: str, seed: int) -> None:
        self.photos, self.maps = Shards(paths), Shards(paths, extension)
        self.epochs = Epochs(len(self.photos), seed)

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> tuple[Image.Image, Plane]:
        """Pair ``index`` of the epochs."""
        return self.pair(self.epochs[index])

    def pair(self, number: int) -> tuple[Image.Image, Plane]:
        """Photo ``number`` and the values ``(H, W)`` of its map."""
        return self.photos.image(number), np.asarray(Image.open(io.BytesIO(self.maps.read(number))))


def cut(
    photo: Image.Image, plane: Plane, size: tuple[int, int], smallest: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A random crop of both, resized to ``size`` and varied: ``(3, H, W)``, ``(H, W)``. ``smallest`` is its least share."""
    rows, columns = plane.shape
    share = rng.uniform(smallest, 1)
    height = share * min(rows, columns * size[0] / size[1])
    width = height * size[1] / size[0] * rng.uniform(0.85, 1)
    top, left = rng.uniform(0, rows - height), rng.uniform(0, columns - width)
    box = (left, top, left + width, top + height)
    pixels = to_tensor(photo.resize(size[::-1], Image.Resampling.BILINEAR, box=box))[0]
    y = (top + (np.arange(size[0]) + 0.5) * height / size[0]).astype(int)
    x = (left + (np.arange(size[1]) + 0.5) * width / size[1]).astype(int)
    return varied(pixels, torch.from_numpy(plane[y][:, x]), rng)


def varied(photo: Tensor, plane: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mirror both at random, and change the photo's colours at random."""
    if rng.random() < 0.5:
        photo, plane = photo.flip(2), plane.flip(1)
    gains = torch.tensor(rng.uniform(0.75, 1.25) * rng.uniform(0.9, 1.1, 3), dtype=torch.float32)
    photo = (photo.clamp(0, 1) ** float(rng.uniform(0.7, 1.4)) * gains[:, None, None]).clamp(0, 1)
    if rng.random() < 0.1:
        photo = photo.mean(0, keepdim=True).expand(3, -1, -1)
    return photo.contiguous(), plane.contiguous()
