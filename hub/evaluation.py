"""How good a model is: distance to the painting, distance to the photo, edges kept; per style and in all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hub.errors import ImageError
from hub.images import at_short_side, find_images, find_named, read_image, to_tensor
from hub.method import Method
from hub.names import resolve
from hub.pictures import Pictures
from hub.shards import Shards
from methods.parts.losses import CONTENT_LAYER, STYLE_LAYERS, gram_matrix, relative_error, style_distances
from methods.parts.vgg import VGG

Stylise = Callable[[Image.Image, str], Image.Image]


@dataclass(frozen=True)
class Scores:
    """Means over the photos.

    ``style``: squared difference of Gram matrices over the mean square of the painting's, mean over relu1_2,
    relu2_2, relu3_3 and relu4_3 of VGG-16. ``content``: squared difference at relu3_3 over the mean square of the
    photo's features. ``edges``: structural similarity of edge maps, 1 is all edges kept. ``untouched_style``: the
    style distance of the photo itself (its content distance is 0). ``gap``: the total loss over the least that
    optimisation reaches from there, if it was asked for.
    """

    style: float
    content: float
    edges: float
    untouched_style: float
    gap: float | None = None

    def measured(self) -> dict[str, float]:
        """The scores by name, ``gap`` only if it was asked for."""
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
    """Scores of ``stylise(photo, name)`` for every painting by name; photos and paintings at ``size`` on the short side.

    VGG-16 runs in float32 on the device it is on. ``gap`` of (result, photo, painting) is measured too when it is given:
    see ``methods/gatys/gap.py``. ``progress`` counts pictures.
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


def edge_map(image: Tensor) -> Tensor:
    """Length of the Sobel gradient of the lightness of ``(N, 3, H, W)`` in [0, 1]: ``(N, 1, H, W)`` in [0, 1]."""
    grey = (image * image.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    sobel = grey.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4
    kernels = torch.stack([sobel, sobel.T])[:, None]
    gradient = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels)
    return gradient.square().sum(1, keepdim=True).sqrt().clamp(max=1)


def structural_similarity(a: Tensor, b: Tensor) -> Tensor:
    """SSIM (Wang et al. 2004) of ``(N, 1, H, W)`` in [0, 1]: ``(N,)``."""
    return similarity_map(a, b).mean((1, 2, 3))


def similarity_map(a: Tensor, b: Tensor) -> Tensor:
    """SSIM at every place, with an 11x11 Gaussian window of deviation 1.5: ``(N, 1, H, W)``."""
    offsets = torch.arange(11, dtype=a.dtype, device=a.device) - 5
    bell = torch.exp(-offsets.square() / (2 * 1.5**2))
    window = torch.outer(bell, bell) / bell.sum().square()

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, window[None, None], padding=5)

    mean_a, mean_b = blur(a), blur(b)
    variance_a = blur(a * a) - mean_a.square()
    variance_b = blur(b * b) - mean_b.square()
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return ssim / ((mean_a.square() + mean_b.square() + c1) * (variance_a + variance_b + c2))


def read_photos(source: str | Path, limit: int | None = None) -> Iterator[Image.Image]:
    """The pictures of a tar shard, a folder or a pattern, in their order, RGB."""
    if str(source).endswith(".tar"):
        shards = Shards([source])
        for index in range(min(len(shards), limit or len(shards))):
            yield shards.image(index)
    else:
        for path in find_images([source])[:limit]:
            yield read_image(path).rgb


def paintings_for(method: Method, source: str | Path, names: Sequence[str] | None = None) -> dict[str, Image.Image]:
    """What to measure ``method`` on, by name: the paintings of its styles, or every one there is if it takes pictures.

    ``source``: a folder, a pattern or a tar shard; of a shard they are numbered. ``names``: only these. Raises
    ``ImageError``, ``UnknownName``.
    """
    if "style-images" in method.entry.method.inputs:
        if str(source).endswith(".tar"):
            found = {f"{number:06d}": picture for number, picture in enumerate(read_photos(source))}
        else:
            found = {path.stem: read_image(path).rgb for path in find_images([source])}
        return {name: found[name] for name in (resolve(n, found, "painting") for n in names or found)}
    chosen = [resolve(name, method.styles, "style") for name in names or method.styles]
    if not Path(source).is_dir():
        raise ImageError(f"{source} is no folder; give the folder of the paintings, each named by its style.")
    return {name: read_image(find_named(Path(source), name)).rgb for name in chosen}


def stylise_by(method: Method, paintings: Mapping[str, Image.Image]) -> Stylise:
    """What ``evaluate`` calls: ``method`` with the painting itself if it takes pictures, by its name otherwise."""
    if "style-images" in method.entry.method.inputs:
        return lambda photo, name: method(photo, style=Pictures([paintings[name]], names=[name]))
    return lambda photo, name: method(photo, style=name)
