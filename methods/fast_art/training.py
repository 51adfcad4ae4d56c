"""How one network learns one painting.

Johnson et al. 2016 (arXiv 1603.08155) as "fast style transfer" rebuilt it: content at relu4_2, Gram matrices at relu1_1
to relu5_1, total variation. The papers begin with random weights and take two epochs of 80,000 photos, four a step. A
conditional network is a better beginning: with one row of its scales and shifts it is the very network, and a few hundred
steps are enough.
"""

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from hub.errors import TrainingError
from hub.images import read_image, to_image
from hub.method import Style
from hub.names import resolve
from hub.registry import NAME, info
from hub.sheets import contact_sheet
from hub.training import Recipe
from hub.weights import WeightsSpec, find_weights, load_strict, read_metadata, read_safetensors, write_model
from methods.parts.losses import total_variation
from methods.parts.perceptual import PerceptualLearning, PerceptualSettings
from methods.parts.transformation import ImageTransformationNetwork, Upsampling

logger = logging.getLogger(__name__)

SMALLEST = 128  # short side of a painting in pixels


class FastArtSettings(PerceptualSettings):
    """Settings of ``stylehub train fast-art``."""

    style: Path = Field(description="The painting; its file name becomes the style's.")
    title: str = Field("", description="What the painting is called.")
    artist: str = Field("", description="Who painted it.")
    year: str = Field("", description="When it was painted.")
    width: int = Field(32, ge=2, le=64, description="Channels of the first convolution; 32 is the papers'.")
    upsampling: Upsampling = Field(
        "resize",
        description="resize: bilinear, then a convolution. transposed: as in the papers; leaves a checkerboard.",
    )
    initial: Path | None = Field(
        None,
        description="Weights to start from, of this method or of a conditional network, whose width may be a part of "
        "--width; the bundled cin-25styles when left out.",
    )
    initial_style: str | None = Field(
        None, description="Which style of a conditional network to start from; the painting's own, or the nearest."
    )
    scratch: bool = Field(False, description="Start from random weights, as the papers do; that takes 40,000 steps.")
    style_weight: float = Field(5.0, ge=0, description="Weight of the mean of the relative Gram errors, five layers.")
    content_weight: float = Field(1.0, ge=0, description="Weight of the relative relu4_2 error.")
    variation_weight: float = Field(4.0, ge=0, description="Weight of the total variation.")
    steps: int = Field(800, ge=1, description="Optimiser steps.")
    muon_rate: float = Field(0.02, gt=0, description="Muon's peak learning rate, for convolution kernels; same decay.")
    learning_rate: float = Field(3e-3, gt=0, description="Adam's peak learning rate; cosine decay to zero.")
    warmup: int = Field(20, ge=0, description="Steps of linear warm-up.")
    average: float = Field(
        0.99, ge=0, lt=1, description="Decay of the moving average of the weights, which is what ships."
    )
    crop_starts: list[float] = Field([0.0, 0.6, 0.92], description="Where each part begins, as a share of all steps.")


