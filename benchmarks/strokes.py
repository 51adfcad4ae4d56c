"""The same painting at any size: one photo at several sizes, painted with fine and with large strokes.

    python -m benchmarks strokes --paintings styles/ --vgg vgg16.safetensors --photo large.jpg

The distances are those of `stylehub eval --strokes`; lower is better. The first row of a size is the photo painted at 512
pixels and enlarged.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.material import photo
from benchmarks.numbers import count
from benchmarks.results import markdown, where

MEASURES = ("whole", "near", "content")


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
    import hub
    from hub.evaluation import evaluate_strokes, paintings_for
    from methods.parts.perceptual.vgg import read_vgg

    method = hub.load(options.model)
    paintings = paintings_for(method, options.paintings, options.styles or list(method.styles)[:6])
    largest = max(options.sizes)
    rows = evaluate_strokes(
        method,
        [photo(largest * 3 // 2, largest, options.photo)],
        paintings,
        read_vgg(options.vgg),
        sizes=options.sizes,
        strokes=options.strokes,
    )
    return {
        "model": method.entry.name,
        "weights": method.weights_sha256,
        "dtype": str(method.dtype).removeprefix("torch."),
        "styles": list(paintings),
        "rows": [asdict(row) for row in rows],
    }


def render(result: dict[str, Any]) -> str:
    """One line for every size and stroke."""
    lines = [
        [str(row["size"]), row["stroke"], *(f"{row[m]:.3f}" for m in MEASURES), f"{row['seconds']:.2f}"]
        for row in result["rows"]
    ]
    return (
        f"{markdown(['short side', 'stroke', 'seen whole', 'seen near', 'content', 'seconds'], lines)}\n\n"
        f"`{result['model']}` in {result['dtype']}, means over {len(result['styles'])} styles. {where(result)}"
    )
