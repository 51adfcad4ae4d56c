"""Strength maps: how strongly a style applies at each pixel, from depth, a mask or a gradient.

Strength from depth with contrast and offset: Kitov, Kozlovtsev & Mishustina 2019, "Depth-Aware Arbitrary Style Transfer
Using Instance Normalization" (arXiv 1906.01123). Depth itself as strength: "Image style transfer by improved AdaIN", 2020.
"""

import logging
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hub.errors import ParameterError
from hub.fields import value_of
from hub.images import resized
from hub.registry import provided
from hub.spatial import SpatialParameters

FLAT = 0.02  # a map that varies less is treated as constant

logger = logging.getLogger(__name__)


def strength_map(
    values: SpatialParameters, content: Tensor, fetching: Mapping[str, Any] | None = None
) -> Tensor | None:
    """The strength map ``(N, 1, H, W)`` in [0, 1] for ``content`` ``(N, 3, H, W)``; None: the style applies everywhere.

    ``fetching``: the download options of ``hub.load``, for a depth network from the model hub. Raises ``ImageError``,
    ``ParameterError``, ``WeightsError``.
    """
    if values.where == "everywhere":
        if values.map is not None:
            raise ParameterError("A map needs --where mask, far, near or layer (where='mask' in Python).")
        if value_of(values, "second style") is not None:
            raise ParameterError("A second style needs --where far, near, layer, across or mask (where='far', ...).")
        return None
    if values.where == "mask":
        if values.map is None:
            raise ParameterError("Give a mask with --map FILE (map=...): white where the style applies.")
        place = _contrasted(mask(values, content), values)
    elif values.where == "across":
        if values.map is not None:
            raise ParameterError("A gradient takes no map; leave the map out, or use --where mask (where='mask').")
        place = _contrasted(across(content, values.angle), values)
    else:
        far = depth_map(values, content, fetching)
        return None if far is None else by_depth(values, far)
    return _floored(place, values)


def by_depth(values: SpatialParameters, far: Tensor) -> Tensor:
    """The strength map ``(N, 1, H, W)`` from the depth map ``far`` of ``depth_map``."""
    if values.where == "layer":
        away = (far - values.layer).abs()
        place = ((0.25 - values.offset / 4 - away) * 4 * (1 + values.contrast)).clamp(0, 1)
    else:
        place = _contrasted(far if values.where == "far" else 1 - far, values)
    return _floored(place, values)


def depth_map(values: SpatialParameters, content: Tensor, fetching: Mapping[str, Any] | None = None) -> Tensor | None:
    """The depth map ``(N, 1, H, W)``: 0 is the nearest, 1 the farthest. None, with a warning, if depth is constant."""
    if values.map is None:
        if values.inverted:
            raise ParameterError("No map to invert: give one with --map FILE (map=...), or choose near instead of far.")
        far: Tensor | None = provided("depth")(content, values.depth, fetching)
        return far
    given = values.map.read()
    low, high = given.aminmax()
    if not high - low > FLAT * given.abs().amax():
        logger.warning("The depth map is constant, so the style applies everywhere.")
        return None
    far = _fitted((given - low) / (high - low), content)
    return 1 - far if values.inverted else far


def mask(values: SpatialParameters, content: Tensor) -> Tensor:
    """The given mask at the size of ``content``: ``(N, 1, H, W)``."""
    assert values.map is not None
    given = values.map.read()
    low, high = (float(bound) for bound in given.aminmax())
    if low < 0 or high > 1:
        raise ParameterError(f"A mask must lie in [0, 1]; this one goes from {low:.3g} to {high:.3g}.")
    if values.inverted:
        given, low, high = 1 - given, 1 - high, 1 - low
    if high < FLAT:
        logger.warning("The mask is empty, so the photo stays unchanged.")
    elif low > 1 - FLAT:
        logger.warning("The mask covers the whole picture.")
    return _fitted(given, content)


def across(content: Tensor, angle: float) -> Tensor:
    """A gradient from 0 to 1 in the direction of ``angle`` degrees: ``(N, 1, H, W)``."""
    height, width = content.shape[-2:]
    y = torch.linspace(0.5, -0.5, height, device=content.device)[:, None] * (height / max(height, width))
    x = torch.linspace(-0.5, 0.5, width, device=content.device)[None] * (width / max(height, width))
    along = x * math.cos(math.radians(angle)) + y * math.sin(math.radians(angle))
    low, high = along.aminmax()
    plane = (along - low) / (high - low).clamp_min(1e-6)
    return plane.expand(len(content), 1, -1, -1)


def _contrasted(place: Tensor, values: SpatialParameters) -> Tensor:
    return ((place - 0.5 - values.offset) * values.contrast + 0.5).clamp(0, 1)


def _fitted(plane: Tensor, content: Tensor) -> Tensor:
    height, width = content.shape[-2:]
    return resized(plane.to(content.device), (height, width)).expand(len(content), -1, -1, -1)


def _floored(place: Tensor, values: SpatialParameters) -> Tensor:
    return values.floor + (1 - values.floor) * place
