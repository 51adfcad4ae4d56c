"""Training of the fast-photo network.

1. Synthetic pairs from single photos (Ke et al. 2023, arXiv 2303.13511). P1 and P2 are random operators. The content is a
   crop after P1; the style is another crop of the same photo after P2; the target is the first crop after P2.
2. In the last part also real pairs: the losses compare Gram matrices of VGG-16 and colours with the style, edges with the
   photo.

Both parts have a smoothness loss of the grid (Xia et al. 2020, section 3.3: differences of neighbouring cells in x, y
and the guide), and a smoothness and a monotonicity loss of the LUT.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from hub.images import to_image, to_tensor
from hub.parameters import inherited
from hub.training import TrainingSettings, TrainingTask
from hub.training.data import Epochs, open_photos
from hub.weights import load_strict, read_safetensors, write_model
from methods.fast_photo.lut import identity_lut
from methods.fast_photo.network import THUMBNAIL, FastPhotoNetwork, GlobalMap, affine, at_places, histogram, sliced
from methods.fast_photo.operators import Operator, draw
from methods.parts.color import LUMA, lab_difference, mixed, reinhard
from methods.parts.perceptual.losses import STYLE_LAYERS, gram_matrix, style_distances
from methods.parts.perceptual.similarity import structural_similarity
from methods.parts.perceptual.training import PerceptualLearning
from methods.parts.sheets import contact_sheet

SIDE = 192  # side in pixels of the real pairs


class FastPhotoSettings(TrainingSettings):
    """Settings of ``stylehub train fast-photo``."""

    steps: int = inherited(TrainingSettings, "steps", 4000)
    batch: int = inherited(TrainingSettings, "batch", 8, description="Pairs per step.")
    muon_rate: float = inherited(TrainingSettings, "muon_rate", 0.005)
    bf16: bool | None = inherited(
        TrainingSettings,
        "bf16",
        None,
        description="VGG in bfloat16. Default: the faster one, by measurement. Colours are always computed in float32.",
    )
    content: list[Path] = Field(description="Photos: pictures, folders, patterns, or tar shards (WebDataset layout).")
    vgg: Path | None = Field(
        None, description="VGG-16 or VGG-19 as safetensors. Default: the best on this machine, as in every training."
    )
    initial: Path | None = Field(None, description="Weights to start from, such as an earlier run's model.safetensors.")
    pairs_start: float = Field(0.9, ge=0, le=1, description="First step with real pairs, as a share of all steps.")
    pairs: int = Field(4, ge=1, description="Real pairs per step, from there on.")
    placed: float = Field(
        0.3, ge=0, le=1, description="Share of photos with different operators for the upper and the lower part."
    )
    lab_weight: float = Field(0.01, ge=0, description="Weight of the L*a*b* difference.")
    gradient_weight: float = Field(1.0, ge=0, description="Weight of the difference of the pictures' gradients.")
    match_weight: float = Field(1.0, ge=0, description="Weight of the difference of matched cells' colours.")
    grid_weight: float = Field(0.15, ge=0, description="Weight of the grid's smoothness loss.")
    table_weight: float = Field(1.0, ge=0, description="Weight of the LUT's smoothness and monotonicity losses.")
    style_weight: float = Field(0.1, ge=0, description="Real pairs: weight of the Gram matrices' relative error.")
    colour_weight: float = Field(2.0, ge=0, description="Real pairs: weight of the colours' distance.")
    histogram_weight: float = Field(0.3, ge=0, description="Real pairs: weight of the colour histograms' difference.")
    edge_weight: float = Field(0.5, ge=0, description="Real pairs: weight of the loss of edges.")


class Pairs(Dataset[dict[str, Tensor]]):
    """For each step content, style and target of synthetic pairs; in the last part also photos for real pairs."""

    def __init__(self, settings: FastPhotoSettings) -> None:
        self.settings = settings
        self.photos = open_photos(settings.content)
        self.epochs = Epochs(len(self.photos), settings.seed)

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        s = self.settings
        items = [self.synthetic(step * s.batch + slot) for slot in range(s.batch)]
        batch = {name: torch.cat([item[name] for item in items]) for name in items[0]}
        if step >= s.pairs_start * s.steps:
            batch["photos"] = torch.cat([self.clean(step * s.batch + slot) for slot in range(s.pairs + 1)])
        return batch

    def synthetic(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.settings.seed, 1, index])
        photo = self.photos.image(self.epochs[index])
        before, after = draw(rng), draw(rng)
        (content, place), (style, elsewhere) = crop(photo, rng), crop(photo, rng)
        if rng.random() < self.settings.placed:
            after_there, boundary = draw(rng), (rng.uniform(0.3, 0.7), rng.uniform(0.05, 0.2))
            target = placed(after, after_there, content, place, boundary)
            style = placed(after, after_there, style, elsewhere, boundary)
        elif rng.random() < 0.15:
            target = content
        else:
            target, style = after(content), after(style)
        if rng.random() < 0.7:
            content = before(content)
        style = style.flip(3) if rng.random() < 0.5 else style
        return {"content": content, "style": style, "target": target}

    def clean(self, index: int) -> Tensor:
        """A crop without operators, ``(1, 3, SIDE, SIDE)``."""
        rng = np.random.default_rng([self.settings.seed, 2, index])
        return crop(self.photos.image(self.epochs[index]), rng, SIDE)[0]


def crop(photo: Image.Image, rng: np.random.Generator, side: int = THUMBNAIL) -> tuple[Tensor, Tensor]:
    """A random crop of ``photo``, 55 to 100 % of its sides, resized to a square like a thumbnail; and the rows' heights.

    ``(1, 3, side, side)`` in [0, 1], and ``(side,)``: 0 at the photo's top, 1 at its bottom.
    """
    width, height = rng.uniform(0.55, 1, 2) * photo.size
    x, y = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
    part = photo.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + width, y + height))
    return to_tensor(part), torch.linspace(y, y + height, side) / photo.height


def placed(one: Operator, two: Operator, pixels: Tensor, heights: Tensor, boundary: tuple[float, float]) -> Tensor:
    """Apply ``one`` at the top, and a mix of ``one`` and ``two`` below. Only a map with positions can learn this."""
    middle, width = boundary
    share = 0.6 * torch.sigmoid((heights - middle) / width)[:, None]
    return torch.lerp(one(pixels), two(pixels), share)


class FastPhotoTraining(PerceptualLearning, TrainingTask):
    """Synthetic pairs, then real ones."""

    Settings = FastPhotoSettings
    settings: FastPhotoSettings
    network: FastPhotoNetwork

    def __init__(self, settings: FastPhotoSettings, device: torch.device) -> None:
        super().__init__(settings, device, STYLE_LAYERS if settings.pairs_start < 1 else ())
        self.network = FastPhotoNetwork()
        if settings.initial:
            load_strict(self.network, read_safetensors(settings.initial), settings.initial)
        self.network = self.network.to(device).to(memory_format=torch.channels_last)
        self.pairs = Pairs(settings)

    def batches(self) -> Dataset[dict[str, Tensor]]:
        return self.pairs

    def parameter_groups(self) -> list[dict[str, object]]:
        named = list(self.network.named_parameters())
        kernels = {name for name, p in named if p.ndim == 4 and name.startswith(("encoder", "local"))}
        scalars = {"sharpness", "caution"}  # inverse temperatures and ridge strengths are much larger than weights
        return [
            {"params": [p for name, p in named if name in kernels], "muon": True},
            {"params": [p for name, p in named if name in scalars], "factor": 30.0},
            {"params": [p for name, p in named if name not in kernels | scalars]},
        ]

    def losses(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        with torch.autocast(self.device.type, enabled=False):  # bfloat16 is less precise than a photo's 8 bits
            parts = self.synthetic(batch["content"], batch["style"], batch["target"])
            if "photos" in batch:
                real = self.real(batch["photos"])
                parts = parts | real | {"loss": parts["loss"] + real["pairs"]}
        return parts

    def synthetic(self, content: Tensor, style: Tensor, target: Tensor) -> dict[str, Tensor]:
        s, network = self.settings, self.network
        maps = network(content, network.encode_style(style)[0])
        mapped = maps.global_map(content)
        result = rendered(network, mapped, maps.grid)
        total, lab = self.difference(result, target)
        total = total + 0.5 * self.difference(mapped, target)[0]
        parts = {"lab": lab}
        parts["match"] = (maps.match.colours - at_places(target)).abs().mean()
        total = total + s.match_weight * parts["match"]
        parts["regular"] = s.grid_weight * laplacian(maps.grid) + s.table_weight * lut_regularity(maps.global_map)
        parts["l1"] = (result - target).abs().mean()
        return {"loss": total + parts["regular"], **parts}

    def difference(self, result: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted difference of two pictures, and its part in L*a*b* (CIE76), computed from every fourth pixel."""
        s = self.settings
        steps = [(result - target).diff(dim=axis).abs().mean() for axis in (2, 3)]
        lab = lab_difference(result[:, :, ::2, ::2].clamp(0, 1), target[:, :, ::2, ::2]).mean()
        return (result - target).abs().mean() + s.lab_weight * lab + s.gradient_weight * (steps[0] + steps[1]), lab

    def real(self, photos: Tensor) -> dict[str, Tensor]:
        """The losses of real pairs: each photo takes the next one as its style."""
        s, network = self.settings, self.network
        content, style = photos[:-1], photos[1:]
        small = F.interpolate(photos, THUMBNAIL, mode="bilinear", antialias=True)
        maps = network(small[:-1], network.encode_style(small[1:])[0])
        result = rendered(network, maps.global_map(content), maps.grid)
        with torch.no_grad():
            grams = {layer: gram_matrix(f) for layer, f in self.vgg(style, STYLE_LAYERS).items()}
        seen = result.clamp(0, 1)
        parts = {"grams": style_distances(self.vgg(seen, STYLE_LAYERS), grams).mean()}
        parts["colours"] = colour_distance(seen, style).mean()
        parts["histogram"] = (histogram(seen) - histogram(style)).abs().sum(1).mean() / 2
        parts["edges"] = edges_lost(seen, content).mean()
        outside = (result - seen).abs().mean()
        total = s.style_weight * parts["grams"] + s.edge_weight * parts["edges"]
        total = total + s.colour_weight * parts["colours"] + s.histogram_weight * parts["histogram"]
        regular = s.grid_weight * laplacian(maps.grid) + s.table_weight * lut_regularity(maps.global_map)
        return {"pairs": total + outside + regular, **parts}

    @torch.no_grad()
    def sheet(self, network: FastPhotoNetwork) -> Image.Image:
        """Synthetic pairs, then real ones: content, style, result, the global map alone, Reinhard's transfer, target."""
        cells = []
        for index in range(8):
            item = self.pairs.synthetic(10_000_000 + index)
            if index >= 4:
                item = {"content": self.pairs.clean(index), "style": self.pairs.clean(index + 7)}
                item = {name: F.interpolate(p, THUMBNAIL, mode="bilinear", antialias=True) for name, p in item.items()}
            content, style = (item[name].to(self.device) for name in ("content", "style"))
            maps = network(content, network.encode_style(style)[0])
            mapped = maps.global_map(content)
            row = [content, style, rendered(network, mapped, maps.grid), mapped, reinhard(content, style)]
            cells += [to_image(cell.clamp(0, 1)) for cell in [*row, item.get("target", torch.ones_like(content))]]
        return contact_sheet(cells, columns=12)

    def export(self, network: FastPhotoNetwork, folder: Path, facts: dict[str, Any]) -> None:
        training = facts | {"perceptual_network": self.perceptual_network}
        config = {"method": "fast-photo", **network.shape, "training": training}
        write_model(folder, dict(network.state_dict()), config)


