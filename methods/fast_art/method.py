"""Fast style transfer: one network per painting.

Johnson, Alahi & Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution"
(arXiv 1603.08155). The weights of a style are read when it is used for the first time.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from hub.errors import UnknownName
from hub.method import Method, Style
from hub.names import resolve
from hub.parameters import StrokeParameters, with_role
from hub.progress import ProgressCallback
from hub.spatial import other_style
from hub.weights import checked_config, load_strict
from methods.parts.transformation.network import ImageTransformationNetwork, Upsampling
from methods.parts.transformation.runner import TiledRunner


class FastArtParameters(StrokeParameters):
    """What the method takes."""

    style: str = with_role("style", title="Style", description="A style's name; the end of it is enough: starry-night.")
    other: str | None = other_style()


class FastArtConfig(BaseModel):
    """The metadata in one style's file of weights."""

    model_config = ConfigDict(extra="ignore")

    width: int = Field(ge=2, le=64)
    blocks: int = Field(5, ge=1, le=16)
    upsampling: Upsampling
    style: Style


class FastArt(Method):
    """One image transformation network per painting."""

    Parameters = FastArtParameters

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self.runners: dict[str, TiledRunner] = {}
        self._styles = {
            name: Style(name=name, title=variant.title, artist=variant.artist, year=variant.year)
            for name, variant in self.entry.model.variants.items()
        }
        if tensors:  # a single style that a user trained
            style = checked_config(FastArtConfig, config, self.entry.name).style
            self._styles[style.name] = style
            self.runners[style.name] = self.runner(config, tensors)

    @property
    def styles(self) -> Mapping[str, Style]:
        return self._styles

    def resolve(self, parameters: FastArtParameters) -> FastArtParameters:
        try:
            name = resolve(parameters.style, self._styles, "style")
        except UnknownName as error:
            raise UnknownName(
                f"{error} Each style is a network of its own: `stylehub train {self.entry.method_id} --style picture.jpg` "
                "trains another."
            ) from None
        return parameters.model_copy(update={"style": name})

    def stylize(self, content: Tensor, parameters: FastArtParameters, progress: ProgressCallback) -> Tensor:
        if parameters.style not in self.runners:
            self.runners[parameters.style] = self.runner(*self.variant(parameters.style))
        pictures, mix = [content], content.new_ones(len(content), 1)
        del content  # so that the runner can free it: 48 megapixels are 0.6 GB
        return self.runners[parameters.style](pictures, mix, progress, self.tile)

    def runner(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> TiledRunner:
        """The network of one style, ready for pictures of any size."""
        checked = checked_config(FastArtConfig, config, self.entry.name)
        network = ImageTransformationNetwork(1, checked.width, "tanh", checked.upsampling, checked.blocks)
        load_strict(network, tensors, self.entry.name)
        return TiledRunner(network, self)