class FastArtRecipe(PerceptualLearning, Recipe):
    """One painting for every photo."""

    Settings = FastArtSettings
    content_layer = "relu4_2"
    style_layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    settings: FastArtSettings

    def __init__(self, settings: FastArtSettings, device: torch.device) -> None:
        painting = read_image(settings.style).rgb
        if min(painting.size) < SMALLEST:
            raise TrainingError(
                f"{settings.style} has {painting.width}x{painting.height} pixels, too few to show a style; "
                f"give a picture of {SMALLEST} at least on its short side."
            )
        name = re.sub("[^a-z0-9]+", "-", settings.style.stem.lower()).strip("-")
        if not re.fullmatch(NAME, name):
            raise TrainingError(f"{settings.style.name!r} gives no name for a style; rename the file in plain letters.")
        self.style = Style(name=name, title=settings.title, artist=settings.artist, year=settings.year)
        super().__init__(settings, device, [painting])
        torch.manual_seed(settings.seed)
        network = ImageTransformationNetwork(1, settings.width, "tanh", settings.upsampling)
        if not settings.scratch:
            self.start(network, settings.initial or bundled())
        self.network = network.to(memory_format=torch.channels_last)

    def start(self, network: ImageTransformationNetwork, path: Path) -> None:
        """Give ``network`` the weights in ``path``: a fast-art run's, or of a conditional network one style's.

        Kernels that upsample keep their random numbers when ``path`` upsamples the other way.
        """
        config, tensors = json.loads(read_metadata(path).get("config", "{}")), read_safetensors(path)
        if config.get("method") == "cin":
            names = [known["name"] for known in config["styles"]]
            wanted = self.settings.initial_style or self.style.name
            if self.settings.initial_style or wanted in names:
                row = names.index(resolve(wanted, names, "style"))
            else:
                row = self.nearest(tensors, len(names), config["width"])
                logger.info("Starting from %s.", names[row])
            tensors = fold_row(tensors, row)
        elif config.get("method") != "fast-art":
            raise TrainingError(f"{path} holds no weights of fast-art or cin; give others with --initial.")
        if network.upsampling != config.get("upsampling", "resize"):
            own = network.state_dict()
            for index, layer in enumerate(network.layers):
                if layer.upsample:
                    tensors[f"layers.{index}.convolution.weight"] = own[f"layers.{index}.convolution.weight"]
        load_strict(network, widen(tensors, network), path)

    @torch.no_grad()
    def nearest(self, tensors: Mapping[str, Tensor], rows: int, width: int) -> int:
        """The row of a conditional network whose picture of a photo crop has the least loss for this painting."""
        network = ImageTransformationNetwork(1, width, "tanh").to(self.device)
        photos = self.crops.crop(0, 128)[None].to(self.device)
        losses = []
        for row in range(rows):
            load_strict(network, fold_row(tensors, row), "a row")
            losses.append(self.loss(photos, network(photos, photos.new_ones(1, 1)).float())["loss"])
        return int(torch.stack(losses).argmin())

    def parameter_groups(self) -> list[dict[str, object]]:
        rows = [p for name, p in self.network.named_parameters() if ".norm." in name]
        filters = [p for name, p in self.network.named_parameters() if ".norm." not in name]
        return [{"params": filters, "muon": True}, {"params": rows}]

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
        """Four crops above, the same in the style below."""
        photos = torch.stack([self.crops.crop(index, 256) for index in range(4)]).to(self.device)
        results = network(photos, photos.new_ones(len(photos), 1)).float()
        return contact_sheet([to_image(cell[None]) for cell in (*photos, *results)], columns=4)

    def export(self, network: ImageTransformationNetwork, folder: Path, facts: dict[str, object]) -> None:
        config = {
            "method": "fast-art",
            "width": network.width,
            "upsampling": network.upsampling,
            "style": self.style.model_dump(),
            "training": facts | {"perceptual_network": self.perceptual_network},
        }
        write_model(folder, network.state_dict(), config)


def bundled() -> Path:
    """The weights of cin-25styles."""
    entry = info("cin-25styles")
    return find_weights(cast(WeightsSpec, entry.model.weights), root=entry.root)


def fold_row(tensors: Mapping[str, Tensor], row: int) -> dict[str, Tensor]:
    """Of a conditional network's ``tensors`` those of one style, for a network with plain instance normalisation.

    Its sigmoid is a tanh of half the argument, moved to [0, 1]: the last scale and shift are halved.
    """
    folded = {name: tensor[row : row + 1] if ".norm." in name else tensor for name, tensor in tensors.items()}
    last = f"layers.{max(int(name.split('.')[1]) for name in tensors)}.norm."
    return {name: tensor / 2 if name.startswith(last) else tensor for name, tensor in folded.items()}


def widen(tensors: Mapping[str, Tensor], network: ImageTransformationNetwork) -> dict[str, Tensor]:
    """``tensors`` of a narrower network for ``network``, which then makes the same picture (Chen et al. 2016, Net2Net).

    Every channel is there several times, and what reads it reads a share of each: uneven ones, so that they part.
    """
    wide = {}
    for name, own in network.state_dict().items():
        tensor = tensors.get(name, own)
        times = [max(1, to // of) for to, of in zip(own.shape, tensor.shape, strict=True)]
        tensor = tensor.float().repeat(times)
        if name.endswith(".weight"):
            reads = 0 if isinstance(network.get_submodule(name.rpartition(".")[0]), torch.nn.ConvTranspose2d) else 1
            noise = 0.2 * tensor.std() * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(0))
            shares = noise.unflatten(reads, (times[reads], -1))
            noise = (shares - shares.mean(reads, keepdim=True)).flatten(reads, reads + 1)
            tensor = (tensor + noise) / times[reads]
        wide[name] = tensor
    return {name: tensor for name, tensor in tensors.items() if name not in wide} | wide
