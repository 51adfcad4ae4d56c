"""The common part of trainings with a perceptual network: photo crops, content loss, style loss.

Johnson et al. 2016 (arXiv 1603.08155), equations 2 to 4. All losses are relative, see ``perceptual/losses.py``.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from hub.images import at_short_side, to_tensor
from hub.training import TrainingSettings
from hub.training.data import Epochs, open_photos
from methods.parts.perceptual.losses import CONTENT_LAYER, STYLE_LAYERS, gram_matrix, relative_error, style_distances
from methods.parts.perceptual.training import PerceptualLearning
from methods.parts.transformation.network import ImageTransformationNetwork


class PerceptualSettings(TrainingSettings):
    """Settings of every training with VGG features."""

    content: list[Path] = Field(description="Photos: pictures, folders, patterns, or tar shards (WebDataset layout).")
    vgg: Path | None = Field(
        None,
        description="VGG-16 or VGG-19 as safetensors, keys as torchvision's. Default: the file of STYLEHUB_VGG, a VGG-19 "
        "downloaded before, or the bundled vgg-slim.",
    )
    crops: list[int] = Field(
        [128, 192, 256],
        description="Side of the photo crops in each part of the training: small ones are fast, large ones teach strokes.",
    )
    crop_starts: list[float] = Field([0.0, 0.4, 0.8], description="Start of each part, as a share of all steps.")
    style_size: int = Field(512, ge=64, description="Short side of the paintings, which sets the size of the strokes.")
    content_weight: float = Field(1.0, ge=0, description="Weight of the relative error at the content layers.")
    content_floor: float = Field(
        0.2,
        ge=0,
        description="Least energy of a photo's features, as a share of the typical energy: empty crops weigh less.",
    )
    style_weight: float = Field(1.0, ge=0, description="Weight of the relative Gram errors, summed over four layers.")
    variation_weight: float = Field(4.0, ge=0, description="Weight of the total variation.")


class ArbitrarySettings(PerceptualSettings):
    """Settings of every training of a network for any painting."""

    paintings: list[Path] = Field(description="Paintings: pictures, folders, patterns, or tar shards.")
    presets: Path | None = Field(
        None, description="A folder of paintings whose vectors are saved with the weights; styles.csv is optional."
    )
    initial: Path | None = Field(None, description="Weights to start from, such as an earlier run's model.safetensors.")


class PhotoCrops(Dataset[Tensor]):
    """For each step ``(batch, 3, crop, crop)`` in [0, 1]: crops of photos, scaled to a short side of 288 to 512 pixels."""

    SAMPLED: ClassVar = 192  # side of the crops of ``sample``

    def __init__(self, settings: PerceptualSettings) -> None:
        self.settings = settings
        self.photos = open_photos(settings.content)
        self.epochs = Epochs(len(self.photos), settings.seed)
        self.opened: tuple[int, Image.Image] | None = None  # the last photo, often the only one

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> Tensor:
        s = self.settings
        return torch.stack([self.crop(step * s.batch + slot, self.side(step)) for slot in range(s.batch)])

    def side(self, step: int) -> int:
        """The side of the crops of ``step``."""
        s = self.settings
        return [crop for crop, begin in zip(s.crops, s.crop_starts, strict=True) if step >= begin * s.steps][-1]

    def crop(self, index: int, side: int) -> Tensor:
        """One crop. An empty one is drawn again: instance normalisation would amplify its rounding errors."""
        rng = np.random.default_rng([self.settings.seed, 1, index])
        number = self.epochs[index]
        if self.opened is None or self.opened[0] != number:
            self.opened = number, self.photos.image(number)
        for _ in range(8):
            crop = self.draw(self.opened[1], side, rng)
            if crop.std() > 0.03:
                break
        return crop

    def sample(self) -> Tensor:
        """A few crops, of one size for all settings: ``(16, 3, SAMPLED, SAMPLED)``."""
        return torch.stack([self.crop(index, self.SAMPLED) for index in range(16)])

    def draw(
        self,
        photo: Image.Image,
        side: int,
        rng: np.random.Generator,
        sizes: tuple[int, int] = (288, 512),
        grey: float = 0.1,
    ) -> Tensor:
        """A square of ``side`` of ``photo`` scaled to a short side between ``sizes``."""
        short = min(photo.size)
        scale = rng.uniform(max(sizes[0], side), max(sizes[1], side)) / short
        region = min(short, side / scale)
        x, y = rng.uniform(0, photo.width - region), rng.uniform(0, photo.height - region)
        photo = photo.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + region, y + region))
        if rng.random() < 0.5:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if rng.random() < grey:  # without grey photos in training, faces in grey photos are lost
            photo = photo.convert("L").convert("RGB")
        return to_tensor(photo)[0]


class PerceptualTask(PerceptualLearning):
    """A task whose losses compare the photo's content features and the painting's Gram matrices."""

    content_layers: tuple[str, ...] = (CONTENT_LAYER,)
    style_layers: ClassVar[tuple[str, ...]] = STYLE_LAYERS
    settings: PerceptualSettings
    network: ImageTransformationNetwork

    def __init__(self, settings: PerceptualSettings, device: torch.device, paintings: list[Image.Image]) -> None:
        super().__init__(settings, device, self.layers)
        self.crops = PhotoCrops(settings)
        self.energy = {k: settings.content_floor * mean for k, mean in self.typical_energy().items()}
        per_style = [self.style_grams(painting) for painting in paintings]
        self.grams = {layer: torch.cat([grams[layer] for grams in per_style]) for layer in self.style_layers}

    @property
    def layers(self) -> set[str]:
        return {*self.content_layers, *self.style_layers}

    def typical_energy(self) -> dict[str, float]:
        """Mean square of the features at each content layer, over a few crops."""
        with torch.no_grad():
            features = self.vgg(self.crops.sample().to(self.device), self.content_layers)
        return {layer: f.float().square().mean().item() for layer, f in features.items()}

    def style_grams(self, painting: Image.Image) -> dict[str, Tensor]:
        pixels = to_tensor(at_short_side(painting, self.settings.style_size)).to(self.device)
        with torch.no_grad():
            return {layer: gram_matrix(f) for layer, f in self.vgg(pixels, self.style_layers).items()}

    def batches(self) -> Dataset[Tensor]:
        return self.crops

    def perceptual(self, photos: Tensor, result: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Relative errors: of the content, mean over the layers, and of the Gram matrices, their sum: each ``(N,)``.

        ``chosen`` ``(N,)`` is the index of each picture's painting.
        """
        with torch.no_grad():
            wanted = self.vgg(photos, self.content_layers)
        features = self.vgg(result, self.layers)
        content = [relative_error(features[k], wanted[k], self.energy[k]) for k in self.content_layers]
        grams = {layer: grams[chosen] for layer, grams in self.grams.items()}
        return torch.stack(content).mean(0), style_distances(features, grams).sum(0)
