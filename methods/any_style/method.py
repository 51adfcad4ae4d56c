"""Any painting in one pass: a network predicts a style code from the painting; the code gives all scales and shifts.

Ghiasi, Lee, Kudlur, Dumoulin & Shlens 2017, "Exploring the structure of a real-time, arbitrary neural artistic
stylization network" (arXiv 1705.06830).
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from hub.method import Style
from hub.parameters import inherited
from hub.weights import checked_config, load_strict, network_sha256
from methods.adain.method import AdaINParameters
from methods.any_style.network import AnyStyleNetwork
from methods.parts.perceptual.backbone import read_slim
from methods.parts.style_code.network import LAYERS, describe, description_size
from methods.parts.style_vectors import PaintingMethod, PaintingParameters, without_presets
from methods.parts.transformation.method import ConditionalMethod
from methods.parts.transformation.runner import TiledRunner


class AnyStyleParameters(PaintingParameters):
    """What the method takes."""

    stroke_size: float = inherited(
        AdaINParameters,
        "stroke_size",
        1.0,
        description="Factor on the size at which the painting is encoded: a larger one gives larger strokes.",
    )


class AnyStyleConfig(BaseModel):
    """The metadata in a file of weights."""

    model_config = ConfigDict(extra="ignore")

    width: int = Field(ge=2, le=64)
    code: int = Field(ge=2, le=512)
    hidden: int = Field(ge=4, le=4096)
    presets: list[Style] = Field([], max_length=4096)


class AnyStyle(ConditionalMethod, PaintingMethod):
    """Describe the painting, predict its style code, paint with the scales and shifts of the code."""

    Parameters = AnyStyleParameters

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        checked = checked_config(AnyStyleConfig, config, self.entry.name)
        self.vgg = read_slim(LAYERS).to(self.device)
        network = AnyStyleNetwork(checked.width, checked.code, description_size(self.vgg), checked.hidden)
        load_strict(network, without_presets(tensors), self.entry.name)
        self.predictor = network.predictor.eval().requires_grad_(False).to(self.device)
        self.encoder, self.shape = network_sha256(self.predictor), (1, checked.code)
        self.keep_presets(checked.presets, tensors)
        self.runner = TiledRunner(network.transformation, self)

    def encode_painting(self, pixels: Tensor) -> Tensor:
        """The code ``(1, code)`` of a painting."""
        code: Tensor = self.predictor(describe(pixels.to(self.device), self.vgg))
        return code

    def condition(self, parameters: AnyStyleParameters) -> Tensor:
        """The weighted mean code ``(1, code)`` of all paintings of ``parameters``."""
        return self.blend(parameters.style).rows(parameters.stroke_size).to(self.device)
