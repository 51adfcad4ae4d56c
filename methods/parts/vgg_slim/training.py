"""Training of ``vgg-slim``: VGG-16 at half the width, distilled from VGG-16, so that everything works without a download.

1. Pruning: half of the channels of each layer are removed, those that the other channels predict best. A linear map then
   restores most of them (after "ThiNet", Luo et al. 2017; the channels are chosen by pivoted Cholesky).
2. Distillation: each layer, multiplied by such a map (an embedding), should have the teacher's features and Gram matrices
   (after Wang et al. 2020, "Collaborative Distillation for Ultra-Resolution Universal Style Transfer").
3. Photos and paintings alone are not enough: an optimisation of pixels finds pictures for which the features are wrong.
   So the student also optimises some pictures during training, and the teacher corrects it on those.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image, ImageFilter
from pydantic import Field
from torch import Tensor, nn
from torch.utils.data import Dataset

from hub.images import to_image, to_tensor
from hub.parameters import inherited
from hub.training import TrainingSettings, TrainingTask
from hub.training.data import Epochs, open_photos
from hub.weights import write_model
from methods.parts.perceptual.losses import gram_matrix, relative_error
from methods.parts.perceptual.vgg import ARCHITECTURES, VGG, read_vgg
from methods.parts.sheets import contact_sheet

BLOCKS = tuple(tuple(width // 2 for width in block) for block in ARCHITECTURES["VGG-16"])
LAST = "conv5_2"
# The layers that methods use; the student's other layers have no loss.
GRAM_LAYERS = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_3", "relu4_1", "relu4_3", "relu5_1")
CONTENT_LAYERS = ("relu3_2", "relu4_2", "conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1", "conv5_2")
CONTENT = "conv4_2"
LAYERS = (*GRAM_LAYERS, *CONTENT_LAYERS)


class SlimSettings(TrainingSettings):
    """Settings of ``stylehub train vgg-slim``."""

    content: list[Path] = Field(description="Photos: pictures, folders, patterns, or tar shards (WebDataset layout).")
    paintings: list[Path] = Field(description="Paintings, in the same forms; all paths are used equally often.")
    vgg: Path = Field(description="VGG-16 as safetensors, keys as torchvision's vgg16().features: the teacher.")
    batch: int = inherited(
        TrainingSettings,
        "batch",
        3,
        description="Pairs of a photo and a painting per step, and number of pictures under optimisation.",
    )
    side: int = Field(160, ge=64, description="Side of the crops in pixels.")
    learning_rate: float = inherited(TrainingSettings, "learning_rate", 5e-4)
    gram_weight: float = Field(1.0, ge=0, description="Weight of the Gram matrices, relative to the features.")
    rounds: int = Field(160, ge=1, description="Steps of optimisation of a picture, before the next one starts.")
    optimisation_rate: float = Field(0.02, gt=0, description="Step size of that optimisation, for pixels in [0, 1].")


class Student(nn.Module):
    """The narrow network with its embeddings, and the pictures under optimisation."""

    pictures: Tensor
    momentum: Tensor
    square: Tensor

    def __init__(self, pictures: int, side: int, teacher: VGG) -> None:
        super().__init__()
        self.vgg = VGG(BLOCKS, LAST, padding="reflect")
        self.embeddings = nn.ModuleDict(
            {
                layer: nn.Conv2d(self.vgg.channels(layer), teacher.channels(layer), 1, bias=False).to(
                    memory_format=torch.channels_last
                )
                for layer in LAYERS
            }
        )
        # They are buffers, so that a resumed run continues with the same pictures.
        for name in ("pictures", "momentum", "square"):
            self.register_buffer(name, torch.zeros(pictures, 3, side, side))

    def forward(self, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """The narrow network's own features of ``(N, 3, H, W)`` in [0, 1]."""
        features: dict[str, Tensor] = self.vgg(images, layers)
        return features

    def embedded_gram(self, layer: str, features: Tensor) -> Tensor:
        """The Gram matrix of the embedded features, without computing these: ``E G E^T``."""
        gram = gram_matrix(features)
        with torch.autocast(features.device.type, enabled=False):
            matrix = cast(nn.Conv2d, self.embeddings[layer]).weight[:, :, 0, 0]
            embedded: Tensor = matrix @ gram @ matrix.T
            return embedded

    def embedding(self, layer: str) -> Tensor:
        """A view of the matrix ``(teacher's channels, own channels)`` of ``layer``."""
        return cast(nn.Conv2d, self.embeddings[layer]).weight.data[:, :, 0, 0]


