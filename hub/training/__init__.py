"""What a method's training is made of: a ``TrainingTask``, its settings and its data. ``hub.trainer`` runs it."""

from hub.training.settings import TrainingSettings, facts
from hub.training.task import LearningTask, Recipe, TrainingTask

__all__ = ("LearningTask", "Recipe", "TrainingSettings", "TrainingTask", "facts")
