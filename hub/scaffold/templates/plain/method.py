"""Soft quantisation, after Winnemöller, Olsen & Gooch 2006, "Real-time video abstraction".

A value x becomes its nearest level q, plus a step between the levels that ``sharpness`` makes steeper or softer:
q + d/2 tanh(sharpness (x - q)), with the distance d of two levels.
"""

import torch
from pydantic import Field

from hub.method import Method
from hub.parameters import Parameters


class MyMethodParameters(Parameters):
    """Each field is a flag, a keyword, a control of the app and a row of the card."""

    levels: int = Field(5, ge=2, le=32, title="Levels", description="How many levels every channel keeps.")
    sharpness: float = Field(30.0, ge=0, le=100, title="Sharpness", description="How hard the steps are.")


class MyMethod(Method):
    """Every pixel is computed from that pixel alone, so it needs no tiles."""

    Parameters = MyMethodParameters

    def setup(self, config, tensors):
        """Nothing to build: there are no weights."""

    def stylize(self, content, parameters, progress):
        """``content`` and the result are float32 ``(N, 3, H, W)`` in [0, 1], of any size."""
        steps = parameters.levels - 1
        level = (content * steps).round() / steps
        return level + torch.tanh(parameters.sharpness * (content - level)) / (2 * steps)