class Pairs(Dataset[dict[str, Tensor]]):
    """For each step crops of photos and of paintings, ``(batch, 3, side, side)`` each; some noisy, some blurred."""

    def __init__(self, settings: SlimSettings) -> None:
        self.settings = settings
        self.sources = [[open_photos([path]) for path in paths] for paths in (settings.content, settings.paintings)]
        self.epochs = [[Epochs(len(source), settings.seed) for source in sources] for sources in self.sources]

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """``photos`` and ``paintings`` of this step; ``own_photos`` and ``own_paintings`` of the pictures under optimisation."""
        s = self.settings
        return {
            "photos": torch.stack([self.crop(0, step * s.batch + slot) for slot in range(s.batch)]),
            "paintings": torch.stack([self.crop(1, step * s.batch + slot) for slot in range(s.batch)]),
            "own_photos": torch.stack([self.crop(0, self.episode(step, slot), False) for slot in range(s.batch)]),
            "own_paintings": torch.stack([self.crop(1, self.episode(step, slot), False) for slot in range(s.batch)]),
        }

    def age(self, step: int, slot: int) -> int:
        """Steps since the picture in ``slot`` started; the slots start at different times."""
        return (step + slot * self.settings.rounds // self.settings.batch) % self.settings.rounds

    def episode(self, step: int, slot: int) -> int:
        return 1_000_000 + (step - self.age(step, slot) + self.settings.rounds) * self.settings.batch + slot

    def crop(self, kind: int, index: int, corrupted: bool = True) -> Tensor:
        rng = np.random.default_rng([self.settings.seed, kind, index])
        turn, which = divmod(index, len(self.sources[kind]))
        picture = self.sources[kind][which].image(self.epochs[kind][which][turn])
        side = self.settings.side
        # From the whole picture in one crop up to the size of use, enlarged by at most 1.3.
        largest = max(side, min(512, 1.3 * min(picture.size)))
        scale = rng.uniform(side, largest) / min(picture.size)
        region = min(min(picture.size), side / scale)
        x, y = rng.uniform(0, picture.width - region), rng.uniform(0, picture.height - region)
        picture = picture.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + region, y + region))
        if rng.random() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if corrupted and rng.random() < 0.15:
            picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))
        pixels = to_tensor(picture)[0]
        if corrupted and rng.random() < 0.3:
            noise = rng.standard_normal(pixels.shape, dtype=np.float32) * rng.uniform(0, 0.25)
            pixels = (pixels + torch.from_numpy(noise)).clamp_(0, 1)
        return pixels


