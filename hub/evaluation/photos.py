"""Measure photorealistic style transfer: the scores and the pairs of photos."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from hub.images import at_short_side, resized, to_image, to_tensor
from hub.method import Method
from methods.parts.color import match_histograms, reinhard
from methods.parts.dense.segmentation.masks import paired
from methods.parts.dense.segmentation.parse import parse
from methods.parts.perceptual.losses import STYLE_LAYERS, gram_matrix, relative_error
from methods.parts.perceptual.masked import mask_pyramid, masked_grams
from methods.parts.perceptual.similarity import edge_map, structural_similarity
from methods.parts.perceptual.vgg import VGG

BINS = 8  # of each of R, G and B
PAIRS = 30

Transfer = Callable[[Image.Image, Image.Image], Image.Image]  # of a photo and a style photo


@dataclass(frozen=True)
class PhotoScores:
    """Means over the pairs.

    ``edges``: structural similarity of the edge maps of result and photo; 1: all edges are kept. ``style``: relative
    squared difference of Gram matrices of result and style photo, mean over relu1_2, relu2_2, relu3_3 and relu4_3 of
    VGG-16. ``regions``: the same between equal segmentation classes, weighted by their share of the photo; a class that
    the style photo lacks is compared with the whole style photo. ``colors``: half the sum of the differences of the
    joint RGB histograms of 8 x 8 x 8 bins; 1: no colour in common.
    """

    edges: float
    style: float
    regions: float
    colors: float


@torch.inference_mode()
def evaluate_photos(
    transfers: Mapping[str, Transfer],
    pairs: Sequence[tuple[Image.Image, Image.Image]],
    vgg: VGG,
    *,
    size: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, PhotoScores]:
    """Scores of ``transfers`` on ``pairs`` of photo and style photo; ``size`` is the short side of all pictures."""
    device = vgg.mean.device
    rows: dict[str, list[list[float]]] = {name: [] for name in transfers}
    for number, pair in enumerate(pairs):
        photo, style = (at_short_side(picture, size) for picture in pair)
        before, wanted = (to_tensor(picture).to(device) for picture in (photo, style))
        regions = paired(parse(before), parse(wanted))
        features, edges = vgg(wanted, STYLE_LAYERS), edge_map(before)
        ours = [mask_pyramid(region.photo, vgg, STYLE_LAYERS) for region in regions]
        theirs = [
            mask_pyramid(torch.ones_like(wanted[:, :1]) if region.style is None else region.style, vgg, STYLE_LAYERS)
            for region in regions
        ]
        whole = {k: gram_matrix(f) for k, f in features.items()}
        parts = {k: masked_grams(features[k], [place[k] for place in theirs]) for k in STYLE_LAYERS}
        for done, (name, transfer) in enumerate(transfers.items(), start=1):
            result = resized(to_tensor(transfer(photo, style)).to(device), (before.shape[2], before.shape[3]))
            found = vgg(result, STYLE_LAYERS)
            distance = torch.stack([relative_error(gram_matrix(found[k]), whole[k])[0] for k in STYLE_LAYERS]).mean()
            by_region = 0.0
            for k in STYLE_LAYERS:
                places = [place[k] for place in ours]
                for region, gram, part in zip(places, masked_grams(found[k], places), parts[k], strict=True):
                    by_region += float(region.share * relative_error(gram, part)[0]) / len(STYLE_LAYERS)
            rows[name].append(
                [
                    structural_similarity(edge_map(result), edges).item(),
                    distance.item(),
                    by_region,
                    histogram_distance(result, wanted),
                ]
            )
            if progress:
                progress(number * len(transfers) + done, len(pairs) * len(transfers))
    return {name: PhotoScores(*torch.tensor(r, dtype=torch.float64).mean(0).tolist()) for name, r in rows.items()}


def photo_pairs(photos: Sequence[Image.Image], count: int) -> list[tuple[int, int]]:
    """``count`` photos, evenly spread, each paired with the photo of the most similar scene.

    Similarity compares the area of each segmentation class. No style photo is used twice before all are used.
    """
    shares = torch.cat([parse(to_tensor(at_short_side(photo, 256))).mean((2, 3)) for photo in photos])
    distances = torch.cdist(shares, shares, p=1)
    distances.fill_diagonal_(float("inf"))
    pairs = []
    for number in range(count):
        index = number * len(photos) // count
        other = int(distances[index].argmin())
        pairs.append((index, other))
        distances[:, other] += 2  # the largest possible distance of two sets of shares
    return pairs


def histogram_distance(a: Tensor, b: Tensor) -> float:
    """Half the summed difference of the joint colour histograms of two ``(1, 3, H, W)`` in [0, 1]: 0 to 1."""

    def histogram(picture: Tensor) -> Tensor:
        bins = (picture[0].flatten(1) * BINS).long().clamp_(0, BINS - 1)
        index = (bins[0] * BINS + bins[1]) * BINS + bins[2]
        return torch.bincount(index, minlength=BINS**3).double() / len(index)

    return float((histogram(a) - histogram(b)).abs().sum() / 2)


def by_method(method: Method, size: int, **parameters: Any) -> Transfer:
    """``method`` with ``parameters`` as ``evaluate_photos`` calls it, with the working size ``size``."""
    return lambda photo, style: method(photo, style=style, size=size, **parameters)


def classic_transfers() -> dict[str, Transfer]:
    """Baselines: Reinhard's transfer, histogram matching, and the unchanged photo."""

    def of(transfer: Callable[[Tensor, Tensor], Tensor]) -> Transfer:
        return lambda photo, style: to_image(transfer(to_tensor(photo), to_tensor(style)))

    return {
        "Reinhard": of(reinhard),
        "histogram matching": of(match_histograms),
        "the photo itself": lambda photo, style: photo,
    }
