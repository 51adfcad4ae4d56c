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
from hub.progress import Progress, ProgressCallback
from hub.weights import check_finite, checked_config, load_strict
from methods.metanet.encoder import Encoder
from methods.metanet.network import Architecture, MetaNetwork
from methods.metanet.paper import PaperNetwork
from methods.metanet.style_file import read_code, write_network
from methods.parts.style_vectors import PaintingMethod, PaintingParameters, StyleVector, without_presets
from methods.parts.transformation.runner import TiledRunner, pad_to_multiple

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
        self.statistics = Encoder(checked.encoder, device=self.device, fetching=self.fetching)
        self.network = MetaNetwork(checked, self.statistics.size)
        load_strict(self.network, without_presets(tensors), self.entry.name)
        self.network = self.network.eval().requires_grad_(False).to(self.device)
        self.encoder, self.shape = self.network.hash(), (1, self.network.code)
        self.keep_presets(checked.presets, tensors)
        self.runners: dict[bytes, Runner] = {}

    def encode_painting(self, pixels: Tensor) -> Tensor:
        """The code ``(1, code)`` of a painting."""
        code: Tensor = self.network.predictor(self.statistics(pixels.to(self.device)))
        return code

    def code(self, paintings: Pictures) -> Tensor:
        """The code ``(1, code)`` of ``paintings``; several are mixed in their codes.

        Filters are linear in the code before they are normalised, so this mixes the filters too.
        """
        return self.blend(paintings).numbers[0].to(self.device)

    def write(self, code: Tensor) -> dict[str, Tensor]:
        """The weights of the network of a code, in float16 as in a file. Raises ``WeightsError`` if one is not finite."""
        weights = {name: w[0].half() for name, w in self.network.generate(code).items()}
        check_finite(weights, f"The network that {self.entry.name} writes for this painting")
        return weights

    def save_vector(self, paintings: Pictures, path: Path) -> None:
        """Write the network of ``paintings`` as a file of weights that runs alone: see ``style_file.py``."""
        code = self.code(paintings)
        write_network(path, code[0], self.write(code), self.network)

    def read_vector(self, path: Path) -> StyleVector:
        return StyleVector(read_code(path, self.encoder, self.shape[1]), self.encoder)

    def runner(self, paintings: Pictures) -> "Runner":
        """The network of ``paintings``, ready for pictures of any size; the last few are kept."""
        code = self.code(paintings)
        key = code.cpu().numpy().tobytes()
        if key not in self.runners:
            network = self.network.architecture.transformation()
            load_strict(network, self.write(code), self.entry.name)
            runner = WholeRunner(network, self) if isinstance(network, PaperNetwork) else TiledRunner(network, self)
            self.runners = dict([*self.runners.items()][1 - KEPT :]) | {key: runner}
        return self.runners[key]

    def stylize(self, content: Tensor, parameters: PaintingParameters, progress: ProgressCallback) -> Tensor:
        runner = self.runner(parameters.style)
        pictures, mix = [content], content.new_ones(len(content), 1)
        del content  # so that the runner can free it: 48 megapixels are 0.6 GB
        return runner(pictures, mix, progress, self.tile)


class WholeRunner:
    """Runs a network of the paper at once: it pads the whole picture, so tiles would differ at their edges."""

    def __init__(self, network: PaperNetwork, method: MetaNet) -> None:
        self.network, self.dtype = method.place(network), method.dtype

    def __call__(
        self, pictures: list[Tensor], mix: Tensor, progress: ProgressCallback, only: int | None = None
    ) -> Tensor:
        content = pictures.pop()
        height, width = content.shape[-2:]
        padded = pad_to_multiple(content.to(self.dtype), 4, least=44)
        result: Tensor = self.network(padded)
        progress(Progress(1, 1))
        return result[..., :height, :width].float()


Runner = TiledRunner | WholeRunner
