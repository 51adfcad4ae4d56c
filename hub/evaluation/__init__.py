"""How good a model is, by numbers. The top of the house: it may use what methods share."""

from hub.evaluation.paintings import Scores as Scores
from hub.evaluation.paintings import average as average
from hub.evaluation.paintings import evaluate as evaluate
from hub.evaluation.paintings import paintings_for as paintings_for
from hub.evaluation.paintings import read_photos as read_photos
from hub.evaluation.paintings import stylise_by as stylise_by
