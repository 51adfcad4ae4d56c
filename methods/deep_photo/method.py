"""Deep photo style transfer: optimisation with one style per region, and a penalty that lets only colours change.

Luan, Paris, Shechtman & Bala 2017, "Deep Photo Style Transfer" (arXiv 1703.07511):

1. the augmented style loss, equation 4, with masks from scene parsing;
2. the photorealism regularisation, equation 2;
3. two stages: style alone, then both.

The total variation is an addition that several reproductions have.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from hub.images import at_short_side, read_image, resized, to_tensor
from hub.parameters import Shares, inherited, with_role
from hub.pictures import Pictures
from hub.progress import ProgressCallback
from methods.deep_photo.affine import affine_maps, apply_maps
from methods.parts.dense.segmentation.masks import regions
from methods.parts.dense.segmentation.parameters import MaskParameters
from methods.parts.matting import affine_cost, matting_laplacian
from methods.parts.optimisation.loop import Optimisation, Stages
from methods.parts.optimisation.method import Optimiser
from methods.parts.optimisation.parameterisation import color_covariance
from methods.parts.optimisation.parameters import OptimisationParameters
from methods.parts.perceptual.losses import relative_error, total_variation
from methods.parts.perceptual.masked import MaskIndices, mask_pyramid, masked_grams
from methods.parts.perceptual.vgg import VGG

logger = logging.getLogger(__name__)

SMALLEST = 64  # smallest short side in pixels to optimise at: conv5_1 then has four rows
LONGEST = 8  # largest ratio of the sides to optimise at
CONTENT_LAYERS = {"conv4_2": 1.0}
STYLE_LAYERS = {"conv1_1": 0.2, "conv2_1": 0.2, "conv3_1": 0.2, "conv4_1": 0.2, "conv5_1": 0.2}


class DeepPhotoParameters(MaskParameters, OptimisationParameters):
    """What the optimisation takes."""

    style: Pictures = with_role(
        "style", title="Style photo", description="A photo whose colours to take, or several with their shares."
    )
    size: int | None = inherited(
        OptimisationParameters,
        "size",
        512,
        description="Short side in pixels of the optimisation, at most the photo's own. The colours are then applied to the "
        "photo at its own size.",
    )
    iterations: int = inherited(
        OptimisationParameters, "iterations", 100, description="Steps of each of the two stages."
    )
    content_weight: float = inherited(OptimisationParameters, "content_weight", 200.0)
    style_weight: float = inherited(
        OptimisationParameters,
        "style_weight",
        100.0,
        description="Gamma: weight of the masked Gram matrices' relative error.",
    )
    variation_weight: float = inherited(OptimisationParameters, "variation_weight", 1e-3)
    content_layers: Shares = inherited(OptimisationParameters, "content_layers", CONTENT_LAYERS)
    style_layers: Shares = inherited(OptimisationParameters, "style_layers", STYLE_LAYERS)
    affine_weight: float = Field(
        1e6,
        ge=0,
        le=1e8,
        title="Realism",
        description="Lambda: penalty on changes that are not locally affine in the colours; 0 allows strokes.",
    )
    smooth: bool = Field(
        False,
        title="Smooth local affine",
        description="Replace the result by local affine colour maps of the photo, so that all detail is the photo's own.",
    )


@dataclass
class Targets:
    """What the losses compare the picture with."""

    content: Mapping[str, Tensor]  # features of the photo at each content layer
    regions: Sequence[Mapping[str, MaskIndices]]  # for each region its mask at each style layer
    grams: Sequence[Mapping[str, Tensor]]  # for each region the style's Gram matrix at each style layer
    colors: Tensor  # (3, 3): covariance of the colours of photo and style photos
    laplacian: Tensor | None  # the matting Laplacian of the photo


class DeepPhoto(Optimiser):
    """Two stages: style alone, then style with the realism penalty."""

    Parameters = DeepPhotoParameters
    enlarges = True

    def paint(
        self,
        photo: Tensor,
        paintings: list[tuple[Image.Image, float]],
        network: VGG,
        parameters: DeepPhotoParameters,
        progress: ProgressCallback,
    ) -> Tensor:
        """The result for ``photo`` ``(1, 3, H, W)``, at the size of ``workable``."""
        height, width = workable(photo.shape[2], photo.shape[3])
        scaled = resized(photo, (height, width))
        wanted = self.targets(scaled, paintings, network, parameters)
        picture = scaled
        realism = parameters.affine_weight > 0
        iterations = parameters.iterations * (2 if realism and not parameters.initial else 1)
        stages = Stages(iterations, progress, self.checkpoint(photo, paintings, parameters))
        if parameters.initial:
            picture = resized(to_tensor(read_image(parameters.initial).visible).to(photo), (height, width))
        else:
            free = parameters.model_copy(update={"affine_weight": 0.0})
            picture = stages.run(PhotoOptimisation(picture, wanted, network, free), parameters.iterations)
        if realism:
            picture = smoothed(scaled, picture)
            picture = stages.run(PhotoOptimisation(picture, wanted, network, parameters), parameters.iterations)
        stages.finish(parameters.curves)
        return smoothed(scaled, picture) if parameters.smooth else picture

    def targets(
        self,
        photo: Tensor,
        paintings: list[tuple[Image.Image, float]],
        network: VGG,
        parameters: DeepPhotoParameters,
    ) -> Targets:
        """Features of ``photo``, and for each of its regions the Gram matrices of the same region of the style photos.

        A region that a style photo lacks takes the whole style photo; ``remarks`` lists such regions.
        """
        side = min(photo.shape[-2:])
        grams: dict[str, dict[str, Tensor]] = {}
        masks: dict[str, Tensor] = {}
        lacking: dict[str, bool] = {}
        seen = [photo]
        for painting, share in paintings:
            pixels = to_tensor(at_short_side(painting, side)).to(photo)
            seen.append(pixels)
            with torch.no_grad():
                features = network(pixels, parameters.style_layers)
            given = parameters.photo_mask, parameters.style_mask
            for region in regions(photo, pixels, *given, parameters.parser, self.fetching):
                masks[region.name] = region.photo
                lacking[region.name] = region.style is None or lacking.get(region.name, False)
                mask = torch.ones_like(pixels[:, :1]) if region.style is None else region.style
                brought = mask_pyramid(mask, network, parameters.style_layers)
                sums = grams.setdefault(region.name, {})
                for layer, f in features.items():
                    (gram,) = masked_grams(f, [brought[layer]])
                    sums[layer] = share * gram + sums.get(layer, 0)
        without = [name for name, lacks in lacking.items() if lacks]
        self.remarks |= {"regions": list(lacking), "without_counterpart": without}
        return Targets(
            network(photo, parameters.content_layers),
            [mask_pyramid(mask, network, parameters.style_layers) for mask in masks.values()],
            list(grams.values()),
            color_covariance(*seen),
            matting_laplacian(photo) if parameters.affine_weight else None,
        )

    def enlarged(self, result: Tensor, content: Tensor, parameters: DeepPhotoParameters) -> Tensor:
        """Local affine maps, fitted at the size of the optimisation and applied to the photo at its own size."""
        small = resized(content, (result.shape[2], result.shape[3]))
        radius = max(2, min(result.shape[-2:]) // 128)
        pairs = zip(torch.split(content, 1), torch.split(small, 1), torch.split(result, 1), strict=True)
        return torch.cat([apply_maps(affine_maps(one, new, radius), full) for full, one, new in pairs])


class PhotoOptimisation(Optimisation):
    """The optimisation of one stage."""

    parameters: DeepPhotoParameters

    def __init__(self, start: Tensor, targets: Targets, network: VGG, parameters: DeepPhotoParameters) -> None:
        super().__init__(start, targets.colors, parameters)
        self.targets, self.network = targets, network
        self.layers = {*parameters.content_layers, *parameters.style_layers}

    def losses(self) -> dict[str, Tensor]:
        """Scalars: the weighted sum ``loss``, and its parts ``content``, ``style``, ``variation`` and ``affine``."""
        p, t = self.parameters, self.targets
        features = self.network(self.picture, self.layers)
        zero = self.picture.new_zeros(())
        content = sum((w * relative_error(features[k], t.content[k])[0] for k, w in p.content_layers.items()), zero)
        style = zero
        for layer, weight in p.style_layers.items():
            places = [region[layer] for region in t.regions]
            for region, gram, wanted in zip(places, masked_grams(features[layer], places), t.grams, strict=True):
                style = style + weight * region.share * relative_error(gram, wanted[layer])[0]
        variation = total_variation(self.picture)[0]
        loss = p.content_weight * content + p.style_weight * style + p.variation_weight * variation
        found = {"content": content, "style": style, "variation": variation}
        if p.affine_weight and t.laplacian is not None:
            found["affine"] = affine_cost(self.picture, t.laplacian)
            loss = loss + p.affine_weight * found["affine"]
        return {"loss": loss, **found}


def smoothed(photo: Tensor, picture: Tensor) -> Tensor:
    """``picture`` rebuilt by local affine maps of the colours of ``photo``, both ``(1, 3, H, W)``."""
    with torch.no_grad():
        return apply_maps(affine_maps(photo, picture, max(2, min(photo.shape[-2:]) // 64)), photo)


def workable(height: int, width: int) -> tuple[int, int]:
    """The size to optimise at: not below ``SMALLEST``, and at most ``LONGEST`` times as long as wide."""
    scale = max(1.0, SMALLEST / min(height, width))
    long = LONGEST * max(SMALLEST, min(height, width))
    return min(long, round(height * scale)), min(long, round(width * scale))
