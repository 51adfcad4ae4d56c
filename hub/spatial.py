"""Where a style applies: far away, nearby, across the picture, at one depth, or inside a mask. The same for every method.

The strength by depth with contrast and offset is after Kitov, Kozlovtsev & Mishustina 2019, "Depth-Aware Arbitrary Style
Transfer Using Instance Normalization" (arXiv 1906.01123); depth itself as strength after "Image style transfer by
improved AdaIN", 2020.
"""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from torch import Tensor

from hub.errors import ImageError, ParameterError
from hub.images import read_image, resized, to_tensor

if TYPE_CHECKING:
    from hub.images import Source

GROUP = "Where"  # what the app calls these controls
BY_DEPTH = ("far", "near", "layer")
FLAT = 0.02  # a map that varies less says nothing

logger = logging.getLogger(__name__)


class Map:
    """A mask or a depth map as a parameter: a picture in any form, or an array or tensor ``(H, W)``."""

    declared_kind: ClassVar = "map"

    def __init__(self, source: "Source | Tensor | np.ndarray[Any, Any]", name: str | None = None) -> None:
        """``name``: what to call it in a record; a file's name without its folder, or ``MAP``, by default."""
        self.source = source
        self.name = name or (Path(source).name if isinstance(source, str | Path) else "MAP")

    @classmethod
    def of(cls, value: Any) -> "Map":
        """Anything that the class describes. Raises ``ValueError``."""
        if isinstance(value, Map):
            return value if isinstance(value, cls) else cls(value.source, value.name)
        if isinstance(value, str | Path | bytes | Image.Image | np.ndarray | Tensor) or hasattr(value, "read"):
            return cls(value)
        raise ValueError("should be a picture, or an array (H, W)")

    def read(self) -> Tensor:
        """``(1, 1, H, W)``, float32: a picture in [0, 1], an array as it is (of 8 and 16 bits in [0, 1] too).

        Raises ``ImageError`` for what cannot be read, is not flat, or has numbers that are none.
        """
        if not isinstance(self.source, Tensor | np.ndarray):
            return to_tensor(read_image(self.source).rgb).mean(1, keepdim=True)
        source = self.source.detach().cpu().numpy() if isinstance(self.source, Tensor) else self.source
        if source.dtype.kind not in "biuf":
            raise ImageError(f"A map as an array holds real numbers; this one is of type {source.dtype}.")
        # 8 and 16 bits are pictures: their largest number is white.
        white = np.iinfo(source.dtype).max if source.dtype in (np.uint8, np.uint16) else 1
        plane = torch.from_numpy(source.astype(np.float32) / np.float32(white))
        if plane.ndim != 2 or 0 in plane.shape:
            raise ImageError(f"A map as an array has shape (H, W); this one has {tuple(plane.shape)}.")
        if not plane.isfinite().all():
            raise ImageError("The map has places that are no numbers; fill them first.")
        return plane[None, None]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Map) and self.source is other.source

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Map({self.name!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        name = core_schema.plain_serializer_function_ser_schema(lambda chosen: chosen.name)
        return core_schema.no_info_plain_validator_function(cls.of, serialization=name)


def _place(default: Any, **constraints: Any) -> Any:
    return Field(default, json_schema_extra={"group": GROUP}, **constraints)


Where = Literal["everywhere", "far", "near", "layer", "across", "mask"]


class SpatialParameters(BaseModel):
    """The controls of a place, which every method has."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    where: Where = _place(
        "everywhere",
        title="Where",
        description="Where the style applies: everywhere, to what is far, near or at one depth, in a gradient across the "
        "picture, or in the white of a mask.",
    )
    contrast: float = _place(
        1.0, ge=0, le=20, title="Contrast", description="How abruptly strength changes; 20 is a hard edge."
    )
    offset: float = _place(
        0.0, ge=-1, le=1, title="Offset", description="Where it changes: lower for more of the style."
    )
    floor: float = _place(0.0, ge=0, le=1, title="Floor", description="Strength that is left where it would be zero.")
    layer: float = _place(
        0.5, ge=0, le=1, title="Layer", description="Which depth is meant by `layer`: 0 is the nearest, 1 the farthest."
    )
    angle: float = _place(
        0.0,
        ge=-180,
        le=180,
        title="Angle",
        description="Direction of the gradient in degrees: 0 is from left to right, 90 upwards.",
    )
    map: Map | None = _place(
        None,
        title="Map",
        description="A mask, or a depth map of your own, bright far away. Empty: depth is estimated from the photo.",
    )
    depth: Literal["bundled", "depth-anything"] = _place(
        "bundled",
        title="Depth network",
        description="What estimates depth: the bundled network, or Depth Anything V2, better and downloaded when needed.",
    )
    inverted: bool = _place(
        False, title="Inverted map", description="Take the map the other way round: bright is near, or outside."
    )


def other_style() -> Any:
    """The field ``other`` of a method that takes a style: of the same type as ``style``, or None."""
    return _place(
        None,
        title="Second style",
        description="The style for the rest of the picture, so that two meet; empty: the rest keeps the photo's look.",
    )


def strength_map(
    values: SpatialParameters, content: Tensor, fetching: Mapping[str, Any] | None = None
) -> Tensor | None:
    """How strongly the style of ``values`` applies where: ``(N, 1, H, W)`` in [0, 1] for ``content`` ``(N, 3, H, W)``.

    None when it applies everywhere. ``fetching`` is how ``hub.load`` was told to use the hub, for a depth network from
    there. Raises ``ImageError``, ``ParameterError``, ``WeightsError``.
    """
    if values.where == "everywhere":
        if values.map is not None:
            raise ParameterError("A map is given, but not what it is: --where mask (where='mask'), far, near or layer.")
        if getattr(values, "other", None) is not None:
            raise ParameterError("A second style needs a place of its own: --where far (where='far'), near or mask.")
        return None
    if values.where == "mask":
        if values.map is None:
            raise ParameterError("A mask is needed: --map FILE (map=...), white where the style applies.")
        place = _contrasted(mask(values, content), values)
    elif values.where == "across":
        if values.map is not None:
            raise ParameterError("A gradient across the picture takes no map; --where mask (where='mask') does.")
        place = _contrasted(across(content, values.angle), values)
    else:
        far = depth_map(values, content, fetching)
        return None if far is None else by_depth(values, far)
    return _floored(place, values)


def by_depth(values: SpatialParameters, far: Tensor) -> Tensor:
    """The strength where depth decides; ``far`` is what ``depth_map`` gives."""
    if values.where == "layer":
        away = (far - values.layer).abs()
        place = ((0.25 - values.offset / 4 - away) * 4 * (1 + values.contrast)).clamp(0, 1)
    else:
        place = _contrasted(far if values.where == "far" else 1 - far, values)
    return _floored(place, values)


def depth_map(values: SpatialParameters, content: Tensor, fetching: Mapping[str, Any] | None = None) -> Tensor | None:
    """How far everything is, 0 the nearest, 1 the farthest: ``(N, 1, H, W)``. None, with a warning, if all is as far."""
    if values.map is None:
        if values.inverted:
            raise ParameterError("There is no map to invert: give --map FILE (map=...), or choose near instead of far.")
        from methods.parts.depth.estimate import estimate

        return estimate(content, values.depth, fetching)
    given = values.map.read()
    low, high = given.aminmax()
    if not high - low > FLAT * given.abs().amax():
        logger.warning("The depth map is the same everywhere; the style applies everywhere alike.")
        return None
    far = _fitted((given - low) / (high - low), content)
    return 1 - far if values.inverted else far


def mask(values: SpatialParameters, content: Tensor) -> Tensor:
    """The given mask, fitted: ``(N, 1, H, W)``."""
    assert values.map is not None
    given = values.map.read()
    low, high = (float(bound) for bound in given.aminmax())
    if low < 0 or high > 1:
        raise ParameterError(f"A mask as an array lies in [0, 1]; this one goes from {low:.3g} to {high:.3g}.")
    if values.inverted:
        given, low, high = 1 - given, 1 - high, 1 - low
    if high < FLAT:
        logger.warning("The mask is empty: the picture stays as it is.")
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
