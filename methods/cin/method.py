"""Conditional instance normalisation: one network paints any of its styles, or a blend of them, in one pass.

Dumoulin, Shlens & Kudlur 2017, "A Learned Representation For Artistic Style" (arXiv 1610.07629).
"""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from hub.errors import ParameterError
from hub.method import Style
from hub.names import resolve
from hub.parameters import StrokeParameters, with_role
from hub.spatial import other_style
from hub.weights import check_tensors, checked_config, load_strict
from methods.parts.transformation.method import ConditionalMethod
from methods.parts.transformation.network import ImageTransformationNetwork
from methods.parts.transformation.runner import TiledRunner


class CinParameters(StrokeParameters):
    """What the conditional network takes."""

    style: str | dict[str, float] = with_role(
        "style",
        title="Style",
        description="A style's name (the end of it is enough: starry-night), or several with their shares.",
    )
    other: str | dict[str, float] | None = other_style()
    center_crop: bool = Field(
        False, title="Centre crop", description="Work on the central square of the photo only, as the paper does."
    )


class CinConfig(BaseModel):
    """The metadata in a file of weights."""

    model_config = ConfigDict(extra="ignore")

    width: int = Field(ge=2, le=64)
    styles: list[Style] = Field(min_length=1, max_length=4096)


class Cin(ConditionalMethod):
    """One network for many paintings. A style is one row of scales and shifts; a blend is a weighted mean of rows."""

    Parameters = CinParameters
    network: ImageTransformationNetwork

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        checked = checked_config(CinConfig, config, self.entry.name)
        self._styles = {style.name: style for style in checked.styles}
        self.network = ImageTransformationNetwork(len(checked.styles), checked.width)
        load_strict(self.network, tensors, self.entry.name)
        self.runner = TiledRunner(self.network, self)

    def adopt(self, style: Style, tensors: Mapping[str, Tensor]) -> None:
        norms = {name: p for name, p in self.network.named_parameters() if ".norm." in name}
        row = check_tensors({name: p[:1] for name, p in norms.items()}, tensors, style.name, self.entry.name)
        for name, parameter in norms.items():
            parameter.data = torch.cat([parameter.data, row[name].to(parameter.device)])
        self.network.styles += 1
        self._styles[style.name] = style

    @property
    def styles(self) -> Mapping[str, Style]:
        return self._styles

    def resolve(self, parameters: CinParameters) -> CinParameters:
        if isinstance(parameters.style, str):
            style: str | dict[str, float] = resolve(parameters.style, self._styles, "style")
        else:
            style = {}
            for name, share in parameters.style.items():
                if share < 0:
                    raise ParameterError(f"The share of {name!r} is {share:g}; shares are zero or more.")
                full = resolve(name, self._styles, "style")
                style[full] = style.get(full, 0.0) + share
            if not sum(style.values()) > 0:
                raise ParameterError("The shares of the styles sum to zero; give at least one of them a share.")
        return parameters.model_copy(update={"style": style})

    def prepare(self, content: Tensor, parameters: CinParameters) -> Tensor:
        if not parameters.center_crop:
            return content
        height, width = content.shape[-2:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return content[..., top : top + side, left : left + side]

    def condition(self, parameters: CinParameters) -> Tensor:
        """The share of every style, summing to 1: ``(1, styles)``."""
        style = parameters.style
        shares = {style: 1.0} if isinstance(style, str) else style
        mix = torch.tensor([[shares.get(name, 0.0) for name in self._styles]], dtype=torch.float64)
        mix = mix / mix.max()  # the sum of very large shares would be infinity
        return (mix / mix.sum()).to(self.device, torch.float32)
