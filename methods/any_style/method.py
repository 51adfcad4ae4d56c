"""Any painting in one pass: its statistics become a code, the code every scale and shift of a small network.

Ghiasi, Lee, Kudlur, Dumoulin & Shlens 2017, "Exploring the structure of a real-time, arbitrary neural artistic
stylization network" (arXiv 1705.06830).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from hub.images import read_image
from hub.method import Method, Style
from hub.parameters import Parameters
from hub.pictures import Pictures, named
from hub.progress import ProgressCallback
from hub.spatial import other_style
from hub.weights import checked_config, load_strict
from methods.adain.vectors import SCALES, StyleVector, blend, measured, preset_names_in_full, read_vector
from methods.any_style.network import LAYERS, AnyStyleNetwork, describe, description_size
from methods.parts.backbone import read_slim
from methods.parts.normalisation import Meeting
from methods.parts.painter import Painter

if TYPE_CHECKING:
    from hub.images import Source


class AnyStyleParameters(Parameters):
    """What the method takes."""

    style: Pictures = Field(
        title="Painting",
        description="A painting, a style vector (.safetensors) or the name of a preset; or several with their shares.",
    )
    other: Pictures | None = other_style()
    stroke_size: float = Field(
        1.0,
        ge=SCALES[0],
        le=SCALES[-1],
        title="Stroke size",
        description="Size at which the painting is looked at, as a factor: larger ones give larger strokes.",
    )


class AnyStyleConfig(BaseModel):
    """What the weights say of themselves."""

    model_config = ConfigDict(extra="ignore")

    width: int = Field(ge=2, le=64)
    code: int = Field(ge=2, le=512)
    hidden: int = Field(ge=4, le=4096)
    presets: list[Style] = Field([], max_length=4096)


class AnyStyle(Method):
    """Describe the painting, predict its code, paint with the code's scales and shifts."""

    Parameters = AnyStyleParameters

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        checked = checked_config(AnyStyleConfig, config, self.entry.name)
        self.encoder = read_slim(LAYERS).to(self.device)
        network = AnyStyleNetwork(checked.width, checked.code, description_size(self.encoder), checked.hidden)
        codes = {name: tensor for name, tensor in tensors.items() if name.startswith("presets.")}
        load_strict(network, {name: t for name, t in tensors.items() if name not in codes}, self.entry.name)
        self.predictor = network.predictor.eval().requires_grad_(False).to(self.device)
        self.maker = _hash_of(self.predictor.state_dict())
        self._styles = {style.name: style for style in checked.presets}
        self.presets = {n: StyleVector(codes[f"presets.{n}"].float()[:, None], self.maker) for n in self._styles}
        self.painter = Painter(network.transformation, self)

    @property
    def styles(self) -> Mapping[str, Style]:
        return self._styles

    def resolve(self, parameters: AnyStyleParameters) -> AnyStyleParameters:
        return parameters.model_copy(update={"style": preset_names_in_full(parameters.style, self._styles)})

    def vector(self, painting: "Source") -> StyleVector:
        """The codes of ``painting`` at every scale: of a preset's name, a saved vector, or a picture."""
        if isinstance(painting, str) and painting in self.presets:
            return self.presets[painting]
        if isinstance(painting, str | Path) and Path(painting).suffix == ".safetensors":
            return read_vector(Path(painting), self.maker, rows=1)
        with named(painting):
            return measured(read_image(painting).rgb, self.maker, self.code_of)

    def code_of(self, pixels: Tensor) -> Tensor:
        """The code ``(1, code)`` of a painting ``(1, 3, H, W)`` in [0, 1]."""
        code: Tensor = self.predictor(describe(pixels.to(self.device), self.encoder))
        return code

    def code(self, parameters: AnyStyleParameters) -> Tensor:
        """The blended code ``(1, code)`` of all the paintings given, by their shares."""
        chosen = zip(parameters.style.pictures, parameters.style.shares, strict=True)
        blended = blend([(self.vector(picture), share) for picture, share in chosen if share])
        return blended.rows(parameters.stroke_size).to(self.device)

    def save_vector(self, paintings: Pictures, path: Path) -> None:
        chosen = zip(paintings.pictures, paintings.shares, strict=True)
        blend([(self.vector(picture), share) for picture, share in chosen if share]).save(path)

    def stylize(self, content: Tensor, parameters: AnyStyleParameters, progress: ProgressCallback) -> Tensor:
        code = self.code(parameters).expand(len(content), -1)
        pictures = [content]
        del content  # nobody else may hold it: 48 megapixels are 0.6 GB
        return self.painter(pictures, code, progress)

    def stylize_where(
        self,
        content: Tensor,
        where: Tensor,
        parameters: AnyStyleParameters,
        other: AnyStyleParameters | None,
        progress: ProgressCallback,
    ) -> Tensor:
        """Two paintings meet in the scales and shifts of every layer, as long as the picture is computed whole."""
        if other is None or content.shape[2] * content.shape[3] > self.painter.whole_pixels:
            return super().stylize_where(content, where, parameters, other, progress)
        one, two = (self.code(p).expand(len(content), -1) for p in (parameters, other))
        return self.painter.meeting(content, Meeting(one, two, where), progress)


def _hash_of(state: Mapping[str, Tensor]) -> str:
    """What vectors are marked with: the sha256 of the prediction network as it is shipped, in float16."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode() + tensor.half().cpu().numpy().tobytes())
    return digest.hexdigest()
