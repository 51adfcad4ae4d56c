"""The same painting at any size: one photo at several sizes, painted with fine and with large strokes.

    python -m benchmarks strokes --paintings styles/ --vgg vgg16.safetensors --photo large.jpg

Style distances by VGG-16 as in `stylehub eval`; lower is better. Seen whole: the result reduced to 512 pixels against the
painting at 512. Seen near: crops of 768 pixels against the painting at 768, or at its own size if that is smaller. Content:
of the result reduced to 512 pixels. The first row of a size is the photo painted at 512 pixels and enlarged.
"""

import argparse
import time
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.material import photo
from benchmarks.numbers import count
from benchmarks.results import markdown, where

SMALL, NEAR = 512, 768
DRAFT = f"{SMALL} px, enlarged"
MEASURES = ("whole", "near", "content", "seconds")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--model", default="cin-25styles")
    parser.add_argument("--paintings", type=Path, required=True, help="a folder of paintings, named by the styles")
    parser.add_argument("--vgg", type=Path, required=True, help="VGG-16 as safetensors")
    parser.add_argument("--photo", type=Path, help="a large photo; examples/valley.jpg, enlarged, by default")
    parser.add_argument("--sizes", type=count, nargs="+", default=[1024, 2048], help="short sides in pixels")
    parser.add_argument("--strokes", nargs="+", default=["fine", "medium"])
    parser.add_argument("--styles", nargs="+", help="only these styles; the first six by default")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The means over the styles for every size and stroke."""
    import torch

    import hub
    from hub.evaluation import paintings_for
    from hub.images import at_short_side, resized, to_tensor
    from methods.parts.perceptual.losses import (
        CONTENT_LAYER,
        STYLE_LAYERS,
        gram_matrix,
        relative_error,
        style_distances,
    )
    from methods.parts.perceptual.vgg import read_vgg

    method, vgg = hub.load(options.model), read_vgg(options.vgg)
    paintings = paintings_for(method, options.paintings, options.styles or list(method.styles)[:6])
    rows = []
    with torch.inference_mode():
        targets = {
            name: [
                {k: gram_matrix(f) for k, f in vgg(to_tensor(at_short_side(painting, side)), STYLE_LAYERS).items()}
                for side in (SMALL, min(NEAR, *painting.size))
            ]
            for name, painting in paintings.items()
        }
        for size in options.sizes:
            content = to_tensor(photo(size * 3 // 2, size, options.photo))
            small = resized(content, (SMALL, SMALL * 3 // 2))
            wanted = vgg(small, [CONTENT_LAYER])[CONTENT_LAYER]
            crop = min(NEAR, size)
            corners = [((size - crop) // 2, (size * 3 // 2 - crop) * part // 4) for part in (1, 3)]
            for stroke in (DRAFT, *options.strokes):
                scores = []
                for name, (whole, near) in targets.items():
                    start = time.perf_counter()
                    if stroke == DRAFT:
                        result = resized(method(small, style=name, stroke="fine"), (size, size * 3 // 2))
                    else:
                        result = method(content, style=name, stroke=stroke)
                    seconds = time.perf_counter() - start
                    reduced = vgg(resized(result, (SMALL, SMALL * 3 // 2)), STYLE_LAYERS)
                    crops = [result[:, :, top : top + crop, left : left + crop] for top, left in corners]
                    scores.append(
                        [
                            style_distances(reduced, whole).mean().item(),
                            fmean(style_distances(vgg(c, STYLE_LAYERS), near).mean().item() for c in crops),
                            relative_error(reduced[CONTENT_LAYER], wanted).item(),
                            seconds,
                        ]
                    )
                means = dict(zip(MEASURES, map(fmean, zip(*scores, strict=True)), strict=True))
                rows.append({"size": size, "stroke": stroke, **means})
    return {
        "model": method.entry.name,
        "weights": method.weights_sha256,
        "dtype": str(method.dtype).removeprefix("torch."),
        "styles": list(paintings),
        "rows": rows,
    }


def render(result: dict[str, Any]) -> str:
    """One line for every size and stroke."""
    lines = [
        [str(row["size"]), row["stroke"], *(f"{row[m]:.3f}" for m in MEASURES[:3]), f"{row['seconds']:.2f}"]
        for row in result["rows"]
    ]
    return (
        f"{markdown(['short side', 'stroke', 'seen whole', 'seen near', 'content', 'seconds'], lines)}\n\n"
        f"`{result['model']}` in {result['dtype']}, means over {len(result['styles'])} styles. {where(result)}"
    )
