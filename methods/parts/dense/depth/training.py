"""Training of the depth network, on depth maps known up to scale and shift, or only in their order.

1. Scale- and shift-invariant loss, Ranftl et al. 2020, "Towards Robust Monocular Depth Estimation" (arXiv 1907.01341),
   equations 5 to 11: both maps are centred on their median and divided by their mean deviation; the largest fifth of
   the errors is left out; gradients are compared at four scales.
2. Ranking loss of random pairs of pixels, Chen et al. 2016 (arXiv 1604.03901), equation 2. For maps made by a rule it is the
   only loss.
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

from hub.images import to_image
from hub.parameters import inherited
from hub.training.data import open_photos
from hub.weights import write_model
from methods.parts.dense.depth.estimate import bounds
from methods.parts.dense.depth.scenes import scene
from methods.parts.dense.hourglass import Hourglass
from methods.parts.dense.training import DenseSettings, DenseTraining, Pairs, cut, varied
from methods.parts.sheets import contact_sheet

SIZE = (192, 256)  # rows and columns of the training pictures
PAIRS = 2048  # pairs of pixels compared in each picture
RATIO = 1.1  # least ratio of two depths that count as different


class DepthSettings(DenseSettings):
    """Settings of ``stylehub train depth``."""

    depth: list[Path] = Field(description="Tar shards of photos (jpg) with inverse depth (depth.png, 0 where unknown).")
    ordinal: list[Path] = Field([], description="Shards of the same kind; only the order of their depths is used.")
    content: list[Path] = Field(description="Photos, as textures of the rendered scenes.")
    batch: int = inherited(DenseSettings, "batch", 3, description="Measured depth maps per step.")
    rendered: int = Field(2, ge=0, description="Rendered scenes per step.")
    ruled: int = Field(1, ge=0, description="Maps per step of which only the order is used.")
    gradient_weight: float = Field(0.5, ge=0, description="Weight of the gradients at four scales.")
    order_weight: float = Field(0.5, ge=0, description="Weight of the ranking loss.")
    ruled_weight: float = Field(0.3, ge=0, description="Weight of a map made by a rule, relative to a measured one.")


class Maps(Dataset[dict[str, Tensor]]):
    """For each step ``photos`` ``(N, 3, H, W)`` and ``inverse`` depth ``(N, H, W)``, NaN where it is unknown.

    Measured maps come first, then rendered ones, then those made by a rule.
    """

    def __init__(self, settings: DepthSettings) -> None:
        self.settings = settings
        self.measured = Pairs(settings.depth, "depth.png", settings.seed)
        self.ruled = Pairs(settings.ordinal, "depth.png", settings.seed) if settings.ordinal else None
        self.textures = open_photos(settings.content)

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        s = self.settings
        items = [self.photo(self.measured, step * s.batch + i, 0) for i in range(s.batch)]
        items += [self.scene(step * s.rendered + i) for i in range(s.rendered)]
        if self.ruled:
            items += [self.photo(self.ruled, step * s.ruled + i, 1) for i in range(s.ruled)]
        photos, inverse = zip(*items, strict=True)
        return {"photos": torch.stack(photos), "inverse": torch.stack(inverse)}

    def photo(self, pairs: Pairs, index: int, stream: int) -> tuple[Tensor, Tensor]:
        """A crop of a photo and its map."""
        rng = np.random.default_rng([self.settings.seed, 2 + stream, index])
        photo, plane = pairs[index]
        inverse = plane.astype(np.float32)
        return cut(photo, np.where(inverse > 0, inverse / inverse.max(), np.nan).astype(np.float32), SIZE, 0.6, rng)

    def scene(self, index: int) -> tuple[Tensor, Tensor]:
        """A rendered scene and its map."""
        rng = np.random.default_rng([self.settings.seed, 1, index])
        crops = []
        for _ in range(5):
            photo = self.textures.image(int(rng.integers(len(self.textures))))
            side = rng.uniform(0.3, 1) * min(photo.size)
            left, top = rng.uniform(0, photo.width - side), rng.uniform(0, photo.height - side)
            cut = photo.resize((96, 96), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
            crops.append(np.asarray(cut, np.float32) / 255)
        picture, inverse = scene(crops, *SIZE, rng)
        return varied(torch.from_numpy(picture).permute(2, 0, 1), torch.from_numpy(inverse), rng)


class DepthTraining(DenseTraining):
    """Trains inverse depth on measured maps, rendered scenes and maps made by a rule."""

    Settings = DepthSettings
    settings: DepthSettings

    def __init__(self, settings: DepthSettings, device: torch.device) -> None:
        super().__init__(settings, device, outputs=1)
        self.maps = Maps(settings)

    def batches(self) -> Dataset[dict[str, Tensor]]:
        return self.maps

    def losses(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        s = self.settings
        photos = batch["photos"].contiguous(memory_format=torch.channels_last)
        found = self.network(photos).float()
        found = F.interpolate(found, photos.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
        exact = s.batch + s.rendered
        wanted = batch["inverse"]
        order = ranked(found, wanted, torch.Generator().manual_seed(s.seed * 1_000_003 + step))
        known = wanted[:exact].isfinite()
        difference = normalised(found[:exact], known) - normalised(wanted[:exact].nan_to_num(0), known)
        error, gradient = trimmed(difference, known), gradients(difference, known)
        loss = (error + s.gradient_weight * gradient).mean() + s.order_weight * order[:exact].mean()
        parts = {"error": error.mean(), "gradient": gradient.mean(), "order": order[: s.batch].mean()}
        if len(order) > exact:
            loss = loss + s.order_weight * s.ruled_weight * order[exact:].mean()
            parts["ruled"] = order[exact:].mean()
        return {"loss": loss, **parts}

    @torch.no_grad()
    def sheet(self, network: Hourglass) -> Image.Image:
        """Photos, rendered scenes and street scenes; below them their depth; below that the network's."""
        batch = {key: value.to(self.device) for key, value in self.maps[self.settings.steps].items()}
        rows = [batch["photos"], _shown(batch["inverse"][:, None].nan_to_num(0))]
        with torch.autocast(self.device.type, enabled=False):
            rows.append(_shown(F.interpolate(network(batch["photos"]).float(), SIZE)))
        return contact_sheet([to_image(cell[None]) for row in rows for cell in row], columns=len(batch["photos"]))

    def export(self, network: Hourglass, folder: Path, facts: dict[str, Any]) -> None:
        write_model(
            folder,
            network.state_dict(),
            {"method": "depth", "blocks": network.encoder.blocks, "training": facts},
        )


