"""The common part of trainings of a network that paints by a predicted style code.

Ghiasi et al. 2017 (arXiv 1705.06830), section 2: the losses of Johnson et al. 2016, with another painting for each photo
of a batch. Additions to the paper:

1. The Gram matrices are those of the whole painting, computed once.
2. Each error is divided by the energy of both sides (Cheng et al. 2021, arXiv 2104.10064).
3. A loss keeps the photo's lightness at large scale.
"""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from PIL import Image
from pydantic import Field, model_validator
from torch import Tensor
from torch.utils.data import Dataset

from hub.images import at_short_side, to_image, to_tensor
from hub.method import Style
from hub.parameters import inherited
from hub.training import TrainingTask
from hub.training.data import Epochs, PhotoFiles, Shards, open_photos
from hub.weights import load_strict, read_safetensors, write_model
from methods.parts.paintings import read_painting, read_styles
from methods.parts.perceptual.backbone import read_slim
from methods.parts.perceptual.losses import (
    STYLE_LAYERS,
    balanced_error,
    colour_moments,
    gram_matrix,
    large_lights,
    relative_error,
    total_variation,
)
from methods.parts.perceptual.statistics import statistics
from methods.parts.perceptual.training import PerceptualLearning
from methods.parts.sheets import contact_sheet
from methods.parts.style_code.network import LAYERS as DESCRIBED
from methods.parts.style_code.network import PaintingNetwork, StylePredictor, describe
from methods.parts.style_code.targets import MOMENTS, VIEWS, PaintingTargets
from methods.parts.style_vectors import PRESET, SCALES, short_side, vector_of, without_presets
from methods.parts.transformation.training import ArbitrarySettings, PerceptualSettings, PhotoCrops

CONTENT = ("relu2_2", "relu3_3")


class CodeSettings(ArbitrarySettings):
    """Settings of every training of a network that paints by a predicted code."""

    targets: Path = Field(
        Path("runs/targets"), description="Folder for the targets of each painting (up to 1.4 MB each)."
    )
    width: int = Field(16, ge=2, le=64, description="Channels of the first convolution; the paper has 32.")
    code: int = Field(64, ge=2, le=512, description="Length of a style code; the paper has 100.")
    hidden: int = Field(256, ge=4, description="Width of the prediction network.")
    crops: list[int] = inherited(PerceptualSettings, "crops", [192, 256])
    crop_starts: list[float] = inherited(PerceptualSettings, "crop_starts", [0.0, 0.75])
    muon_rate: float = inherited(PerceptualSettings, "muon_rate", 0.01)
    content_weight: float = inherited(
        PerceptualSettings, "content_weight", 1.0, description="Weight of the relative errors at relu2_2 and relu3_3."
    )
    style_weight: float = inherited(
        PerceptualSettings, "style_weight", 8.0, description="Weight of the balanced errors of the Gram matrices."
    )
    moments_weight: float = Field(2.0, ge=0, description="Weight of the balanced errors of means and deviations.")
    colour_weight: float = Field(4.0, ge=0, description="Weight of the difference in the colours' first two moments.")
    light_weight: float = Field(0.3, ge=0, description="Weight of the difference in lightness at large scale.")
    preset_share: float = Field(0.0, ge=0, le=1, description="Share of the photos that get a painting of the presets.")

    @model_validator(mode="after")
    def _presets_to_share(self) -> "CodeSettings":
        if self.preset_share and not self.presets:
            raise ValueError("preset_share needs presets; give their folder with --presets")
        return self


