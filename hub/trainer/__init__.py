"""Run a training: the loop with its checkpoints, the optimiser, and one more style for a trained network."""

from hub.trainer.loop import CHECKPOINT, Trainer, train
from hub.trainer.optimizer import Optimizer, decay

__all__ = ("CHECKPOINT", "Optimizer", "Trainer", "decay", "train")
