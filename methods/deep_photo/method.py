"""Deep photo style transfer: Gatys' optimisation, each kind of thing from its like, and nothing but colours may change.

Luan, Paris, Shechtman & Bala 2017, "Deep Photo Style Transfer" (arXiv 1703.07511): the augmented style loss of equation 4,
the photorealism regularisation of equation 2, in two stages. The masks come from scene parsing, as in the paper; the
total variation is an addition that several reproductions share.
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

SMALLEST = 64  # short side in pixels that is worked at: conv5_1 has four places left
LONGEST = 8  # times as long as wide that is worked at
CONTENT_LAYERS = {"conv4_2": 1.0}
STYLE_LAYERS = {"conv1_1": 0.2, "conv2_1": 0.2, "conv3_1": 0.2, "conv4_1": 0.2, "conv5_1": 0.2}


class DeepPhotoParameters(MaskParameters, OptimisationParameters):
    """What the optimisation takes."""

    style: Pictures = with_role(
        "style", title="Style photo", description="A photo whose colours to take, or several with shares."
    )
    size: int | None = inherited(
        OptimisationParameters,
        "size",
        512,
        description="Short side in pixels at which the colours are found, at most the photo's own; the photo gets them at its "
        "own size.",
    )
    iterations: int = inherited(
        OptimisationParameters, "iterations", 100, description="Steps of each of the two stages."
    )
    content_weight: float = inherited(OptimisationParameters, "content_weight", 200.0)
    style_weight: float = inherited(
        OptimisationParameters,
        "style_weight",
        100.0,
        description="Gamma: weight of the masked Gram matrices' relative errors.",
    )
    variation_weight: float = inherited(OptimisationParameters, "variation_weight", 1e-3)
    content_layers: Shares = inherited(OptimisationParameters, "content_layers", CONTENT_LAYERS)
    style_layers: Shares = inherited(OptimisationParameters, "style_layers", STYLE_LAYERS)
    affine_weight: float = Field(
        1e6,
        ge=0,
        le=1e8,
        title="Realism",
        description="Lambda: weight of what is no local change of colours; 0 lets the optimisation paint.",
    )
    smooth: bool = Field(
        False,
        title="Smooth local affine",
        description="End with the colour map that fits the result around every pixel: the photo's own detail, "
        "nothing else.",
    )


@dataclass
class Targets:
    """What the result is to have: the photo's features, of each region its places and Gram matrices at every layer."""

    content: Mapping[str, Tensor]
    regions: Sequence[Mapping[str, MaskIndices]]
    grams: Sequence[Mapping[str, Tensor]]
    colors: Tensor
    laplacian: Tensor | None


class DeepPhoto(Optimiser):
    """First the style, then the style with realism."""

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
        """``photo`` ``(1, 3, H, W)`` with other colours."""
        height, width = workable(photo.shape[2], photo.shape[3])
        scaled = resized(photo, (height, width))
        wanted = self.targets(scaled, paintings, network, parameters)
        picture = scaled
        realism = parameters.affine_weight > 0
        stages = Stages(parameters.iterations * (2 if realism and not parameters.initial else 1), progress)
        if parameters.initial:
            picture = resized(to_tensor(read_image(parameters.initial).rgb).to(photo), (height, width))
        else:
            free = parameters.model_copy(update={"affine_weight": 0.0})
            picture = stages.run(PhotoOptimisation(picture, wanted, network, free), parameters.iterations)
        if realism:
            picture = smoothed(scaled, picture)
            picture = stages.run(PhotoOptimisation(picture, wanted, network, parameters), parameters.iterations)
        stages.draw(parameters.curves)
        return smoothed(scaled, picture) if parameters.smooth else picture

    def targets(
        self,
        photo: Tensor,
        paintings: list[tuple[Image.Image, float]],
        network: VGG,
        parameters: DeepPhotoParameters,
    ) -> Targets:
        """Features of ``photo``, and of each of its regions what the style photos have of its like.

        A region whose like a style photo lacks takes its style as a whole; ``remarks`` tell which.
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
                there = torch.ones_like(pixels[:, :1]) if region.style is None else region.style
                brought = mask_pyramid(there, network, parameters.style_layers)
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
        """The local colour map of the working size, applied to the photo at its own."""
        small = resized(content, (result.shape[2], result.shape[3]))
        radius = max(2, min(result.shape[-2:]) // 128)
        pairs = zip(torch.split(content, 1), torch.split(small, 1), torch.split(result, 1), strict=True)
        return torch.cat([apply_maps(affine_maps(one, new, radius), full) for full, one, new in pairs])


class PhotoOptimisation(Optimisation):
    """The photo while its colours change."""

    parameters: DeepPhotoParameters

    def __init__(self, start: Tensor, targets: Targets, network: VGG, parameters: DeepPhotoParameters) -> None:
        super().__init__(start, targets.colors, parameters)
        self.targets, self.network = targets, network
        self.layers = {*parameters.content_layers, *parameters.style_layers}

    def losses(self) -> dict[str, Tensor]:
        """Scalars: the weighted ``loss``, and the ``content``, ``style``, ``variation`` and ``affine`` it is the sum of."""
        p, t = self.parameters, self.targets
        features = self.network(self.picture, self.layers)
        zero = self.picture.new_zeros(())
        content = sum((w * relative_error(features[k], t.content[k])[0] for k, w in p.content_layers.items()), zero)
        style = zero
        for layer, weight in p.style_layers.items():
            places = [region[layer] for region in t.regions]
            for there, gram, wanted in zip(places, masked_grams(features[layer], places), t.grams, strict=True):
                style = style + weight * there.share * relative_error(gram, wanted[layer])[0]
        variation = total_variation(self.picture)[0]
        loss = p.content_weight * content + p.style_weight * style + p.variation_weight * variation
        found = {"content": content, "style": style, "variation": variation}
        if p.affine_weight and t.laplacian is not None:
            found["affine"] = affine_cost(self.picture, t.laplacian)
            loss = loss + p.affine_weight * found["affine"]
        return {"loss": loss, **found}


def smoothed(photo: Tensor, picture: Tensor) -> Tensor:
    """``picture`` as a local change of the colours of ``photo``, both ``(1, 3, H, W)``."""
    with torch.no_grad():
        return apply_maps(affine_maps(photo, picture, max(2, min(photo.shape[-2:]) // 64)), photo)


def workable(height: int, width: int) -> tuple[int, int]:
    """The size to work at: nothing smaller than the network sees, no ribbons."""
    scale = max(1.0, SMALLEST / min(height, width))
    long = LONGEST * max(SMALLEST, min(height, width))
    return min(long, round(height * scale)), min(long, round(width * scale))
