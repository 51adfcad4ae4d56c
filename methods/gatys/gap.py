"""The optimality gap: how far a method's picture is from what optimisation makes of that very picture.

The total loss of the picture over the least that ``gatys`` reaches when started from it: 1 is a picture that cannot be
improved, 2 one whose loss can be halved. One number for style and content together, whatever a method was trained on.
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
    """What ``hub.evaluation.evaluate`` takes: the gap of (result, photo, painting) by the VGG in the file ``weights``."""
    layers = {*CONTENT_LAYERS, *STYLE_LAYERS}
    vgg, _ = open_backbone("auto", weights, layers=layers, device=device, dtype=choose_dtype(None, device, True))
    return lambda result, photo, painting: optimality_gap(result, photo, painting, vgg, iterations or ITERATIONS)


def optimality_gap(result: Image.Image, photo: Image.Image, painting: Image.Image, vgg: VGG, iterations: int) -> float:
    """Of ``result``, which has the size of ``photo``; the weights of the losses are the defaults of ``gatys``."""
    parameters = GatysParameters.model_validate({"style": painting, "iterations": iterations, "patience": 0})
    device = vgg.mean.device
    with torch.inference_mode(False), torch.enable_grad():  # whoever evaluates needs no gradients, this does
        wanted = targets(to_tensor(photo).to(device), [(painting, 1.0)], vgg, parameters)
        start = to_tensor(at_short_side(result, min(photo.size))).to(device)
        optimisation = ImageOptimisation(start, wanted, vgg, parameters)
        losses = [step["loss"] for step in optimisation.steps(iterations)]
        return losses[0] / optimisation.least
