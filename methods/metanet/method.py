"""A painting in, a network out: the meta network writes the filters of a small network for any painting.

Shen, Yan & Zeng 2018, "Neural Style Transfer via Meta Networks" (arXiv 1709.04111). A written network is a file of its
own, see ``style_file.py``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field
from torch import Tensor

from hub.method import Style
from hub.pictures import Pictures
from hub.progress import ProgressCallback
from hub.weights import check_finite, checked_config, load_strict
from methods.any_style.network import LAYERS, describe, description_size
from methods.metanet.network import Architecture, MetaNetwork
from methods.metanet.style_file import read_code, write_network
from methods.parts.perceptual.backbone import read_slim
from methods.parts.style_vectors import PaintingMethod, PaintingParameters, StyleVector, without_presets
from methods.parts.transformation.runner import TiledRunner

KEPT = 4  # networks that are ready at a time


class MetaNetConfig(Architecture):
    """The metadata in a file of weights."""

    presets: list[Style] = Field([], max_length=4096)


class MetaNet(PaintingMethod):
    """Describe the painting, predict its code, write a network from the code, paint with the network."""

    Parameters = PaintingParameters
    scales = (1.0,)

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        checked = checked_config(MetaNetConfig, config, self.entry.name)
        self.vgg = read_slim(LAYERS).to(self.device)
        self.network = MetaNetwork(checked, description_size(self.vgg))
        load_strict(self.network, without_presets(tensors), self.entry.name)
        self.network = self.network.eval().requires_grad_(False).to(self.device)
        self.encoder, self.shape = self.network.hash(), (1, checked.code)
        self.keep_presets(checked.presets, tensors)
        self.runners: dict[bytes, TiledRunner] = {}

    def encode_painting(self, pixels: Tensor) -> Tensor:
        """The code ``(1, code)`` of a painting."""
        code: Tensor = self.network.predictor(describe(pixels.to(self.device), self.vgg))
        return code

    def write(self, paintings: Pictures) -> tuple[Tensor, dict[str, Tensor]]:
        """The code ``(code,)`` of ``paintings`` and the weights of their network, in float16 as in a file.

        Several paintings are mixed in their codes. Filters are linear in the code before they are normalised.
        Raises ``WeightsError`` if a number is not finite.
        """
        code = self.blend(paintings).numbers[0]
        weights = {name: w[0].half() for name, w in self.network.generate(code.to(self.device)).items()}
        check_finite(weights, f"The network that {self.entry.name} writes for this painting")
        return code[0], weights

    def save_vector(self, paintings: Pictures, path: Path) -> None:
        """Write the network of ``paintings`` as a file of weights that runs alone: see ``style_file.py``."""
        write_network(path, *self.write(paintings), self.network)

    def read_vector(self, path: Path) -> StyleVector:
        return StyleVector(read_code(path, self.encoder, self.shape[1]), self.encoder)

    def runner(self, paintings: Pictures) -> TiledRunner:
        """The network of ``paintings``, ready for pictures of any size; the last few are kept."""
        code, weights = self.write(paintings)
        key = code.cpu().numpy().tobytes()
        if key not in self.runners:
            network = self.network.architecture.transformation()
            load_strict(network, weights, self.entry.name)
            self.runners = dict([*self.runners.items()][1 - KEPT :]) | {key: TiledRunner(network, self)}
        return self.runners[key]

    def stylize(self, content: Tensor, parameters: PaintingParameters, progress: ProgressCallback) -> Tensor:
        runner = self.runner(parameters.style)
        pictures, mix = [content], content.new_ones(len(content), 1)
        del content  # so that the runner can free it: 48 megapixels are 0.6 GB
        return runner(pictures, mix, progress, self.tile)
