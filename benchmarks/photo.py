"""Photos in the look of other photos: does the look come across, does a photo stay a photo, how long does it take?

    python -m benchmarks photo --photos photos-val.tar --vgg vgg16.safetensors --limit 30

Pairs of photos whose scenes are alike (see hub/photo_evaluation.py), each method with its defaults at its own working size of
`--size` pixels; beside them Reinhard's transfer, histogram matching and the photo as it is. The cards quote the result.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.numbers import count
from benchmarks.results import markdown, where

if TYPE_CHECKING:
    from PIL import Image

MODELS = ("deep-photo", "fast-photo", "gatys")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--photos", required=True, help="a tar shard, a folder or a pattern")
    parser.add_argument("--vgg", type=Path, required=True, help="VGG-16 as safetensors, for the scores alone")
    parser.add_argument("--size", type=count, default=512, help="short side in pixels")
    parser.add_argument("--limit", type=count, default=30, help="number of pairs")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Scores and seconds of every model and of the classic transfers."""
    import hub
    from hub.evaluation import read_photos
    from hub.photo_evaluation import by_method, classic_transfers, evaluate_photos, photo_pairs
    from methods.parts.vgg import read_vgg

    photos = list(read_photos(options.photos))
    pairs = photo_pairs(photos, min(options.limit, len(photos)))
    seconds: dict[str, list[float]] = {}

    def timed(name: str, transfer: "Callable[..., Image.Image]") -> "Callable[..., Image.Image]":
        def run(photo: "Image.Image", style: "Image.Image") -> "Image.Image":
            started = time.perf_counter()
            result = transfer(photo, style)
            seconds.setdefault(name, []).append(time.perf_counter() - started)
            return result

        return run

    transfers = {f"`{name}`": by_method(hub.load(name), options.size) for name in options.models} | classic_transfers()
    scores = evaluate_photos(
        {name: timed(name, transfer) for name, transfer in transfers.items()},
        [(photos[one], photos[other]) for one, other in pairs],
        read_vgg(options.vgg),
        size=options.size,
    )
    return {
        "photos": Path(options.photos).name,
        "size": options.size,
        "pairs": pairs,
        "scores": {name: asdict(found) | {"seconds": median(seconds[name])} for name, found in scores.items()},
    }


def render(result: dict[str, Any]) -> str:
    """One table."""
    lines = [
        [name, *(f"{s[key]:.3f}" for key in ("edges", "style", "regions", "colors")), f"{s['seconds']:.2f} s"]
        for name, s in result["scores"].items()
    ]
    return "\n\n".join(
        [
            markdown(["", "edges kept", "style distance", "by region", "colour distance", "time"], lines),
            f"Means over {len(result['pairs'])} pairs of {result['photos']} at {result['size']} pixels on the short side; of "
            "the distances less is better.",
            where(result),
        ]
    )
