"""The base class of methods that optimise pixels: it checks parameters, opens the perceptual network, runs each photo."""

import logging
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from hub.errors import ImageError, ParameterError, StylehubError
from hub.images import to_tensor
from hub.method import Method
from hub.parameters import Parameters
from hub.progress import Progress, ProgressCallback
from methods.parts.memory import keep_freed_memory, out_of_memory
from methods.parts.optimisation.checkpoint import Checkpoint, identity
from methods.parts.optimisation.parameters import OptimisationParameters
from methods.parts.perceptual.backbone import open_backbone
from methods.parts.perceptual.vgg import VGG

logger = logging.getLogger(__name__)


class Optimiser(Method):
    """Optimises the pixels of one photo after another. Subclasses define ``paint``."""

    Parameters: ClassVar[type[Parameters]] = OptimisationParameters

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self._backbone: tuple[object, VGG, str] | None = None

    def resolve(self, parameters: OptimisationParameters) -> OptimisationParameters:
        for name, layers in (("content", parameters.content_layers), ("style", parameters.style_layers)):
            if any(weight < 0 for weight in layers.values()):
                raise ParameterError(f"The weights of the {name} layers are zero or more; one of them is not.")
        if parameters.style_weight and not sum(parameters.style_layers.values()) > 0:
            raise ParameterError("The style layers weigh nothing together; give one of them a weight above zero.")
        if parameters.curves and parameters.curves.suffix.lower() != ".png":
            raise ParameterError(f"The curves are a PNG file, not {parameters.curves.name}; give --curves such a name.")
        if parameters.curves and not parameters.curves.absolute().parent.is_dir():
            raise ParameterError(
                f"There is no folder {parameters.curves.parent}; make it, or choose another for --curves."
            )
        if parameters.checkpoint and not parameters.checkpoint.absolute().parent.is_dir():
            raise ParameterError(
                f"There is no folder {parameters.checkpoint.parent}; make it, or choose another for --checkpoint."
            )
        style = parameters.style_weight * sum(parameters.style_layers.values())
        if not style + parameters.content_weight * sum(parameters.content_layers.values()) > 0:
            raise ParameterError("All weights are zero, so there is nothing to optimise; give --style-weight, say, 30.")
        return parameters

    def stylize(self, content: Tensor, parameters: OptimisationParameters, progress: ProgressCallback) -> Tensor:
        keep_freed_memory()
        if parameters.checkpoint and len(content) > 1:
            raise ParameterError("A checkpoint is for one photo; stylise one after another, each with its own.")
        # The hub calls methods without gradients; an optimisation needs them.
        with torch.inference_mode(False), torch.enable_grad():
            network = self.backbone(parameters)
            paintings = self.paintings(parameters)
            results = []
            # Always the same memory layout: it changes the last bit of a sum, and an optimisation amplifies the difference.
            content = content.clone(memory_format=torch.contiguous_format)
            for number, photo in enumerate(torch.split(content, 1)):

                def shifted(p: Progress, before: int = number) -> None:
                    progress(Progress(before * p.of + p.step, len(content) * p.of, p.losses, p.preview))

                try:
                    results.append(self.paint(photo, paintings, network, parameters, shifted))
                except Exception as error:
                    if not out_of_memory(error):
                        raise
                    raise StylehubError(
                        f"There is not enough memory to optimise {content.shape[3]}x{content.shape[2]} pixels; "
                        "give --size 512 (size=512), or --backbone vgg-slim."
                    ) from None
            return torch.cat(results)

    def paintings(self, parameters: OptimisationParameters) -> list[tuple[Image.Image, float]]:
        """The paintings with their shares. Raises ``ImageError`` for a painting below 32 pixels."""
        paintings = parameters.style.read()
        for painting, _ in paintings:
            if min(painting.size) < 32:
                raise ImageError(
                    f"The painting has {painting.width}x{painting.height} pixels; the network needs 32 at least, "
                    "choose a larger one."
                )
        return paintings

    def backbone(self, parameters: OptimisationParameters) -> VGG:
        """The perceptual network for ``parameters``. The last one stays in memory."""
        layers = sorted({*parameters.content_layers, *parameters.style_layers})
        wanted = (parameters.backbone, parameters.vgg, parameters.pooling, layers)
        if self._backbone is None or self._backbone[0] != wanted:
            network, label = open_backbone(
                parameters.backbone,
                parameters.vgg,
                layers=layers,
                pooling=parameters.pooling,
                device=self.device,
                dtype=self.dtype,
                fetching=self.fetching,
            )
            logger.info("Optimising by the features of %s.", label)
            self._backbone = wanted, network, label
        self.remarks["perceptual_network"] = self._backbone[2]
        return self._backbone[1]

    def checkpoint(
        self, photo: Tensor, paintings: list[tuple[Image.Image, float]], parameters: OptimisationParameters
    ) -> Checkpoint | None:
        """The file that keeps how far this picture is; None if nobody wants one."""
        if parameters.checkpoint is None:
            return None
        pictures = [photo, *(to_tensor(painting) for painting, _ in paintings)]
        known = parameters.model_dump(mode="json") | {"network": self.remarks.get("perceptual_network")}
        return Checkpoint(parameters.checkpoint, identity(known, pictures))

    @abstractmethod
    def paint(
        self,
        photo: Tensor,
        paintings: list[tuple[Image.Image, float]],
        network: VGG,
        parameters: Any,
        progress: ProgressCallback,
    ) -> Tensor:
        """The result for one ``photo`` ``(1, 3, H, W)``."""
