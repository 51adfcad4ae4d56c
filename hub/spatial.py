"""The parameters for where a style applies: by depth, along a gradient or inside a mask; ``hub.placing`` computes them."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from torch import Tensor

from hub.errors import ImageError
from hub.fields import with_role
from hub.images import read_plane

if TYPE_CHECKING:
    from hub.images import Source

GROUP = "Where"  # the heading of these controls in the app
BY_DEPTH = ("far", "near", "layer")

logger = logging.getLogger(__name__)


class Map:
    """A mask or a depth map as a parameter: a picture in any form, or an array or tensor ``(H, W)``."""

    declared_kind: ClassVar = "map"

    def __init__(self, source: "Source | Tensor | np.ndarray[Any, Any]", name: str | None = None) -> None:
        """``name``: its name in the provenance metadata; by default the file name, or ``MAP``."""
        self.source = source
        self.name = name or (Path(source).name if isinstance(source, str | Path) else "MAP")

    @classmethod
    def of(cls, value: Any) -> "Map":
        """A ``Map`` from any form that the class accepts. Raises ``ValueError``."""
        if isinstance(value, Map):
            return value if isinstance(value, cls) else cls(value.source, value.name)
        if isinstance(value, str | Path | bytes | Image.Image | np.ndarray | Tensor) or hasattr(value, "read"):
            return cls(value)
        raise ValueError("should be a picture, or an array (H, W)")

    def read(self) -> Tensor:
        """The map as float32 ``(1, 1, H, W)``: pictures and 8- and 16-bit arrays in [0, 1], others and floats unscaled.

        What is transparent is black. Of a mask that holds 0 and 1 only, as labels, 1 is white; this is said.

        Raises ``ImageError`` if it cannot be read, is not ``(H, W)``, or holds NaN or infinity.
        """
        source: Any = self.source
        if isinstance(source, Tensor):
            source = source.detach().cpu().numpy()
        whole = not isinstance(source, np.ndarray) or source.dtype in (np.uint8, np.uint16)
        if not isinstance(source, np.ndarray):
            source = read_plane(source)
        if source.dtype.kind not in "biuf":
            raise ImageError(f"A map must hold real numbers; this one is of type {source.dtype}.")
        if source.ndim != 2 or 0 in source.shape:
            raise ImageError(f"A map must have shape (H, W); this one has {source.shape}.")
        # Arrays of 8 and 16 bits are pictures: their largest value is white.
        white = np.iinfo(source.dtype).max if source.dtype in (np.uint8, np.uint16) else 1
        plane = source.astype(np.float32) / np.float32(white)
        if not np.isfinite(plane).all():
            raise ImageError("The map holds NaN or infinity; replace these values first.")
        if whole and 0 < (high := plane.max()) < 1.01 / 255 and np.isin(plane, (0, high)).all():
            logger.warning("%s holds 0 and 1 only, so 1 counts as white.", self.name)
            plane = plane / high
        return torch.from_numpy(plane)[None, None]

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
    """The parameters for where the style applies, the same for every method."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    where: Where = _place(
        "everywhere",
        title="Where",
        description="Where the style applies: everywhere, to what is far or near, at one depth (layer), along a gradient "
        "(across), or in the white of a mask.",
    )
    contrast: float = _place(
        1.0, ge=0, le=20, title="Contrast", description="How abruptly the strength changes; 20 is a hard edge."
    )
    offset: float = _place(
        0.0, ge=-1, le=1, title="Border", description="Where the strength changes; lower gives more of the style."
    )
    floor: float = _place(
        0.0, ge=0, le=1, title="Least strength", description="Smallest strength, even outside the mask."
    )
    layer: float = _place(
        0.5, ge=0, le=1, title="Layer", description="The depth for `--where layer`: 0 is the nearest, 1 the farthest."
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
        description="Your own mask, or a depth map that is bright far away. Empty: depth is estimated from the photo.",
    )
    depth: Literal["bundled", "depth-anything"] = _place(
        "bundled",
        title="Depth network",
        description="The bundled depth network, or Depth Anything V2, which is better and downloaded at first use.",
    )
    inverted: bool = _place(
        False, title="Inverted map", description="Invert the map: bright means near, or outside the mask."
    )


def other_style() -> Any:
    """The field ``other``, for a method with a field ``style``: of the same type, or None."""
    return with_role(
        "second style",
        None,
        group=GROUP,
        title="Second style",
        description="A second style for the rest of the picture. Empty: the rest stays as in the photo.",
    )