class SlimTraining(TrainingTask):
    """The losses are relative errors of features and Gram matrices, compared with the teacher's."""

    Settings = SlimSettings
    settings: SlimSettings
    network: Student

    def __init__(self, settings: SlimSettings, device: torch.device) -> None:
        self.settings, self.device = settings, device
        torch.manual_seed(settings.seed)
        self.teacher = read_vgg(settings.vgg, LAST, padding="reflect").to(device)
        self.pairs = Pairs(settings)
        self.network = Student(settings.batch, settings.side, self.teacher).to(memory_format=torch.channels_last)
        samples = torch.cat([self.pairs.crop(kind, index)[None] for index in range(24) for kind in (0, 1)]).to(device)
        self.energy = prune(self.teacher, self.network.to(device), samples)
        self.teacher.to(dtype=torch.bfloat16 if settings.bf16 else torch.float32)

    def parameter_groups(self) -> list[dict[str, object]]:
        return [{"params": list(self.network.parameters())}]

    def batches(self) -> Dataset[dict[str, Tensor]]:
        return self.pairs

    def losses(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        own = self.begin_anew(batch, step).requires_grad_()
        seen = torch.cat([batch["photos"], batch["paintings"], own])
        with torch.no_grad():
            wanted = self.teacher(seen, LAYERS)
            wanted_grams = {layer: gram_matrix(wanted[layer]) for layer in GRAM_LAYERS}
        features = self.network(seen, LAYERS)
        grams = {layer: self.network.embedded_gram(layer, features[layer]) for layer in GRAM_LAYERS}
        estimates = {layer: self.network.embeddings[layer](features[layer]) for layer in LAYERS}
        self.optimise_pictures(own, self.distances(batch, features[CONTENT], grams), step)
        feature_error = torch.stack([error(estimates[k], wanted[k], self.energy[k]) for k in LAYERS]).mean(0)
        gram_error = torch.stack([relative_error(grams[k], wanted_grams[k], 1e-3) for k in GRAM_LAYERS]).mean(0)
        n = self.settings.batch
        loss = (feature_error + self.settings.gram_weight * gram_error).mean()
        return {
            "loss": loss,
            "features": feature_error[:-n].mean(),
            "gram": gram_error[:-n].mean(),
            "own_features": feature_error[-n:].mean(),
            "own_gram": gram_error[-n:].mean(),
        }

    def begin_anew(self, batch: Mapping[str, Tensor], step: int) -> Tensor:
        """The pictures under optimisation; after ``rounds`` steps a new one starts, from a photo or a mix with noise."""
        student, s = self.network, self.settings
        for slot in range(s.batch):
            if self.pairs.age(step, slot) == 0 or step == 0:
                generator = torch.Generator().manual_seed(s.seed + self.pairs.episode(step, slot))
                noise = torch.rand(3, s.side, s.side, generator=generator).to(self.device)
                share = 0.6 if (step + slot) % 3 == 0 else 0.0
                student.pictures[slot] = torch.lerp(batch["own_photos"][slot], noise, share)
                student.momentum[slot] = student.square[slot] = 0
        return student.pictures.clone()

    def distances(self, batch: Mapping[str, Tensor], content: Tensor, grams: Mapping[str, Tensor]) -> Tensor:
        """Distance of the pictures under optimisation to their photos and paintings, by the student's features."""
        n, student = self.settings.batch, self.network
        with torch.no_grad():
            photos = student(batch["own_photos"], [CONTENT])[CONTENT]
            painted = student(batch["own_paintings"], GRAM_LAYERS)
            wanted = {layer: student.embedded_gram(layer, features) for layer, features in painted.items()}
        style = torch.stack([relative_error(gram[-n:], wanted[layer]) for layer, gram in grams.items()]).mean(0)
        return (relative_error(content[-n:], photos) + 20 * style).sum()

    def optimise_pictures(self, own: Tensor, distance: Tensor, step: int) -> None:
        """One step of Adam on the pictures themselves."""
        n, student = self.settings.batch, self.network
        (gradient,) = torch.autograd.grad(distance, own, retain_graph=True)
        if not torch.isfinite(gradient).all():
            return
        # Adam ignores the scale of a gradient, but the very small ones of a mean over pixels would be near its epsilon.
        gradient = gradient / gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
        student.momentum.lerp_(gradient, 0.1)
        student.square.lerp_(gradient.square(), 0.01)
        for slot in range(n):
            age = self.pairs.age(step, slot) + 1
            mean = student.momentum[slot] / (1 - 0.9**age)
            deviation = (student.square[slot] / (1 - 0.99**age)).sqrt() + 1e-3
            student.pictures[slot].sub_(self.settings.optimisation_rate * mean / deviation).clamp_(0, 1)

    @torch.no_grad()
    def sheet(self, network: Student) -> Image.Image:
        """The pictures under optimisation."""
        return contact_sheet([to_image(p[None]) for p in self.network.pictures], columns=4)

    def export(self, network: Student, folder: Path, facts: dict[str, object]) -> None:
        """Write ``model.safetensors`` in float16: the convolutions, and a square matrix for each embedding.

        Distances between embedded features, or their Gram matrices, are the same if features are multiplied by the
        symmetric root of ``E^T E`` instead of ``E``. It has half of the numbers.
        """
        tensors = dict(network.vgg.state_dict())
        for layer in LAYERS:
            matrix = network.embedding(layer).double()
            values, vectors = torch.linalg.eigh(matrix.T @ matrix)
            root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
            tensors[f"projections.{layer}.weight"] = root[:, :, None, None]
        config = {"part": "vgg-slim", "blocks": BLOCKS, "last": LAST, "projected": LAYERS, "training": facts}
        write_model(folder, tensors, config)


def error(features: Tensor, wanted: Tensor, energy: float) -> Tensor:
    """Mean squared difference divided by the layer's typical ``energy``: ``(N,)``."""
    difference = features - wanted
    squares = (difference * difference).sum((1, 2, 3)).float()  # torch sums half precision in float32
    return squares / (wanted[0].numel() * energy)


@torch.no_grad()
def prune(teacher: VGG, student: Student, samples: Sequence[Tensor] | Tensor) -> dict[str, float]:
    """Prune ``teacher`` into ``student``; return each layer's mean square over ``samples`` ``(N, 3, H, W)`` in [0, 1]."""
    moments: dict[str, Tensor] = {}
    for sample in samples:
        for layer, features in teacher(sample[None], teacher.layers[: teacher.layers.index(LAST) + 1]).items():
            flat = features[0].flatten(1).double()
            moments[layer] = moments.get(layer, 0) + flat @ flat.T / flat.shape[1] / len(samples)
    before = torch.eye(3, dtype=torch.float64, device=samples[0].device)  # the map that restores a layer's inputs
    kept = list(range(3))
    for name, width in student.vgg.widths.items():
        layer = f"relu{name}" if f"relu{name}" in moments else f"conv{name}"
        kept = pivots(moments[layer], width)
        wide, narrow = (cast(nn.Conv2d, vgg.convolutions[name]) for vgg in (teacher, student.vgg))
        narrow.weight.copy_(torch.einsum("oihw,ij->ojhw", wide.weight[kept].double(), before))
        cast(Tensor, narrow.bias).copy_(cast(Tensor, wide.bias)[kept])
        for kind in ("conv", "relu"):
            if f"{kind}{name}" in LAYERS:
                student.embedding(f"{kind}{name}").copy_(restoration(moments[f"{kind}{name}"], kept))
        before = restoration(moments[layer], kept)
    return {layer: float(moments[layer].diagonal().mean()) for layer in LAYERS}


def pivots(moments: Tensor, count: int) -> list[int]:
    """The first ``count`` channels of a pivoted Cholesky decomposition of the second moments ``(C, C)``.

    Each is the channel that the ones before it predict worst.
    """
    residual = moments.clone()
    chosen: list[int] = []
    for _ in range(count):
        diagonal = residual.diagonal().clone()
        diagonal[chosen] = -1
        best = int(diagonal.argmax())
        chosen.append(best)
        if (pivot := residual[best, best]) > 1e-12:
            column = residual[:, best] / pivot.sqrt()
            residual.addr_(column, column, alpha=-1)
    return sorted(chosen)


def restoration(moments: Tensor, kept: list[int]) -> Tensor:
    """The matrix ``(C, kept)`` that predicts every channel from the kept ones by ridge regression."""
    own = moments[kept][:, kept]
    ridge = 1e-4 * own.diagonal().mean() * torch.eye(len(kept), dtype=own.dtype, device=own.device)
    matrix: Tensor = torch.linalg.solve(own + ridge, moments[kept]).T
    return matrix
