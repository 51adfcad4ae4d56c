"""Measure whether large photos become the same painting as small ones: seen whole, seen near, and by their content."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from hub.images import at_short_side, resized, size_at_short_side, to_tensor
from hub.method import Method
from hub.pictures import Pictures
from methods.parts.perceptual.losses import CONTENT_LAYER, STYLE_LAYERS, gram_matrix, relative_error, style_distances
from methods.parts.perceptual.vgg import VGG

SIZES = (1024, 2048, 4096)
DRAFT = "draft, enlarged"


@dataclass(frozen=True)
class StrokeScores:
    """Means over photos and paintings of a result with the short side ``size``.

    ``whole``: the style distance of the result, reduced to 512 pixels, to the painting at 512. ``near``: that of crops of
    768 pixels to the painting at 768, or at its own size if that is smaller. ``content``: the content distance of the
    result, reduced to 512 pixels, to the photo at 512. ``seconds``: the time of one call. Distances as in ``Scores``.
    """

    size: int
    stroke: str
    whole: float
    near: float
    content: float
    seconds: float


@torch.inference_mode()
def evaluate_strokes(
    method: Method,
    photos: Sequence[Image.Image],
    paintings: Mapping[str, Image.Image],
    vgg: VGG,
    *,
    sizes: Sequence[int] = SIZES,
    strokes: Sequence[str | int] = ("fine", "medium"),
    small: int = 512,
    crop: int = 768,
    progress: Callable[[int, int], None] | None = None,
) -> list[StrokeScores]:
    """Scores for each of ``sizes`` (short side) and ``strokes``; before them those of the ``small`` picture, enlarged.

    Photos are scaled to each size, so they should be as large as the largest. ``progress`` counts pictures.
    """
    wanted = {name: (_grams(vgg, p, small), _grams(vgg, p, min(crop, *p.size))) for name, p in paintings.items()}
    rows: list[StrokeScores] = []
    kinds: list[str | int] = [DRAFT, *strokes]
    done, of = 0, len(sizes) * len(kinds) * len(photos) * len(paintings)
    for size in sizes:
        contents = [to_tensor(at_short_side(photo, size)) for photo in photos]
        for stroke in kinds:
            scores = []
            for content in contents:
                draft = resized(content, size_at_short_side(content.shape[2], content.shape[3], small))
                features = vgg(draft.to(vgg.mean.device), [CONTENT_LAYER])
                for name, (whole, near) in wanted.items():
                    start = time.perf_counter()
                    if stroke == DRAFT:
                        small_result = _paint(method, draft, paintings[name], name, "fine")
                        result = resized(small_result, (content.shape[2], content.shape[3]))
                    else:
                        result = _paint(method, content, paintings[name], name, stroke)
                    seconds = time.perf_counter() - start
                    reduced = vgg(resized(result, (draft.shape[2], draft.shape[3])).to(vgg.mean.device), STYLE_LAYERS)
                    crops = torch.cat(_crops(result, crop)).to(vgg.mean.device)
                    scores.append(
                        [
                            style_distances(reduced, whole).mean().item(),
                            style_distances(vgg(crops, STYLE_LAYERS), near).mean().item(),
                            relative_error(reduced[CONTENT_LAYER], features[CONTENT_LAYER]).item(),
                            seconds,
                        ]
                    )
                    done += 1
                    if progress:
                        progress(done, of)
            means = torch.tensor(scores, dtype=torch.float64).mean(0).tolist()
            rows.append(StrokeScores(size, str(stroke), *means))
    return rows


def _grams(vgg: VGG, painting: Image.Image, side: int) -> dict[str, Tensor]:
    pixels = to_tensor(at_short_side(painting, side)).to(vgg.mean.device)
    return {layer: gram_matrix(f) for layer, f in vgg(pixels, STYLE_LAYERS).items()}


def _paint(method: Method, content: Tensor, painting: Image.Image, name: str, stroke: str | int) -> Tensor:
    style = Pictures([painting], names=[name]) if "style-images" in method.entry.method.inputs else name
    result: Tensor = method(content, style=style, stroke=stroke)
    return result


def _crops(result: Tensor, side: int) -> list[Tensor]:
    """Two squares of ``side`` pixels or the shorter side, at a quarter and at three quarters of the longer side."""
    height, width = result.shape[-2:]
    side = min(side, height, width)
    return [
        result[..., round((height - side) * y) :, round((width - side) * x) :][..., :side, :side]
        for x, y in ([(0.25, 0.5), (0.75, 0.5)] if width >= height else [(0.5, 0.25), (0.5, 0.75)])
    ]
