"""Training of the scene-parsing network on labelled photos; some groups are rare.

1. Cross-entropy, with larger weights for rarer groups.
2. 1 minus the Dice coefficient of prediction and labels (Milletari et al. 2016, arXiv 1606.04797). All groups weigh the
   same in it.
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
from hub.weights import write_model
from methods.parts.dense.hourglass import Hourglass
from methods.parts.dense.segmentation.groups import GROUPS
from methods.parts.dense.segmentation.masks import colorize
from methods.parts.dense.training import DenseSettings, DenseTraining, Pairs, cut
from methods.parts.sheets import contact_sheet

SIZE = (224, 288)  # rows and columns of the training pictures
UNKNOWN = 255  # the label of unknown pixels
SHOWN = 100  # least number of pixels for a photo to count as showing a group


class SegmentationSettings(DenseSettings):
    """Settings of ``stylehub train segmentation``."""

    labelled: list[Path] = Field(
        description="Tar shards of photos (jpg) with labels (label.png): the number of the group, 255 where unknown."
    )
    batch: int = inherited(DenseSettings, "batch", 4, description="Photos per step, from rounds over all photos.")
    rare: int = Field(2, ge=0, description="Additional photos per step that show one of the rarest groups.")
    rarest: int = Field(5, ge=1, le=len(GROUPS), description="Number of groups that count as rare.")
    balance: float = Field(
        0.35, ge=0, le=1, description="Exponent b of a group's weight: (its share of all pixels) ** -b."
    )
    overlap_weight: float = Field(0.5, ge=0, description="Weight of the Dice loss, relative to cross-entropy.")


class Labelled(Dataset[dict[str, Tensor]]):
    """For each step ``photos`` ``(N, 3, H, W)`` and ``labels`` ``(N, H, W)``, 255 where unknown."""

    def __init__(self, settings: SegmentationSettings) -> None:
        self.settings = settings
        self.pairs = Pairs(settings.labelled, "label.png", settings.seed)
        counts = np.stack(
            [np.bincount(self.pairs.pair(i)[1].ravel(), minlength=256)[: len(GROUPS)] for i in range(len(self.pairs))]
        )
        self.shares = counts.sum(0) / counts.sum()
        showing = [np.flatnonzero(counts[:, group] > SHOWN) for group in range(len(GROUPS))]
        seldom = sorted((photos for photos in showing if len(photos)), key=len)
        self.showing = seldom[: settings.rarest]

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        s = self.settings
        items = [self.item(step * s.batch + i, rare=False) for i in range(s.batch)]
        items += [self.item(step * s.rare + i, rare=True) for i in range(s.rare)]
        photos, labels = zip(*items, strict=True)
        return {"photos": torch.stack(photos), "labels": torch.stack(labels).long()}

    def item(self, index: int, rare: bool) -> tuple[Tensor, Tensor]:
        """A crop of a photo and its labels: the next photo of the rounds, or a random photo of the next rare group."""
        rng = np.random.default_rng([self.settings.seed, int(rare), index])
        pair = self.pairs[index]
        if rare:
            pair = self.pairs.pair(int(rng.choice(self.showing[index % len(self.showing)])))
        return cut(*pair, SIZE, 0.5, rng)


class SegmentationTraining(DenseTraining):
    """Trains the class scores of the ten groups."""

    Settings = SegmentationSettings
    settings: SegmentationSettings

    def __init__(self, settings: SegmentationSettings, device: torch.device) -> None:
        super().__init__(settings, device, outputs=len(GROUPS))
        self.labelled = Labelled(settings)
        weights = np.maximum(self.labelled.shares, 1e-3) ** -settings.balance
        self.weights = torch.tensor(weights / (weights * self.labelled.shares).sum(), dtype=torch.float32).to(device)

    def batches(self) -> Dataset[dict[str, Tensor]]:
        return self.labelled

    def losses(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        photos, labels = batch["photos"].contiguous(memory_format=torch.channels_last), batch["labels"]
        found = F.interpolate(self.network(photos).float(), labels.shape[-2:], mode="bilinear", align_corners=False)
        entropy = F.cross_entropy(found, labels, self.weights, ignore_index=UNKNOWN)
        missed = 1 - overlap(found.softmax(1), labels)
        right = (found.argmax(1) == labels)[labels != UNKNOWN].float().mean()
        return {
            "loss": entropy + self.settings.overlap_weight * missed,
            "entropy": entropy,
            "missed": missed,
            "right": right,
        }

    @torch.no_grad()
    def sheet(self, network: Hourglass) -> Image.Image:
        """Photos, their labels, the network's prediction."""
        batch = {key: value.to(self.device) for key, value in self.labelled[self.settings.steps].items()}
        with torch.autocast(self.device.type, enabled=False):
            found = F.interpolate(network(batch["photos"]).float(), SIZE, mode="bilinear")
        known = batch["labels"] != UNKNOWN
        wanted = F.one_hot(batch["labels"].where(known, 0), len(GROUPS)).permute(0, 3, 1, 2) * known[:, None]
        cells = [to_image(photo[None]) for photo in batch["photos"]]
        cells += [colorize(masks) for rows in (wanted.float(), found.softmax(1)) for masks in rows]
        return contact_sheet(cells, columns=len(batch["photos"]))

    def export(self, network: Hourglass, folder: Path, facts: dict[str, Any]) -> None:
        config = {
            "method": "segmentation",
            "blocks": network.encoder.blocks,
            "groups": [group.name for group in GROUPS],
            "training": facts,
        }
        write_model(folder, network.state_dict(), config)


def overlap(found: Tensor, labels: Tensor) -> Tensor:
    """The mean Dice coefficient of ``found`` ``(N, K, H, W)`` and ``labels`` ``(N, H, W)`` over the labelled groups."""
    known = labels != UNKNOWN
    wanted = F.one_hot(labels.where(known, 0), found.shape[1]).permute(0, 3, 1, 2) * known[:, None]
    found = found * known[:, None]
    both, one, other = ((x).sum((0, 2, 3)) for x in (found * wanted, found, wanted))
    occurs = other > 0
    return (2 * both / (one + other).clamp_min(1))[occurs].mean()
