"""Measure the quality of models. This layer is above ``methods`` and may import ``methods.parts``."""

from hub.evaluation.paintings import Scores as Scores
from hub.evaluation.paintings import average as average
from hub.evaluation.paintings import evaluate as evaluate
from hub.evaluation.paintings import paintings_for as paintings_for
from hub.evaluation.paintings import read_photos as read_photos
from hub.evaluation.paintings import stylise_by as stylise_by
from hub.evaluation.strokes import StrokeScores as StrokeScores
from hub.evaluation.strokes import evaluate_strokes as evaluate_strokes
