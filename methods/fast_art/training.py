"""Training of one network for one painting.

Johnson et al. 2016 (arXiv 1603.08155), with the layers of later "fast style transfer": content at relu4_2, Gram
matrices at relu1_1 to relu5_1, total variation. The papers start from random weights and see 80,000 photos twice, four
per step. Here a network starts from one row of a conditional network, which has the same layers; a few hundred steps
are enough.
"""

import torch
from PIL import Image
from torch import Tensor

from hub.images import to_image
from hub.parameters import inherited
from methods.fast_art.one_style import OneStyleSettings, OneStyleTraining, read_style
from methods.parts.perceptual.losses import total_variation
from methods.parts.sheets import contact_sheet
from methods.parts.transformation.network import ImageTransformationNetwork
from methods.parts.transformation.training import PerceptualSettings, PerceptualTask


class FastArtSettings(OneStyleSettings, PerceptualSettings):
    """Settings of ``stylehub train fast-art``."""

    style_weight: float = inherited(
        PerceptualSettings,
        "style_weight",
        5.0,
        description="Weight of the mean of the relative Gram errors, five layers.",
    )
    content_weight: float = inherited(
        PerceptualSettings, "content_weight", 1.0, description="Weight of the relative relu4_2 error."
    )
    steps: int = inherited(PerceptualSettings, "steps", 800)
    learning_rate: float = inherited(PerceptualSettings, "learning_rate", 3e-3)
    warmup: int = inherited(PerceptualSettings, "warmup", 20)
    average: float = inherited(PerceptualSettings, "average", 0.99)
    crop_starts: list[float] = inherited(PerceptualSettings, "crop_starts", [0.0, 0.6, 0.92])


class FastArtTraining(PerceptualTask, OneStyleTraining):
    """Every photo is painted in the same style."""

    Settings = FastArtSettings
    method = "fast-art"
    content_layers = ("relu4_2",)
    style_layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    settings: FastArtSettings

    def __init__(self, settings: FastArtSettings, device: torch.device) -> None:
        painting, self.style = read_style(settings)
        super().__init__(settings, device, [painting])
        self.network = self.beginning()

    @torch.no_grad()
    def trial(self, network: ImageTransformationNetwork) -> Tensor:
        """The loss of ``network`` for this painting on one crop."""
        photos = self.crops.crop(0, 128)[None].to(self.device)
        return self.loss(photos, network(photos, photos.new_ones(1, 1)).float())["loss"]

    def losses(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        photos = batch.contiguous(memory_format=torch.channels_last)
        return self.loss(photos, self.network(photos, photos.new_ones(len(photos), 1)).float())

    def loss(self, photos: Tensor, result: Tensor) -> dict[str, Tensor]:
        """The loss of ``result`` and its parts, each a mean over the batch."""
        s = self.settings
        content, style = self.perceptual(photos, result, torch.zeros(len(photos), dtype=torch.long))
        style, variation = style / len(self.style_layers), total_variation(result)
        loss = s.content_weight * content + s.style_weight * style + s.variation_weight * variation
        return {"loss": loss.mean(), "content": content.mean(), "style": style.mean(), "variation": variation.mean()}

    @torch.no_grad()
    def sheet(self, network: ImageTransformationNetwork) -> Image.Image:
        """Four crops in the top row, their results below."""
        photos = torch.stack([self.crops.crop(index, 256) for index in range(4)]).to(self.device)
        results = network(photos, photos.new_ones(len(photos), 1)).float()
        return contact_sheet([to_image(cell[None]) for cell in (*photos, *results)], columns=4)
