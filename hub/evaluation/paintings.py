"""Measure a model: distance to the painting, distance to the photo and preserved edges, per style and on average."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image

from hub.errors import ImageError
from hub.images import at_short_side, find_images, read_image, to_tensor
from hub.method import Method
from hub.names import resolve
from hub.pictures import Pictures
from hub.training.data import Shards
from methods.parts.paintings import find_painting
from methods.parts.perceptual.losses import CONTENT_LAYER, STYLE_LAYERS, gram_matrix, relative_error, style_distances
from methods.parts.perceptual.similarity import edge_map, structural_similarity
from methods.parts.perceptual.vgg import VGG

Stylise = Callable[[Image.Image, str], Image.Image]


@dataclass(frozen=True)
class Scores:
    """Means over the photos.

    ``style``: squared difference of Gram matrices, divided by the mean square of the painting's, averaged over relu1_2,
    relu2_2, relu3_3 and relu4_3 of VGG-16. ``content``: squared difference at relu3_3, divided by the mean square of
    the photo's features. ``edges``: structural similarity of edge maps; 1: all edges are kept. ``untouched_style``: the
    style distance of the photo itself (its content distance is 0). ``gap``, if measured: the total loss divided by the
    least loss that optimisation reaches from the result.
    """

    style: float
    content: float
    edges: float
    untouched_style: float
    gap: float | None = None

    def measured(self) -> dict[str, float]:
        """The scores by name, ``gap`` only if it was measured."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@torch.inference_mode()
def evaluate(
    stylise: Stylise,
    photos: Sequence[Image.Image],
    paintings: Mapping[str, Image.Image],
    vgg: VGG,
    *,
    size: int = 512,
    gap: Callable[[Image.Image, Image.Image, Image.Image], float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Scores]:
    """Scores of ``stylise(photo, name)`` for every painting by name; ``size`` is the short side of all pictures.

    VGG-16 runs in float32 on its own device. ``gap``: a function of (result, photo, painting), from the part
    ``optimality-gap`` of the registry. ``progress`` counts pictures.
    """
    device = vgg.mean.device
    resized = [at_short_side(photo, size) for photo in photos]
    pixels = [to_tensor(photo).to(device) for photo in resized]
    photo_features = [vgg(p, STYLE_LAYERS) for p in pixels]
    photo_grams = [{layer: gram_matrix(f[layer]) for layer in STYLE_LAYERS} for f in photo_features]
    photo_content = [f[CONTENT_LAYER] for f in photo_features]
    photo_edges = [edge_map(p) for p in pixels]
    del photo_features
    scores = {}
    for number, (name, painting) in enumerate(paintings.items()):
        target = {
            k: gram_matrix(f) for k, f in vgg(to_tensor(at_short_side(painting, size)).to(device), STYLE_LAYERS).items()
        }
        rows = []
        for index, photo in enumerate(resized):
            picture = stylise(photo, name)
            result = to_tensor(picture).to(device)
            if result.shape != pixels[index].shape:
                result = F.interpolate(result, pixels[index].shape[-2:], mode="bicubic", antialias=True).clamp(0, 1)
            features = vgg(result, STYLE_LAYERS)
            untouched = torch.stack([relative_error(photo_grams[index][k], target[k]) for k in STYLE_LAYERS]).mean()
            rows.append(
                [
                    style_distances(features, target).mean().item(),
                    relative_error(features[CONTENT_LAYER], photo_content[index]).item(),
                    structural_similarity(edge_map(result), photo_edges[index]).item(),
                    untouched.item(),
                ]
                + ([gap(picture, photo, painting)] if gap else [])
            )
            if progress:
                progress(number * len(resized) + index + 1, len(paintings) * len(resized))
        scores[name] = Scores(*torch.tensor(rows, dtype=torch.float64).mean(0).tolist())
    return scores


def average(scores: Mapping[str, Scores]) -> Scores:
    """The mean over all styles."""
    values = [list(s.measured().values()) for s in scores.values()]
    return Scores(*torch.tensor(values, dtype=torch.float64).mean(0).tolist())


def read_photos(source: str | Path, limit: int | None = None) -> Iterator[Image.Image]:
    """The pictures of a tar shard, a folder or a pattern, in order, RGB."""
    if str(source).endswith(".tar"):
        shards = Shards([source])
        for index in range(min(len(shards), limit or len(shards))):
            yield shards.image(index)
    else:
        for path in find_images([source])[:limit]:
            yield read_image(path).visible


def paintings_for(method: Method, source: str | Path, names: Sequence[str] | None = None) -> dict[str, Image.Image]:
    """The paintings for measuring ``method``, by name: those of its styles, or all if it takes style images.

    ``source``: a folder, a pattern or a tar shard, whose paintings are numbered. ``names``: only these. Raises
    ``ImageError``, ``UnknownName``.
    """
    if "style-images" in method.entry.method.inputs:
        if str(source).endswith(".tar"):
            found = {f"{number:06d}": picture for number, picture in enumerate(read_photos(source))}
        else:
            found = {path.stem: read_image(path).visible for path in find_images([source])}
        return {name: found[name] for name in (resolve(n, found, "painting") for n in names or found)}
    chosen = [resolve(name, method.styles, "style") for name in names or method.styles]
    if not Path(source).is_dir():
        raise ImageError(f"{source} is not a folder; give a folder with one painting per style, named after the style.")
    return {name: read_image(find_painting(Path(source), name)).visible for name in chosen}


def stylise_by(method: Method, paintings: Mapping[str, Image.Image]) -> Stylise:
    """``method`` as ``evaluate`` calls it: with the painting if it takes style images, otherwise with its name."""
    if "style-images" in method.entry.method.inputs:
        return lambda photo, name: method(photo, style=Pictures([paintings[name]], names=[name]))
    return lambda photo, name: method(photo, style=name)
