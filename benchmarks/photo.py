"""Photos in the look of other photos: does the look come across, does a photo stay a photo, how long does it take?

    python -m benchmarks photo --photos photos-val.tar --vgg vgg16.safetensors --limit 30

Pairs of photos whose scenes are alike (see hub/evaluation/photos.py), each method with its defaults and perhaps with other
settings, at its own working size of `--size` pixels; beside them Reinhard's transfer, histogram matching and the photo as it is. The cards quote the result.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.numbers import count
from benchmarks.results import markdown, where

if TYPE_CHECKING:
    from PIL import Image

    from hub.evaluation.photos import Transfer

MODELS = ("deep-photo", "fast-photo", "gatys")
# Beside a model's defaults.
VARIANTS: dict[str, list[dict[str, Any]]] = {"fast-photo": [{"parser": "bundled"}, {"detail": 0.0}]}


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
    from hub.evaluation.photos import by_method, photo_pairs

    photos = list(read_photos(options.photos))
    pairs = photo_pairs(photos, min(options.limit, len(photos)))
    transfers = {}
    for name in options.models:
        method = hub.load(name)
        for parameters in ({}, *VARIANTS.get(name, [])):
            flags = "".join(f" --{flag} {value}" for flag, value in parameters.items())
            transfers[f"`{name}{flags}`"] = by_method(method, options.size, **parameters)
    pictures = [(photos[one], photos[other]) for one, other in pairs]
    return {
        "photos": Path(options.photos).name,
        "size": options.size,
        "pairs": pairs,
        "scores": score(transfers, pictures, options),
    }


def score(
    transfers: "Mapping[str, Transfer]",
    pictures: "Sequence[tuple[Image.Image, Image.Image]]",
    options: argparse.Namespace,
) -> dict[str, dict[str, float]]:
    """Scores and median seconds of ``transfers`` and of the classic ones, on ``pictures``: photos with their style photos."""
    from hub.evaluation.photos import classic_transfers, evaluate_photos
    from methods.parts.perceptual.vgg import read_vgg

    seconds: dict[str, list[float]] = {}

    def timed(name: str, transfer: "Transfer") -> "Transfer":
        def run(photo: "Image.Image", style: "Image.Image") -> "Image.Image":
            started = time.perf_counter()
            result = transfer(photo, style)
            seconds.setdefault(name, []).append(time.perf_counter() - started)
            return result

        return run

    contestants = {name: timed(name, transfer) for name, transfer in {**transfers, **classic_transfers()}.items()}
    found = evaluate_photos(contestants, pictures, read_vgg(options.vgg), size=options.size)
    return {name: asdict(scores) | {"seconds": median(seconds[name])} for name, scores in found.items()}


def render(result: dict[str, Any]) -> str:
    """One table."""
    return "\n\n".join(
        [
            table(result["scores"]),
            f"Means over {len(result['pairs'])} pairs of {result['photos']} at {result['size']} pixels on the short side; of "
            "the distances less is better.",
            where(result),
        ]
    )


def table(scores: "Mapping[str, Mapping[str, float]]") -> str:
    """The scores of every contestant, one a line."""
    lines = [
        [name, *(f"{s[key]:.3f}" for key in ("edges", "style", "regions", "colors")), f"{s['seconds']:.2f} s"]
        for name, s in scores.items()
    ]
    return markdown(["", "edges kept", "style distance", "by region", "colour distance", "time"], lines)
