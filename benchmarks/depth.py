"""Depth: how often the bundled network tells which of two places is nearer; what depth-aware painting keeps and costs.

    python -m benchmarks depth --depth depth-val.tar --photos photos-val.tar --paintings styles/ --vgg vgg16.safetensors

Pairs of places whose depths differ by a tenth at least are asked about; `lower is nearer` is the same question answered
by the rows alone. Edges and style are compared where `depth-adain` and `adain` differ most: in the nearest third of each
photo's pixels and in the farthest. The card of the depth network and that of `depth-adain` quote the result.
"""

import argparse
import io
import json
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.numbers import count
from benchmarks.results import markdown, where
from benchmarks.timing import interleaved

if TYPE_CHECKING:
    from torch import Tensor

RATIO = 1.1
ROUNDS = 9
PAIRS = 20_000  # a picture
PAINTINGS = (
    "van-gogh-starry-night", "hokusai-great-wave", "munch-the-scream", "klimt-the-kiss",
    "kandinsky-composition-vii", "monet-water-lilies", "picabia-udnie", "seurat-la-grande-jatte",
)  # fmt: skip
SETTINGS = {"depth itself": {}, "contrast 3": {"contrast": 3.0}}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--depth", type=Path, required=True, help="a tar shard of photos with depth maps")
    parser.add_argument("--photos", required=True, help="a tar shard, a folder or a pattern")
    parser.add_argument("--paintings", type=Path, required=True, help="the folder of the paintings")
    parser.add_argument("--vgg", type=Path, required=True, help="VGG-16 as safetensors")
    parser.add_argument("--size", type=count, default=384, help="short side in pixels of what is painted")
    parser.add_argument("--limit", type=count, default=30, help="only the first photos")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Order, detail and style by distance, and time."""
    return {
        "photos": Path(options.photos).name,
        "limit": options.limit,
        "size": options.size,
        "order": order(options.depth),
        "near_and_far": near_and_far(options),
        "seconds": seconds(options),
    }


def order(shard: Path) -> dict[str, Any]:
    """By source, and over all pictures: their number, and how often the network and `lower is nearer` are right."""
    import numpy as np
    from PIL import Image

    from hub.images import to_tensor
    from hub.training.data import Shards
    from methods.parts.dense.depth.estimate import estimate

    photos, maps, facts = Shards([shard]), Shards([shard], "depth.png"), Shards([shard], "json")
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for index in range(len(photos)):
        near = np.asarray(Image.open(io.BytesIO(maps.read(index))), np.float32)
        far = estimate(to_tensor(photos.image(index)))
        guess = np.zeros_like(near) if far is None else far[0, 0].numpy()
        rng = np.random.default_rng(index)
        places = rng.integers(0, near.size, (2, PAIRS))
        one, other = (near.ravel()[p] for p in places)
        known = (one > 0) & (other > 0) & ((one > RATIO * other) | (other > RATIO * one))
        first = (one > other)[known]
        network = (guess.ravel()[places[0]] < guess.ravel()[places[1]])[known] == first
        rows = places // near.shape[1]
        lower = np.where(rows[0] == rows[1], 0.5, (rows[0] > rows[1]) == (one > other))[known]
        found[json.loads(facts.read(index))["source"]].append((float(network.mean()), float(lower.mean())))
    every = [pair for pairs in found.values() for pair in pairs]
    return {name: [len(p), *np.mean(p, 0).round(4).tolist()] for name, p in {**found, "all": every}.items()}


def near_and_far(options: argparse.Namespace) -> dict[str, Any]:
    """Of `adain` and of `depth-adain`: edges kept in the nearest third, style distance in the farthest."""
    import numpy as np

    import hub
    from hub.evaluation import read_photos
    from hub.images import at_short_side, read_image, to_tensor
    from methods.parts.dense.depth.estimate import estimate
    from methods.parts.paintings import find_painting
    from methods.parts.perceptual.losses import STYLE_LAYERS, gram_matrix
    from methods.parts.perceptual.similarity import edge_map
    from methods.parts.perceptual.vgg import read_vgg

    method, vgg = hub.load("depth-adain"), read_vgg(options.vgg)
    ways: dict[str, dict[str, Any]] = {
        "`adain`": {"where": "everywhere"},
        **{f"`depth-adain`, {n}": s for n, s in SETTINGS.items()},
    }
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    photos = [at_short_side(p, options.size) for p in read_photos(options.photos, options.limit)]
    for name in PAINTINGS:
        painting = read_image(find_painting(options.paintings, name)).rgb
        target = {
            k: gram_matrix(f) for k, f in vgg(to_tensor(at_short_side(painting, options.size)), STYLE_LAYERS).items()
        }
        for photo in photos:
            pixels = to_tensor(photo)
            far = estimate(pixels)
            if far is None:
                continue
            near_third, far_third = far <= far.quantile(1 / 3), far >= far.quantile(2 / 3)
            edges = edge_map(pixels)
            for way, place in ways.items():
                result = to_tensor(method(photo, style=painting, **place))
                rows[way].append(
                    (
                        similarity_in(edge_map(result), edges, near_third),
                        style_distance_in(vgg(result, STYLE_LAYERS), target, far_third),
                    )
                )
    return {way: np.mean(values, 0).round(4).tolist() for way, values in rows.items()}


def similarity_in(a: "Tensor", b: "Tensor", region: "Tensor") -> float:
    """Structural similarity of two edge maps, the mean over the windows in ``region``."""
    import torch.nn.functional as F

    from methods.parts.perceptual.similarity import similarity_map

    plane = similarity_map(a, b)
    cut = F.interpolate(region.float(), plane.shape[-2:], mode="nearest")
    return float((plane * cut).sum() / cut.sum())


def style_distance_in(features: "dict[str, Tensor]", target: "dict[str, Tensor]", region: "Tensor") -> float:
    """Relative difference of the Gram matrices, of the features in ``region`` only, mean over the layers."""
    import torch
    import torch.nn.functional as F

    from methods.parts.perceptual.losses import gram_matrix, relative_error

    errors = []
    for layer, f in features.items():
        inside = F.adaptive_avg_pool2d(region.float(), (f.shape[2], f.shape[3]))
        gram = gram_matrix(f * inside.sqrt()) / inside.mean()
        errors.append(relative_error(gram, target[layer]))
    return float(torch.stack(errors).mean())


def seconds(options: argparse.Namespace) -> dict[str, float]:
    """A photo of 512 pixels on the short side, in memory: each alone."""
    import hub
    from hub.evaluation import read_photos
    from hub.images import at_short_side, to_tensor
    from methods.parts.dense.depth.estimate import estimate

    photo = to_tensor(at_short_side(next(iter(read_photos(options.photos, 1))), 512))
    plain, aware = hub.load("adain"), hub.load("depth-adain")
    calls = {
        "`adain`": lambda: plain(photo, style="van-gogh-starry-night"),
        "the depth network": lambda: estimate(photo),
        "`depth-adain`": lambda: aware(photo, style="van-gogh-starry-night"),
    }
    return {name: median(times) for name, times in interleaved(calls, ROUNDS).items()}


def render(result: dict[str, Any]) -> str:
    """Three tables."""
    order_lines = [[name, str(n), f"{a:.1%}", f"{b:.1%}"] for name, (n, a, b) in result["order"].items()]
    detail = [[name, f"{edges:.3f}", f"{style:.3f}"] for name, (edges, style) in result["near_and_far"].items()]
    times = [[name, f"{s:.2f} s"] for name, s in result["seconds"].items()]
    return "\n\n".join(
        [
            markdown(["pictures of", "number", "order by the network", "lower is nearer"], order_lines),
            f"How often the nearer of two places is named, of random pairs whose depths differ by {RATIO - 1:.0%} at least.",
            markdown(["", "edges kept in the nearest third", "style distance in the farthest third"], detail),
            f"Means over {result['limit']} photos of {result['photos']} at {result['size']} pixels by {len(PAINTINGS)} paintings.",
            markdown(["512 pixels on the short side", "time"], times),
            where(result),
        ]
    )
