"""What is trained: a ``TrainingTask`` gives the network, the batches and the losses; ``hub.trainer`` runs it."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset

from hub.training.settings import TrainingSettings


class LearningTask(ABC):
    """The task of a ``Trainer``. Only the weights of ``network`` are trained."""

    Settings: ClassVar[type[TrainingSettings]]
    settings: TrainingSettings
    network: nn.Module

    @abstractmethod
    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameter groups; ``factor`` multiplies Adam's rate, ``muon=True`` selects Muon for convolution kernels."""

    @abstractmethod
    def batches(self) -> Dataset[Any]:
        """``batches()[step]`` is the whole batch of a step, a function of the seed and the step only."""

    @abstractmethod
    def losses(self, batch: Any, step: int) -> dict[str, Tensor]:
        """The scalars to log; ``loss`` is minimised."""


class TrainingTask(LearningTask):
    """The task for training one method, with contact sheets and exported weights."""

    @abstractmethod
    def sheet(self, network: Any) -> Image.Image:
        """A contact sheet of results of ``network``."""

    @abstractmethod
    def export(self, network: Any, folder: Path, facts: dict[str, Any]) -> None:
        """Write ``model.safetensors`` and ``config.json`` for ``hub.load(folder)``; ``facts`` go into the config."""


Recipe = TrainingTask  # the name before version 0.2