def _shown(maps: Tensor) -> Tensor:
    low, high = bounds(maps)
    return ((maps - low) / (high - low).clamp_min(1e-6)).clamp(0, 1).expand(-1, 3, -1, -1)


def normalised(maps: Tensor, known: Tensor) -> Tensor:
    """``(N, H, W)`` minus its median, divided by its mean deviation, where ``known`` is True; 0 elsewhere."""
    flat, valid = maps.flatten(1), known.flatten(1)
    median = flat.detach().where(valid, torch.nan).nanmedian(1, keepdim=True).indices
    # No NaN may enter the graph: the gradient would be NaN.
    centred = (flat.where(valid, 0.0) - flat.gather(1, median)).where(valid, 0.0)
    deviation = centred.abs().sum(1, keepdim=True) / valid.sum(1, keepdim=True).clamp_min(1)
    return (centred / deviation.clamp_min(1e-6)).view_as(maps)


def trimmed(difference: Tensor, known: Tensor) -> Tensor:
    """The mean of the smallest 80 % of ``difference`` where ``known``, for each map: ``(N,)``."""
    errors, valid = difference.abs().flatten(1), known.flatten(1)
    limit = errors.detach().where(valid, torch.nan).nanquantile(0.8, dim=1, keepdim=True)
    kept = valid & (errors <= limit)
    return (errors * kept).sum(1) / kept.sum(1).clamp_min(1)


def gradients(difference: Tensor, known: Tensor) -> Tensor:
    """The mean absolute gradient of ``difference``, summed over four scales: ``(N,)``."""
    total = difference.new_zeros(len(difference))
    for scale in (1, 2, 4, 8):
        d, there = (x[:, ::scale, ::scale] for x in (difference, known))
        for axis in (1, 2):
            size = there.shape[axis]
            both = (there.narrow(axis, 1, size - 1) & there.narrow(axis, 0, size - 1)).flatten(1)
            total = total + (d.diff(dim=axis).abs().flatten(1) * both).sum(1) / both.sum(1).clamp_min(1)
    return total


def ranked(found: Tensor, wanted: Tensor, random: torch.Generator) -> Tensor:
    """The logistic loss of random pairs of pixels whose depths differ by ``RATIO``, for each map: ``(N,)``."""
    places = torch.randint(0, found[0].numel(), (2, len(found), PAIRS), generator=random).to(found.device)
    scaled = normalised(found, wanted.isfinite()).flatten(1)
    first, second = (scaled.gather(1, p) for p in places)
    one, other = (wanted.flatten(1).gather(1, p) for p in places)
    sign = (one > RATIO * other).float() - (other > RATIO * one).float()  # 0 where either is NaN
    errors = F.softplus(-3 * sign * (first - second)) * sign.abs()
    return errors.sum(1) / sign.abs().sum(1).clamp_min(1)
