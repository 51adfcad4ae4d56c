"""Training of one network for the colours of one photo, with the matting Laplacian as the penalty for realism.

The network of fast-art with the losses of Luan et al. 2017 (arXiv 1703.07511):

1. realism: ``1/N sum_V |M V(O) - M V(C)|^2``;
2. style: Gram matrices, region by region;
3. smoothness: total variation.

In training only, the losses see 0.85 of the result plus 0.15 of the photo. ``matrices.py`` prepares shards with the
matrices M and the regions.

The realism term does not prevent blur: M is 0 for the photo, but also for an even picture; it only punishes detail that
differs from the photo's. Therefore the first part of the training, the opening, teaches the network to draw: its target
is Reinhard's colour transfer from the style photo, pixel by pixel.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor
from torch.utils.data import Dataset

from hub.errors import TrainingError
from hub.images import at_short_side, resized, to_image, to_tensor
from hub.parameters import inherited
from hub.training import TrainingSettings
from hub.training.data import Epochs, Shards
from methods.fast_art.one_style import OneStyleSettings, OneStyleTraining, read_style
from methods.fast_art.training import FastArtTraining
from methods.fast_photo_affine.stencil import affine_loss
from methods.parts.color import reinhard
from methods.parts.dense.segmentation.groups import GROUPS
from methods.parts.dense.segmentation.masks import SMALLEST, paired
from methods.parts.dense.segmentation.parse import parse
from methods.parts.perceptual.losses import relative_error, total_variation
from methods.parts.perceptual.masked import mask_pyramid, masked_grams
from methods.parts.sheets import contact_sheet
from methods.parts.transformation.network import ImageTransformationNetwork

(CONTENT_LAYER,), STYLE_LAYERS = FastArtTraining.content_layers, FastArtTraining.style_layers
LAYERS = {CONTENT_LAYER, *STYLE_LAYERS}
PREPARED = "prepare photos by `python -m methods.fast_photo_affine.matrices PHOTOS --out shards/` and give that folder"


class FastPhotoAffineSettings(OneStyleSettings):
    """Settings of ``stylehub train fast-photo-affine``."""

    content: list[Path] = Field(description="Shards that `python -m methods.fast_photo_affine.matrices` wrote.")
    vgg: Path | None = Field(
        None, description="VGG-16 or VGG-19 as safetensors. Default: the best on this machine, as in every training."
    )
    style_size: int = Field(256, ge=64, description="Short side of the style photo in pixels.")
    blend: float = Field(0.15, ge=0, lt=1, description="Share of the photo mixed into the result, in training only.")
    opening: float = Field(0.57, ge=0, le=1, description="Share of the steps whose target is Reinhard's transfer.")
    affine_weight: float = Field(100.0, ge=0, description="Weight of |M V(O) - M V(C)|^2 per pixel.")
    style_weight: float = Field(1.0, ge=0, description="Weight of the masked Gram matrices' mean relative error.")
    content_weight: float = Field(
        0.0, ge=0, description="Weight of fast-art's content loss, the relative relu4_2 error; 0: no such loss."
    )
    variation_weight: float = Field(0.1, ge=0, description="Weight of the total variation.")
    steps: int = inherited(TrainingSettings, "steps", 700)
    batch: int = inherited(TrainingSettings, "batch", 3)
    learning_rate: float = inherited(TrainingSettings, "learning_rate", 3e-3)
    warmup: int = inherited(TrainingSettings, "warmup", 20)
    average: float = inherited(TrainingSettings, "average", 0.99)


class Prepared(Dataset[dict[str, Tensor]]):
    """For each step ``photos`` ``(N, 3, S, S)``, ``groups`` ``(N, 10, S, S)``, ``matting`` ``(N, 12, S, S)``, ``mirrored``
    ``(N,)``. Photos and groups are in [0, 1] and mirrored where ``mirrored`` is true; ``matting`` never is.
    """

    def __init__(self, settings: FastPhotoAffineSettings) -> None:
        self.settings = settings
        try:
            self.photos, self.facts = Shards(settings.content, "png"), Shards(settings.content, "safetensors")
        except TrainingError as error:
            raise TrainingError(f"{str(error).partition(';')[0].rstrip('.')}; {PREPARED}.") from None
        self.epochs = Epochs(len(self.photos), settings.seed)

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        items = [self.item(step * self.settings.batch + slot) for slot in range(self.settings.batch)]
        if len({item["photos"].shape for item in items}) > 1:
            raise TrainingError(f"The photos of these shards are not all of one size; {PREPARED}.")
        return {name: torch.stack([item[name] for item in items]) for name in items[0]}

    def item(self, index: int) -> dict[str, Tensor]:
        """The ``index``-th photo of the epochs, mirrored half the time."""
        number = self.epochs[index]
        photo = to_tensor(self.photos.image(number))[0]
        try:
            facts = load(self.facts.read(number))
            matting, groups = facts["matting"], facts["groups"].float() / 255
        except (SafetensorError, KeyError):
            raise TrainingError(f"Sample {number} of these shards has no matting Laplacian; {PREPARED}.") from None
        mirrored = np.random.default_rng([self.settings.seed, 1, index]).random() < 0.5
        if mirrored:
            photo, groups = photo.flip(2), groups.flip(2)
        return {"photos": photo, "groups": groups, "matting": matting, "mirrored": torch.tensor(mirrored)}


class FastPhotoAffineTraining(OneStyleTraining):
    """Every photo gets the colours of the same style photo."""

    Settings = FastPhotoAffineSettings
    method = "fast-photo-affine"
    settings: FastPhotoAffineSettings

    def __init__(self, settings: FastPhotoAffineSettings, device: torch.device) -> None:
        picture, self.style = read_style(settings)
        self.prepared = Prepared(settings)
        super().__init__(settings, device, LAYERS)
        self.style_pixels = to_tensor(at_short_side(picture, settings.style_size)).to(device)
        self.style_groups = parse(self.style_pixels)
        self.grams = self.style_grams()
        self.network = self.beginning()

    @torch.no_grad()
    def trial(self, network: ImageTransformationNetwork) -> Tensor:
        """The error of ``network`` in the opening."""
        photos = self.prepared[0]["photos"].to(self.device)
        return self.opening_error(network(photos, photos.new_ones(len(photos), 1)).float(), photos)

    @torch.no_grad()
    def style_grams(self) -> dict[str, dict[str, Tensor]]:
        """For each group's title and each layer the Gram matrix ``(1, C, C)`` of this region of the style photo.

        For a group that the style photo lacks it is that of the whole photo.
        """
        features = self.vgg(self.style_pixels, STYLE_LAYERS)
        everywhere = torch.ones_like(self.style_pixels[:, :1])
        grams = {}
        for number, group in enumerate(GROUPS):
            mask = self.style_groups[:, [number]]
            places = mask_pyramid(mask if mask.mean() > SMALLEST else everywhere, self.vgg, STYLE_LAYERS)
            grams[group.title] = {layer: masked_grams(f, [places[layer]])[0] for layer, f in features.items()}
        return grams

    def batches(self) -> Dataset[dict[str, Tensor]]:
        return self.prepared

    def losses(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        s, photos = self.settings, batch["photos"].contiguous(memory_format=torch.channels_last)
        result = self.blended(self.network(photos, photos.new_ones(len(photos), 1)).float(), photos)
        as_prepared = (unmirrored(pictures, batch["mirrored"]) for pictures in (result, photos))
        parts = {"affine": affine_loss(batch["matting"], *as_prepared).mean()}
        if step < s.opening * s.steps:
            return {"loss": self.opening_error(result, photos), **parts}
        features = self.vgg(result, LAYERS)
        parts |= {"style": self.style_error(features, batch["groups"]), "variation": total_variation(result).mean()}
        loss = s.affine_weight * parts["affine"] + s.style_weight * parts["style"]
        loss = loss + s.variation_weight * parts["variation"]
        if s.content_weight:
            with torch.no_grad():
                wanted = self.vgg(photos, [CONTENT_LAYER])[CONTENT_LAYER]
            parts["content"] = relative_error(features[CONTENT_LAYER], wanted).mean()
            loss = loss + s.content_weight * parts["content"]
        return {"loss": loss, **parts}

    def opening_error(self, result: Tensor, photos: Tensor) -> Tensor:
        """Mean difference to Reinhard's colour transfer from the style photo."""
        return (result - reinhard(photos, self.style_pixels)).abs().mean()

    def blended(self, result: Tensor, photos: Tensor) -> Tensor:
        """``result`` mixed with a share of the photo, for the losses."""
        return torch.lerp(result, photos, self.settings.blend)

    def style_error(self, features: Mapping[str, Tensor], groups: Tensor) -> Tensor:
        """Relative error of the Gram matrices of each region, compared with the same region of the style photo.

        The mean over batch and layers; regions are weighted by their areas. ``groups`` is ``(N, 10, S, S)``.
        """
        total = groups.new_zeros(())
        for index in range(len(groups)):
            regions = paired(groups[[index]], self.style_groups)
            places = [mask_pyramid(region.photo, self.vgg, STYLE_LAYERS) for region in regions]
            wanted = [self.grams[region.name] for region in regions]
            for layer in STYLE_LAYERS:
                masks = [place[layer] for place in places]
                for place, gram, goal in zip(masks, masked_grams(features[layer][[index]], masks), wanted, strict=True):
                    total = total + place.share * relative_error(gram, goal[layer])[0]
        return total / (len(groups) * len(STYLE_LAYERS))

    @torch.no_grad()
    def sheet(self, network: ImageTransformationNetwork) -> Image.Image:
        """Five photos and the style photo in the top row, their results below."""
        photos = torch.stack([self.prepared.item(index)["photos"] for index in range(5)]).to(self.device)
        photos = torch.cat([photos, resized(self.style_pixels, (photos.shape[2], photos.shape[3]))])
        results = network(photos, photos.new_ones(len(photos), 1)).float()
        return contact_sheet([to_image(cell[None]) for cell in (*photos, *results)], columns=len(photos))


def unmirrored(pictures: Tensor, mirrored: Tensor) -> Tensor:
    """Undo the mirroring of ``pictures`` ``(N, 3, H, W)``, to fit their matting Laplacians; ``mirrored`` is ``(N,)``."""
    return torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
