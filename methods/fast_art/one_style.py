"""The common part of trainings of one network for one style: the style image, the start, the file of weights.

A conditional network with one row of scales and shifts has the layers of such a network, so training can start from it.
"""

import json
import logging
import re
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, cast

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from hub.errors import TrainingError
from hub.images import read_image
from hub.method import Style
from hub.names import resolve
from hub.registry import NAME, info
from hub.training import TrainingSettings, TrainingTask
from hub.weights import WeightsSpec, find_weights, load_strict, read_metadata, read_safetensors, write_model
from methods.parts.perceptual.training import PerceptualLearning
from methods.parts.transformation.network import ImageTransformationNetwork, Upsampling

logger = logging.getLogger(__name__)

SMALLEST = 128  # short side of a style's picture in pixels


class OneStyleSettings(TrainingSettings):
    """Settings of every training of one network for one style."""

    style: Path = Field(description="The painting or photo of the style; its file name becomes the style's name.")
    title: str = Field("", description="Title of the style image.")
    artist: str = Field("", description="Artist of the style image.")
    year: str = Field("", description="Year of the style image.")
    width: int = Field(32, ge=2, le=64, description="Channels of the first convolution; the papers have 32.")
    upsampling: Upsampling = Field(
        "resize",
        description="resize: bilinear, then a convolution. transposed: a transposed convolution, as in the papers; it leaves "
        "a checkerboard.",
    )
    initial: Path | None = Field(
        None,
        description="Weights to start from, of this method or of a conditional network; --width is a multiple of its width. "
        "Default: the bundled cin-25styles.",
    )
    initial_style: str | None = Field(
        None, description="Style of a conditional network to start from. Default: the same style, or else the nearest."
    )
    scratch: bool = Field(False, description="Start from random weights, as in the papers; this takes 40,000 steps.")


class OneStyleTraining(PerceptualLearning, TrainingTask):
    """Trains an image transformation network for ``style``; subclasses define photos and losses."""

    method: ClassVar[str]  # the method that the weights are for
    settings: OneStyleSettings
    network: ImageTransformationNetwork
    style: Style

    @abstractmethod
    def trial(self, network: ImageTransformationNetwork) -> Tensor:
        """How far ``network`` is from ``style``, a scalar; used to find the nearest style of a conditional network."""

    def beginning(self) -> ImageTransformationNetwork:
        """The network before the first step. Raises ``WeightsError`` or ``TrainingError`` if the weights do not fit."""
        torch.manual_seed(self.settings.seed)
        network = ImageTransformationNetwork(1, self.settings.width, "tanh", self.settings.upsampling)
        if not self.settings.scratch:
            self.start(network, self.settings.initial or bundled())
        return network.to(memory_format=torch.channels_last)

    def start(self, network: ImageTransformationNetwork, path: Path) -> None:
        """Load ``path`` into ``network``: weights of this method, or one style of a conditional network.

        The upsampling layers stay random if ``path`` has the other kind of upsampling.
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
        elif config.get("method") != self.method:
            raise TrainingError(f"{path} holds no weights of {self.method} or cin; give others with --initial.")
        if network.upsampling != config.get("upsampling", "resize"):
            own = network.state_dict()
            for index, layer in enumerate(network.layers):
                if layer.upsample:
                    tensors[f"layers.{index}.convolution.weight"] = own[f"layers.{index}.convolution.weight"]
        load_strict(network, widen(tensors, network), path)

    @torch.no_grad()
    def nearest(self, tensors: Mapping[str, Tensor], rows: int, width: int) -> int:
        """The row of a conditional network with the smallest ``trial``."""
        network = ImageTransformationNetwork(1, width, "tanh").to(self.device)
        losses = []
        for row in range(rows):
            load_strict(network, fold_row(tensors, row), "a row")
            losses.append(self.trial(network))
        return int(torch.stack(losses).argmin())

    def parameter_groups(self) -> list[dict[str, object]]:
        rows = [p for name, p in self.network.named_parameters() if ".norm." in name]
        filters = [p for name, p in self.network.named_parameters() if ".norm." not in name]
        return [{"params": filters, "muon": True}, {"params": rows}]

    def export(self, network: ImageTransformationNetwork, folder: Path, facts: dict[str, object]) -> None:
        config = {
            "method": self.method,
            "width": network.width,
            "upsampling": network.upsampling,
            "style": self.style.model_dump(),
            "training": facts | {"perceptual_network": self.perceptual_network},
        }
        write_model(folder, network.state_dict(), config)


def read_style(settings: OneStyleSettings) -> tuple[Image.Image, Style]:
    """The style image, and its name, title, artist and year.

    Raises ``ImageError``, or ``TrainingError`` if it is too small or if its file name gives no name.
    """
    picture = read_image(settings.style).visible
    if min(picture.size) < SMALLEST:
        raise TrainingError(
            f"{settings.style} has {picture.width}x{picture.height} pixels, too few to show a style; "
            f"give a picture of {SMALLEST} at least on its short side."
        )
    name = re.sub("[^a-z0-9]+", "-", settings.style.stem.lower()).strip("-")
    if not re.fullmatch(NAME, name):
        raise TrainingError(f"{settings.style.name!r} gives no name for a style; rename the file in plain letters.")
    return picture, Style(name=name, title=settings.title, artist=settings.artist, year=settings.year)


def bundled() -> Path:
    """The weights of cin-25styles."""
    entry = info("cin-25styles")
    return find_weights(cast(WeightsSpec, entry.model.weights), root=entry.root)


def fold_row(tensors: Mapping[str, Tensor], row: int) -> dict[str, Tensor]:
    """The tensors of one style of a conditional network, for a network with plain instance normalisation and a tanh.

    A sigmoid is a tanh of half the argument, scaled to [0, 1]. So the last scale and shift are halved.
    """
    folded = {name: tensor[row : row + 1] if ".norm." in name else tensor for name, tensor in tensors.items()}
    last = f"layers.{max(int(name.split('.')[1]) for name in tensors)}.norm."
    return {name: tensor / 2 if name.startswith(last) else tensor for name, tensor in folded.items()}


def widen(tensors: Mapping[str, Tensor], network: ImageTransformationNetwork) -> dict[str, Tensor]:
    """The ``tensors`` of a narrower network, widened for ``network``; the result is the same (Chen et al. 2016, Net2Net).

    Every channel is copied several times, and the next layer reads a share of each copy. The shares differ, so that the
    copies become different in training.
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
