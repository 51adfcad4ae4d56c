"""Training: the ``TrainingTask`` of a method, the training loop, its data, and adding a style."""

from hub.training.loop import CHECKPOINT, LearningTask, Recipe, Trainer, TrainingTask, train
from hub.training.optimizer import Optimizer, decay
from hub.training.settings import TrainingSettings, facts

__all__ = (
    "CHECKPOINT", "LearningTask", "Optimizer", "Recipe", "Trainer", "TrainingSettings", "TrainingTask", "decay",
    "facts", "train",
)  # fmt: skip
