"""The optimality gap: how much optimisation can still improve a method's result.

It is the total loss of the result, divided by the smallest loss that ``gatys`` reaches when it starts from the result.
At 1 the result cannot be improved; at 2 its loss can be halved. It judges style and content in one number.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from hub.images import at_short_side, to_tensor
from hub.runtime import choose_dtype
from methods.gatys.method import CONTENT_LAYERS, STYLE_LAYERS, GatysParameters, ImageOptimisation, targets
from methods.parts.perceptual.backbone import open_backbone
from methods.parts.perceptual.vgg import VGG

ITERATIONS = 100


def gap_by(
    weights: Path, device: torch.device, iterations: int | None = None
) -> Callable[[Image.Image, Image.Image, Image.Image], float]:
    """A function of (result, photo, painting) that gives the gap, by the VGG in the file ``weights``.

    ``hub.evaluation.evaluate`` calls it.
    """
    layers = {*CONTENT_LAYERS, *STYLE_LAYERS}
    vgg, _ = open_backbone("auto", weights, layers=layers, device=device, dtype=choose_dtype(None, device, True))
    return lambda result, photo, painting: optimality_gap(result, photo, painting, vgg, iterations or ITERATIONS)


def optimality_gap(result: Image.Image, photo: Image.Image, painting: Image.Image, vgg: VGG, iterations: int) -> float:
    """The gap of ``result``, which has the size of ``photo``, with the loss weights that ``gatys`` has by default."""
    parameters = GatysParameters.model_validate({"style": painting, "iterations": iterations, "patience": 0})
    device = vgg.mean.device
    with torch.inference_mode(False), torch.enable_grad():  # an evaluation runs without gradients
        wanted = targets(to_tensor(photo).to(device), [(painting, 1.0)], vgg, parameters)
        start = to_tensor(at_short_side(result, min(photo.size))).to(device)
        optimisation = ImageOptimisation(start, wanted, vgg, parameters)
        losses = [step["loss"] for step in optimisation.steps(iterations)]
        return losses[0] / optimisation.least
