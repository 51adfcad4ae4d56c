"""Training: what a method brings (a ``TrainingTask``), the one loop, its data, and learning one more style."""

from hub.training.loop import CHECKPOINT as CHECKPOINT
from hub.training.loop import LearningTask as LearningTask
from hub.training.loop import Recipe as Recipe
from hub.training.loop import Trainer as Trainer
from hub.training.loop import TrainingTask as TrainingTask
from hub.training.loop import train as train
from hub.training.optimizer import Optimizer as Optimizer
from hub.training.optimizer import decay as decay
from hub.training.settings import TrainingSettings as TrainingSettings
from hub.training.settings import facts as facts
