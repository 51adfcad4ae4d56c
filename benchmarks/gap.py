"""How far each method's pictures are from what optimisation makes of them: the optimality gap, style by style.

    python -m benchmarks gap --photos photos-val.tar --paintings styles/ --vgg vgg16.safetensors --limit 3

A gap is the total loss of a picture, by the weights of `gatys`, over the least that `gatys` reaches when it goes on from
that very picture (see methods/gatys/gap.py): 1 is a picture that cannot be improved. The cards quote the result.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.numbers import count
from benchmarks.results import markdown

MODELS = ("fast-art", "cin-25styles", "cin-25styles-lite")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="the styles of the first are measured")
    parser.add_argument("--photos", required=True, help="a tar shard, a folder or a pattern")
    parser.add_argument(
        "--paintings", type=Path, required=True, help="the folder of the paintings, named by the styles"
    )
    parser.add_argument("--vgg", type=Path, required=True, help="VGG-16 as safetensors")
    parser.add_argument("--size", type=count, default=512, help="short side in pixels")
    parser.add_argument("--limit", type=count, default=3, help="only the first photos")
    parser.add_argument("--iterations", type=count, help="of the optimisation; 100 when left out")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Scores with the gap, of every model and style."""
    import hub
    from hub.evaluation import average, evaluate, read_photos, stylise_by
    from hub.images import read_image
    from methods.gatys.gap import ITERATIONS, gap_by
    from methods.parts.paintings import find_painting
    from methods.parts.perceptual.vgg import read_vgg

    methods = [hub.load(model) for model in options.models]
    names = list(methods[0].styles)
    paintings = {name: read_image(find_painting(options.paintings, name)).rgb for name in names}
    photos = list(read_photos(options.photos, options.limit))
    iterations = options.iterations or ITERATIONS
    gap, vgg = gap_by(options.vgg, methods[0].device, iterations), read_vgg(options.vgg)
    models = {}
    for method in methods:
        print(f"{method.entry.name}: {len(names)} styles on {len(photos)} photos", file=sys.stderr)
        scores = evaluate(
            stylise_by(method, paintings),
            photos,
            paintings,
            vgg,
            size=options.size,
            gap=gap,
        )
        models[Path(method.entry.name).name] = {
            "weights": method.weights_sha256,
            "average": average(scores).measured(),
            "styles": {name: s.measured() for name, s in scores.items()},
        }
    return {
        "size": options.size,
        "photos": Path(options.photos).name,
        "limit": len(photos),
        "iterations": iterations,
        "models": models,
    }


def render(result: dict[str, Any]) -> str:
    """A line a style, a column a model."""
    models = result["models"]
    styles = list(next(iter(models.values()))["styles"])
    lines = [[f"`{s}`", *(f"{m['styles'][s]['gap']:.2f}" for m in models.values())] for s in styles]
    lines.append(["**average**", *(f"**{m['average']['gap']:.2f}**" for m in models.values())])
    averages = "; ".join(
        f"`{name}` {m['average']['style']:.3f} and {m['average']['content']:.3f}" for name, m in models.items()
    )
    return (
        f"{markdown(['style', *(f'`{name}`' for name in models)], lines)}\n\n"
        f"The total loss of a picture over the least that `gatys` reaches in {result['iterations']} iterations from that "
        f"very picture; 1 is a picture that cannot be improved. Means over {result['limit']} photos of the validation set "
        f"at {result['size']} pixels, by VGG-16. Their style and content distances: {averages}."
    )