class CodeTraining(PerceptualLearning, TrainingTask):
    """Each photo crop has another painting; what paints and what predicts the code are trained together."""

    method: ClassVar[str]
    scales: ClassVar[tuple[float, ...]] = SCALES
    settings: CodeSettings
    network: PaintingNetwork

    def __init__(self, settings: CodeSettings, device: torch.device) -> None:
        super().__init__(settings, device, {*CONTENT, *STYLE_LAYERS, *MOMENTS})
        self.encoder = read_slim(DESCRIBED).to(device)
        self.crops = PhotoCrops(settings)
        folder = settings.presets

        def targets(paintings: Shards | PhotoFiles) -> PaintingTargets:
            return PaintingTargets(paintings, self.vgg, self.encoder, settings.targets, settings.seed)

        self.targets = targets(open_photos(settings.paintings))
        self.epochs = Epochs(len(self.targets), settings.seed + 1)
        self.preset_targets = targets(open_photos([folder])) if folder and settings.preset_share else self.targets
        self.preset_epochs = Epochs(len(self.preset_targets) // VIEWS, settings.seed + 2)
        self.presets = {s.name: s for s in (read_styles(folder, everything=True) if folder else ())}
        with torch.no_grad():
            sample = torch.stack([self.targets[self.epochs[i]]["description"] for i in range(64)])
            features = self.vgg(self.crops.sample().to(device), CONTENT)
        self.energy = {k: settings.content_floor * f.float().square().mean().item() for k, f in features.items()}
        self.network = self.build(sample.shape[1]).to(device)
        if settings.initial:
            load_strict(self.network, without_presets(read_safetensors(settings.initial)), settings.initial)
        else:
            assert isinstance(self.network.predictor, StylePredictor)
            self.network.predictor.standardise(sample)
            self.begin()
        self.network = self.network.to(memory_format=torch.channels_last)

    @abstractmethod
    def build(self, description: int) -> PaintingNetwork:
        """The network with random weights, for descriptions of this length."""

    @abstractmethod
    def begin(self) -> None:
        """Give the network what it starts with, unless it starts with the weights of ``--initial``."""

    @abstractmethod
    def architecture(self) -> dict[str, Any]:
        """What the configuration of the weights says of the network."""

    @torch.no_grad()
    def description(self, style: Style, size: int) -> Tensor:
        painting = read_painting(cast(Path, self.settings.presets), style)
        return describe(to_tensor(at_short_side(painting, size)).to(self.device), self.encoder)

    def batches(self) -> Dataset[Tensor]:
        return self.crops

    def target(self, index: int) -> dict[str, Tensor]:
        """The targets of the painting for photo ``index`` of the training: one of the presets for ``preset_share``."""
        s = self.settings
        if np.random.default_rng([s.seed, 4, index]).random() < s.preset_share:
            return self.preset_targets[VIEWS * self.preset_epochs[index]]  # in its own colours
        return self.targets[self.epochs[index]]

    def losses(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        s = self.settings
        photos = batch.contiguous(memory_format=torch.channels_last)
        chosen = [self.target(step * s.batch + slot) for slot in range(len(photos))]
        target = {name: torch.stack([c[name] for c in chosen]).to(self.device) for name in chosen[0]}
        # Prepare for fusion: mix 25 % of the paintings with the next one, with a share of 0.375 to 0.5.
        generator = torch.Generator().manual_seed(s.seed * 1_000_003 + step)
        share = torch.rand(len(photos), generator=generator).to(self.device)
        share = 0.5 * share * (share > 0.75)

        def blended(x: Tensor) -> Tensor:
            return x.lerp(x.roll(1, 0), share.view(-1, *[1] * (x.ndim - 1)))

        code = blended(self.network.predictor(target["description"]))
        result = self.network.paint(photos, code).float()
        with torch.no_grad():
            wanted = self.vgg(photos, CONTENT)
        features = self.vgg(result, {*CONTENT, *STYLE_LAYERS, *MOMENTS})
        content = torch.stack([relative_error(features[k], wanted[k], self.energy[k]) for k in CONTENT]).mean(0)
        grams = torch.stack(
            [balanced_error(gram_matrix(features[k]), blended(target[f"gram.{k}"])) for k in STYLE_LAYERS]
        ).mean(0)
        found = {k: torch.stack(statistics(features[k]), dim=1) for k in MOMENTS}
        moments = torch.stack([balanced_error(found[k], blended(target[f"moments.{k}"])) for k in MOMENTS]).mean(0)
        colours = (colour_moments(result) - blended(target["colours"])).abs().mean((1, 2))
        light = (large_lights(result) - large_lights(photos)).square().mean((1, 2, 3))
        variation = total_variation(result)
        loss = s.content_weight * content + s.style_weight * grams + s.moments_weight * moments
        loss = loss + s.colour_weight * colours + s.light_weight * light + s.variation_weight * variation
        parts = {"content": content, "grams": grams, "moments": moments, "colours": colours, "light": light}
        return {"loss": loss.mean(), **{name: part.mean() for name, part in parts.items()}}

    @torch.no_grad()
    def sheet(self, network: PaintingNetwork) -> Image.Image:
        """Three photos in the styles of five paintings, which are in the top row: presets first, then training paintings."""
        photos = torch.stack([self.crops.crop(index, 256) for index in range(3)]).to(self.device)
        shown: list[tuple[Image.Image, Tensor]] = []
        for style in [*self.presets.values()][1::9][:5]:  # far apart in the alphabet
            shown.append(
                (read_painting(cast(Path, self.settings.presets), style), self.description(style, short_side()))
            )
        for index in range(min(5 - len(shown), len(self.targets) // VIEWS)):
            shown.append(
                (self.targets.view(VIEWS * index), self.targets[VIEWS * index]["description"][None].to(self.device))
            )
        cells = [Image.new("RGB", (256, 256), "white"), *(painting.resize((256, 256)) for painting, _ in shown)]
        for photo in torch.split(photos, 1):
            cells.append(to_image(photo))
            cells += [to_image(network(photo, description).float()) for _, description in shown]
        return contact_sheet(cells, columns=6)

    def export(self, network: PaintingNetwork, folder: Path, facts: dict[str, Any]) -> None:
        tensors, encoder = dict(network.state_dict()), network.hash()

        def code(pixels: Tensor) -> Tensor:
            found: Tensor = network.predictor(describe(pixels.to(self.device), self.encoder))
            return found

        for style in self.presets.values():
            painting = read_painting(cast(Path, self.settings.presets), style)
            tensors[PRESET + style.name] = vector_of(
                painting, encoder, (1, self.settings.code), code, self.scales
            ).numbers
        config = {
            "method": self.method,
            **self.architecture(),
            "presets": [style.model_dump() for style in self.presets.values()],
            "training": facts | {"perceptual_network": self.perceptual_network},
        }
        write_model(folder, tensors, config)
