"""Add a painting to a trained network: the filters are frozen, only a new row of scales and shifts is trained.

Dumoulin et al. 2017 (arXiv 1610.07629) show in the same way that all styles can share the filters. At width 16 a row
has ``2 x 803`` numbers, so a few hundred steps are enough. The other styles do not change.
"""

from typing import cast

import torch
from PIL import Image
from torch import Tensor

from hub.images import to_image
from hub.parameters import inherited
from methods.cin.method import Cin
from methods.parts.perceptual.losses import total_variation
from methods.parts.transformation.network import ImageTransformationNetwork
from methods.parts.transformation.normalisation import ConditionalInstanceNorm
from methods.parts.transformation.training import PerceptualSettings, PerceptualTask


class AddStyleSettings(PerceptualSettings):
    """Settings of ``stylehub add-style`` for the conditional network."""

    steps: int = inherited(PerceptualSettings, "steps", 200)
    # With this weight, a row trained alone comes as near to its painting, and to the photo, as rows trained with the filters.
    style_weight: float = inherited(PerceptualSettings, "style_weight", 2.0)
    learning_rate: float = inherited(PerceptualSettings, "learning_rate", 0.03)
    warmup: int = inherited(PerceptualSettings, "warmup", 10)
    average: float = inherited(
        PerceptualSettings, "average", 0.95, description="Decay of the row's moving average, which is saved."
    )
    workers: int = inherited(PerceptualSettings, "workers", 0)
    crops: list[int] = inherited(PerceptualSettings, "crops", [128, 192])
    crop_starts: list[float] = inherited(PerceptualSettings, "crop_starts", [0.0, 0.6])


class AddStyleTraining(PerceptualTask):
    """Start from the trained row that is nearest to the painting, then train a copy of it."""

    Settings = AddStyleSettings
    settings: AddStyleSettings

    def __init__(self, settings: AddStyleSettings, device: torch.device, base: Cin, painting: Image.Image) -> None:
        super().__init__(settings, device, [painting])
        self.network = with_one_row(base.network, self.nearest(base.network)).to(device)

    @torch.no_grad()
    def nearest(self, network: ImageTransformationNetwork) -> int:
        """The trained style with the smallest loss on two crops."""
        photos = torch.stack([self.crops.crop(index, 128) for index in range(2)]).to(self.device)
        losses = []
        for mix in torch.eye(network.styles, device=self.device):
            result = network(photos, mix.expand(len(photos), -1)).float()
            losses.append(self.loss(photos, result)["loss"])
        return int(torch.stack(losses).argmin())

    def parameter_groups(self) -> list[dict[str, object]]:
        return [{"params": [p for p in self.network.parameters() if p.requires_grad]}]

    def losses(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        photos = batch.contiguous(memory_format=torch.channels_last)
        return self.loss(photos, self.network(photos, photos.new_ones(len(photos), 1)).float())

    def loss(self, photos: Tensor, result: Tensor) -> dict[str, Tensor]:
        """The loss of ``result`` and its parts, each a mean over the batch."""
        s = self.settings
        content, style = self.perceptual(photos, result, torch.zeros(len(photos), dtype=torch.long))
        loss = s.content_weight * content + s.style_weight * style + s.variation_weight * total_variation(result)
        return {"loss": loss.mean(), "content": content.mean(), "style": style.mean() / len(self.grams)}

    @torch.no_grad()
    def sheet(self, network: ImageTransformationNetwork) -> Image.Image:
        """One crop in the style at this step."""
        photo = self.crops.crop(0, 256)[None].to(self.device)
        return to_image(network(photo, photo.new_ones(1, 1)).float())

    def row(self, network: ImageTransformationNetwork) -> dict[str, Tensor]:
        """Scale and shift of every layer, ``(1, channels)`` each, for ``Cin.adopt``."""
        return {name: tensor for name, tensor in network.state_dict().items() if ".norm." in name}


def with_one_row(network: ImageTransformationNetwork, style: int) -> ImageTransformationNetwork:
    """A network with the frozen filters of ``network`` and one trainable row, a copy of row ``style``."""
    one = ImageTransformationNetwork(1, network.width)
    for name, tensor in network.state_dict().items():
        one.state_dict()[name].copy_(tensor[style : style + 1] if ".norm." in name else tensor)
    one.requires_grad_(False)
    for module in one.modules():
        if isinstance(module, ConditionalInstanceNorm):
            cast(torch.nn.Module, module).requires_grad_(True)
    return one.to(memory_format=torch.channels_last)