def rendered(network: FastPhotoNetwork, mapped: Tensor, grid: Tensor) -> Tensor:
    """``mapped`` ``(N, 3, H, W)`` plus the grid's affine maps of it, not clamped."""
    colours = mapped.clamp(0, 1)
    return mapped + affine(sliced(grid, network.guide(colours)), colours)


def laplacian(grid: Tensor) -> Tensor:
    """Smoothness loss of the grid: squared differences of neighbouring cells in the guide, y and x; and a small L2 loss."""
    smooth = sum(((grid.diff(dim=axis)).square().mean() for axis in (2, 3, 4)), grid.new_zeros(()))
    return 100 * smooth + grid.square().mean()


def lut_regularity(mapping: GlobalMap) -> Tensor:
    """Smoothness loss of the residual LUT (second differences) and monotonicity loss of the whole global map."""
    table = mapping.residual
    bent = sum((table.diff(n=2, dim=axis).square().mean() for axis in (2, 3, 4)), table.new_zeros(()))
    points = identity_lut(9).to(table).flatten(1)[None, :, None].expand(len(table), -1, -1, -1)
    lut = mapping(points).view(-1, 3, 9, 9, 9)
    # Red must rise along the last axis, green along the one before, blue along the first.
    falls = sum((F.relu(0.02 - lut[:, c].diff(dim=3 - c)).mean() for c in range(3)), table.new_zeros(()))
    return 10 * bent + falls


def colour_distance(a: Tensor, b: Tensor) -> Tensor:
    """The sliced Wasserstein distance (Rabin et al. 2011) of the colours of ``a`` and ``b`` along 24 directions: ``(N,)``.

    Both are ``(N, 3, H, W)`` in sRGB, of the same size.
    """
    generator = torch.Generator().manual_seed(0)
    directions = F.normalize(torch.randn(24, 3, generator=generator), dim=1).to(a)
    one, two = ((directions @ x[:, :, ::3, ::3].flatten(2)).sort(2).values for x in (a, b))
    return (one - two).abs().mean((1, 2))


def edges_lost(result: Tensor, photo: Tensor) -> Tensor:
    """1 minus the structural similarity of the gradients of lightness along x and y: ``(N,)``.

    ``hub.evaluation`` compares the length of the gradient instead, which cannot be differentiated at 0.
    """
    one, two = (mixed(torch.tensor([LUMA]), x) for x in (result, photo))
    alike = [structural_similarity(one.diff(dim=axis).abs(), two.diff(dim=axis).abs()) for axis in (2, 3)]
    return 1 - torch.stack(alike).mean(0)
