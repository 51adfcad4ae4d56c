"""Style transfer by optimisation: change the photo's pixels until its features match those of the painting.

Gatys, Ecker & Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks", equations 1 to 7. Coarse-to-fine
is from Gatys et al. 2017 (arXiv 1611.07865), total variation from Johnson et al. 2016. All losses are relative (see
``parts/perceptual/losses.py``), so the same weights suit any perceptual network and any layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from hub.images import at_short_side, read_image, resized, to_tensor
from hub.loading import load
from hub.parameters import Shares, advanced, inherited
from hub.progress import ProgressCallback
from methods.parts.optimisation.loop import Optimisation, Stages
from methods.parts.optimisation.method import Optimiser
from methods.parts.optimisation.parameterisation import color_covariance
from methods.parts.optimisation.parameters import OptimisationParameters
from methods.parts.perceptual.losses import gram_matrix, relative_error, total_variation
from methods.parts.perceptual.vgg import VGG

SMALLEST = 64  # smallest short side in pixels to optimise at: relu5_1 then has four rows
COARSEST = 512  # short side in pixels of the first scale, about
CONTENT_LAYERS = {"conv4_2": 0.5, "conv5_2": 0.5}
STYLE_LAYERS = {"relu1_1": 0.2, "relu2_1": 0.2, "relu3_1": 0.2, "relu4_1": 0.2, "relu5_1": 0.2}


class GatysParameters(OptimisationParameters):
    """What the optimisation takes."""

    iterations: int = inherited(
        OptimisationParameters,
        "iterations",
        200,
        description="Steps at the final size; coarser sizes have a third.",
    )
    content_layers: Shares = inherited(OptimisationParameters, "content_layers", CONTENT_LAYERS)
    style_layers: Shares = inherited(OptimisationParameters, "style_layers", STYLE_LAYERS)
    style_scale: float = Field(
        1.0,
        gt=0.05,
        le=8,
        title="Stroke size",
        description="Size of the painting relative to the photo: 2 doubles the strokes.",
    )
    start: Literal["content", "noise", "mix", "any-style", "adain"] = advanced(
        "content",
        title="Start",
        description="Start from the photo, from noise, from a mix of 0.6 noise and 0.4 photo, or from the picture of a "
        "model that paints in one pass: then 16 iterations make that picture finer.",
    )
    coarse_to_fine: bool = advanced(
        True,
        title="Coarse to fine",
        description="Start at about 512 pixels and double the size: strokes stay large in large pictures.",
    )
    seed: int = advanced(
        0,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Seed of the noise at the start.",
    )


@dataclass
class Targets:
    """The targets of the losses at one scale."""

    content: Mapping[str, Tensor]  # features of the photo at each content layer
    grams: Mapping[str, Tensor]  # mean Gram matrix of the paintings at each style layer
    colors: Tensor  # (3, 3): covariance of the colours of photo and paintings


class Gatys(Optimiser):
    """Optimise at one scale after another, from coarse to fine."""

    Parameters = GatysParameters

    def paint(
        self,
        photo: Tensor,
        paintings: list[tuple[Image.Image, float]],
        network: VGG,
        parameters: GatysParameters,
        progress: ProgressCallback,
    ) -> Tensor:
        """The result for ``photo`` ``(1, 3, H, W)``. Each scale starts from the result of the one before."""
        sizes = scales(photo.shape[2], photo.shape[3], parameters.coarse_to_fine)
        picture = self.first(photo, parameters)
        steps = [-(-parameters.iterations // 3)] * (len(sizes) - 1) + [parameters.iterations]
        stages = Stages(sum(steps), progress, self.checkpoint(photo, paintings, parameters))
        for size, iterations in zip(sizes, steps, strict=True):
            scaled = resized(photo, size)
            wanted = targets(scaled, paintings, network, parameters)
            picture = stages.run(ImageOptimisation(resized(picture, size), wanted, network, parameters), iterations)
        stages.finish(parameters.curves)
        return resized(picture, (photo.shape[2], photo.shape[3]))  # a tiny photo was worked on at a larger size

    def first(self, photo: Tensor, parameters: GatysParameters) -> Tensor:
        """The picture that the optimisation starts from."""
        if parameters.initial:
            start = to_tensor(read_image(parameters.initial).visible).to(self.device)
            return resized(start, (photo.shape[2], photo.shape[3]))
        if parameters.start == "content":
            return photo
        if parameters.start not in ("noise", "mix"):
            with torch.no_grad():
                painted: Tensor = load(parameters.start, device=self.device)(photo, style=parameters.style)
            return painted.clone()  # one that autograd may use
        noise = torch.rand(photo.shape, generator=torch.Generator().manual_seed(parameters.seed)).to(self.device)
        return noise if parameters.start == "noise" else torch.lerp(photo, noise, 0.6)


@torch.no_grad()
def targets(
    photo: Tensor, paintings: list[tuple[Image.Image, float]], network: VGG, parameters: GatysParameters
) -> Targets:
    """Features of ``photo`` and the mean Gram matrices of the paintings, at the scale of ``photo``."""
    side = max(32, round(min(photo.shape[-2:]) * parameters.style_scale))
    grams: dict[str, Tensor] = {}
    seen = [photo]
    for painting, share in paintings:
        pixels = to_tensor(at_short_side(painting, side)).to(photo.device)
        seen.append(pixels)
        for layer, features in network(pixels, parameters.style_layers).items():
            grams[layer] = grams.get(layer, 0) + share * gram_matrix(features)
    return Targets(network(photo, parameters.content_layers), grams, color_covariance(*seen))


class ImageOptimisation(Optimisation):
    """The optimisation at one scale."""

    parameters: GatysParameters

    def __init__(self, start: Tensor, targets: Targets, network: VGG, parameters: GatysParameters) -> None:
        super().__init__(start, targets.colors, parameters)
        self.targets, self.network = targets, network
        self.layers = {*parameters.content_layers, *parameters.style_layers}
        # Projecting their Gram matrices is cheaper than projecting their features.
        self.style_alone = parameters.style_layers.keys() - parameters.content_layers.keys()

    def losses(self) -> dict[str, Tensor]:
        """Scalars: the weighted sum ``loss``, and its parts ``content``, ``style`` and ``variation``."""
        p = self.parameters
        features = self.network(self.picture, self.layers, unprojected=self.style_alone)
        grams = {k: gram_matrix(features[k]) for k in p.style_layers}
        grams |= {k: self.network.projected_gram(k, grams[k]) for k in self.style_alone}
        zero = self.picture.new_zeros(1)
        content = sum(
            (w * relative_error(features[k], self.targets.content[k]) for k, w in p.content_layers.items()), zero
        )
        style = sum((w * relative_error(grams[k], self.targets.grams[k]) for k, w in p.style_layers.items()), zero)
        variation = total_variation(self.picture)
        loss = p.content_weight * content + p.style_weight * style + p.variation_weight * variation
        return {"loss": loss[0], "content": content[0], "style": style[0], "variation": variation[0]}


def scales(height: int, width: int, coarse_to_fine: bool) -> list[tuple[int, int]]:
    """The sizes to optimise at: each about twice the one before, the picture's own size last."""
    short = max(SMALLEST, min(height, width))
    sides = [short]
    while coarse_to_fine and sides[0] / 2 >= COARSEST / 1.5:
        sides.insert(0, round(sides[0] / 2))
    scale = [side / min(height, width) for side in sides]
    # A very narrow picture is not enlarged: its long side would become huge.
    return (
        [(max(32, round(height * s)), max(32, round(width * s))) for s in scale]
        if max(height, width) < 64 * min(height, width)
        else [(max(32, height), max(32, width))]
    )
