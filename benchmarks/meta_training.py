"""The training of one experiment of `python -m benchmarks metanet`: a configuration, its losses, its number of pictures."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from hub.images import to_image, to_tensor
from hub.trainer import Trainer
from hub.training import LearningTask
from hub.training.data import Epochs, PhotoFiles, Shards, open_photos
from methods.metanet.encoder import PAPER_LAYERS, Encoder
from methods.metanet.network import Architecture, MetaNetwork
from methods.parts.perceptual.losses import gram_matrix, total_variation
from methods.parts.perceptual.statistics import statistics
from methods.parts.perceptual.vgg import read_vgg
from methods.parts.style_code.network import StylePredictor
from methods.parts.transformation.training import PerceptualSettings, PhotoCrops

CONTENT = "relu3_3"
WEIGHTS = {"mean and std": 25.0, "gram": 3e5}
# Root mean square of photos at CONTENT that these weights are for, torchvision's; files of VGG differ by a factor of 300.
ENERGY = 1.9
SEED = 42
EVERY = 5  # steps between two looks at the norms


@dataclass(frozen=True)
class Experiment:
    """``backbone`` describes the painting, unless the architecture has its own encoder, and judges the picture."""

    name: str
    architecture: Architecture
    backbone: Literal["vgg-16", "vgg-19"]
    style: Literal["mean and std", "gram"]
    count: int  # photos, and as many paintings
    hold: int  # steps that a painting stays; 0: each picture of a batch has a painting of its own


class Some:
    """``count`` pictures of a set, drawn by ``SEED``."""

    def __init__(self, pictures: Shards | PhotoFiles, count: int) -> None:
        self.pictures = pictures
        self.chosen = np.random.default_rng(SEED).permutation(len(pictures))[:count]

    def __len__(self) -> int:
        return len(self.chosen)

    def image(self, index: int) -> Image.Image:
        return self.pictures.image(int(self.chosen[index]))


class ExperimentTask(LearningTask):
    """The losses of the paper: squared differences at relu3_3, and of means and deviations or of Gram matrices."""

    Settings = PerceptualSettings
    settings: PerceptualSettings
    network: MetaNetwork

    def __init__(self, experiment: Experiment, options: Any) -> None:
        crop = [options.side]
        self.experiment, self.side = experiment, options.side
        self.settings = PerceptualSettings(
            content=[options.photos], steps=options.steps, batch=options.batch, crops=crop, crop_starts=[0.0], workers=0
        ).on(torch.device("cpu"))
        file = {"vgg-16": options.vgg, "vgg-19": options.vgg19}[experiment.backbone]
        dtype = torch.bfloat16 if self.settings.bf16 else torch.float32
        self.layers = PAPER_LAYERS[experiment.backbone]
        self.vgg = read_vgg(file, self.layers[-1], padding="reflect").to(dtype=dtype)
        encoder = experiment.architecture.encoder
        self.crops = PhotoCrops(self.settings)
        photos = Some(self.crops.photos, experiment.count)
        self.crops.photos, self.crops.epochs = photos, Epochs(len(photos), SEED)  # type: ignore[assignment]
        self.paintings = Some(open_photos([options.paintings]), experiment.count)
        self.epochs = Epochs(len(self.paintings), SEED + 1)
        with torch.no_grad():
            crops = torch.stack([self.crops.crop(index, self.side) for index in range(4)])
            self.unit = ENERGY / self.vgg(crops, [CONTENT])[CONTENT].float().square().mean().sqrt().item()
        self.encoder = Encoder(encoder, None if encoder == "vgg-slim" else file)
        torch.manual_seed(SEED)
        self.network = MetaNetwork(experiment.architecture, self.encoder.size).to(memory_format=torch.channels_last)
        if isinstance(self.network.predictor, StylePredictor):
            some = [self.describe(self.pixels(self.paintings.image(n))) for n in range(min(16, len(self.paintings)))]
            self.network.predictor.standardise(torch.cat(some))
        self.target = cache(self.compute_target)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.network.parameters())}]

    def batches(self) -> Dataset[Tensor]:
        return self.crops

    def chosen(self, step: int) -> list[int]:
        """The painting of each picture of a batch."""
        size, hold = self.settings.batch, self.experiment.hold
        return [self.epochs[step // hold if hold else step * size + slot] for slot in range(size)]

    def pixels(self, painting: Image.Image) -> Tensor:
        """A square of a painting ``(1, 3, 2 side, 2 side)`` in [0, 1]."""
        return to_tensor(ImageOps.fit(painting, (2 * self.side, 2 * self.side)))

    @torch.no_grad()
    def describe(self, pixels: Tensor) -> Tensor:
        """The description of a painting; of the paper's encoders in the unit of the losses."""
        return self.encoder(pixels) * (self.unit if self.encoder.layers else 1)

    @torch.no_grad()
    def compute_target(self, index: int) -> tuple[Tensor, list[Tensor]]:
        """The description of a painting and what the loss compares, one tensor a layer."""
        pixels = self.pixels(self.paintings.image(index))
        return self.describe(pixels), self.style_of(self.features(pixels))

    def features(self, pictures: Tensor) -> dict[str, Tensor]:
        return {k: f.float() * self.unit for k, f in self.vgg(pictures, {*self.layers, CONTENT}).items()}

    def style_of(self, features: dict[str, Tensor]) -> list[Tensor]:
        if self.experiment.style == "gram":
            return [gram_matrix(features[k]) / features[k].shape[1] for k in self.layers]
        return [torch.stack(statistics(features[k]), dim=1) for k in self.layers]

    def losses(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        targets = [self.target(index) for index in self.chosen(step)]
        code = self.network.predictor(torch.cat([description for description, _ in targets]))
        return self.compare(batch, self.network.generate(code), [style for _, style in targets])

    def compare(self, photos: Tensor, weights: dict[str, Tensor], styles: list[list[Tensor]]) -> dict[str, Tensor]:
        """The losses of the pictures that networks of ``weights`` paint."""
        photos = photos.contiguous(memory_format=torch.channels_last)
        result = self.network.paint_by(weights, photos).float()
        with torch.no_grad():
            wanted = self.vgg(photos, [CONTENT])[CONTENT].float() * self.unit
        features = self.features(result)
        content = (features[CONTENT] - wanted).square().mean()
        found = self.style_of(features)
        errors = [(f - torch.cat(w)).square().mean() for f, w in zip(found, zip(*styles, strict=True), strict=True)]
        style = torch.stack(errors).sum() * WEIGHTS[self.experiment.style]
        variation = total_variation(result).mean()
        return {"loss": content + style + 10 * variation, "content": content, "style": style}

    @property
    def second(self) -> str:
        """The second down-sampling convolution of the written network."""
        return "layers.2.convolution.weight" if self.experiment.architecture.form == "conditional" else "down.1.weight"

    @torch.no_grad()
    def norms(self) -> dict[str, float]:
        """The norm of the filters of ``second`` for the first painting: as written, and before they are normalised."""
        code = self.network.predictor(self.target(0)[0])
        written, raw = self.network.generate(code)[self.second], dict(self.network.directions(code))[self.second]
        return {"written": written.norm().item(), "before": raw.norm().item()}

    @torch.no_grad()
    def paint(self, photo: Image.Image, painting: Image.Image) -> Image.Image:
        """``photo`` in the style of ``painting``; its sides are cut to multiples of 4."""
        pixels = to_tensor(photo)[..., : photo.height // 4 * 4, : photo.width // 4 * 4]
        return to_image(self.network(pixels, self.describe(self.pixels(painting))))

    def invariance(self) -> dict[str, Any]:
        """Why norms grow: the loss for filters times a factor, and the cosine of gradient and filters.

        ``expected`` is the cosine that a random direction would have.
        """
        photos, (description, style) = self.crops.crop(0, self.side)[None], self.target(0)
        with torch.no_grad():
            weights = self.network.generate(self.network.predictor(description))
        filters = weights[self.second].requires_grad_()

        def loss(factor: float) -> Tensor:
            return self.compare(photos, weights | {self.second: filters * factor}, [style])["loss"]

        (gradient,) = torch.autograd.grad(loss(1.0), filters)
        cosine = (gradient * filters).sum() / (gradient.norm() * filters.norm())
        with torch.no_grad():
            losses = {str(factor): loss(factor).item() for factor in (0.1, 1.0, 10.0)}
        return {"losses": losses, "cosine": abs(cosine.item()), "expected": (2 / np.pi / filters.numel()) ** 0.5}


def train(task: ExperimentTask, told: Callable[[str], None]) -> dict[str, Any]:
    """Train; return the minutes, and the norms of ``EVERY`` few steps."""
    rows: list[dict[str, float]] = [{"step": 0, **task.norms()}]
    loss: list[float] = []
    trainer = Trainer(task, torch.device("cpu"))
    begun = time.perf_counter()
    steps: Iterator[tuple[int, dict[str, float]]] = trainer.steps()
    for done, numbers in steps:
        loss.append(numbers["loss"])
        if done % EVERY == 0 or done == task.settings.steps:
            rows.append({"step": done, **task.norms()})
        if done % 50 == 0 or done == task.settings.steps:
            told(f"{task.experiment.name}: step {done} of {task.settings.steps}, loss {np.mean(loss[-50:]):.3g}")
    return {
        "minutes": (time.perf_counter() - begun) / 60,
        "loss": float(np.mean(loss[-50:])),
        "norms": rows,
        "paintings seen": len({index for step in range(task.settings.steps) for index in task.chosen(step)}),
    }
