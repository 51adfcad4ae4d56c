"""The base of every training whose losses come from a perceptual network."""

from collections.abc import Collection
from typing import Any

import torch

from hub.training import LearningTask
from methods.parts.perceptual.backbone import open_backbone
from methods.parts.perceptual.vgg import VGG


class PerceptualLearning(LearningTask):
    """A task with the perceptual network ``vgg``; ``perceptual_network`` is its name, for the exported weights."""

    device: torch.device
    vgg: VGG
    perceptual_network: str | None = None

    def __init__(self, settings: Any, device: torch.device, layers: Collection[str]) -> None:
        """Seed torch, and open the network of ``settings.vgg`` up to the deepest of ``layers``; none without layers."""
        self.settings, self.device = settings, device
        torch.manual_seed(settings.seed)
        if layers:
            dtype = torch.bfloat16 if settings.bf16 else torch.float32
            self.vgg, self.perceptual_network = open_backbone(
                "auto", settings.vgg, layers=layers, device=device, dtype=dtype
            )
