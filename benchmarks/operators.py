"""Photos through made-up looks, whose right answer is known: how far `fast-photo` and the classic transfers stay from it.

    python -m benchmarks operators --photos photos-val.tar

A crop of a photo through operators is the content, another crop through others the style, the first crop through those
others the answer. The operators are of kinds that no training saw; the photos should not have been trained on either. What
real pairs say is measured by `python -m benchmarks photo`. The card quotes the result.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.numbers import count
from benchmarks.results import markdown, where

if TYPE_CHECKING:
    from torch import Tensor

    Transfer = Callable[[Tensor, Tensor], Tensor]  # photo and style, both (1, 3, H, W) in [0, 1]

SIDE = 192


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--model", default="fast-photo", help="a name or a folder of weights")
    parser.add_argument("--photos", required=True, help="a tar shard, a folder or a pattern")
    parser.add_argument("--limit", type=count, default=200, help="number of pairs")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The mean difference of every transfer."""
    import hub
    from hub.images import to_image
    from methods.parts.color import match_histograms, reinhard

    method = hub.load(options.model, device="cpu")

    def ours(**parameters: float) -> "Transfer":
        return lambda content, style: method(content, style=to_image(style), **parameters)

    transfers: dict[str, Transfer] = {
        f"`{options.model}`": ours(),
        f"`{options.model} --detail 0`": ours(detail=0.0),
        f"`{options.model} --detail 0 --local 0`": ours(detail=0.0, local=0.0),
        "histogram matching": match_histograms,
        "Reinhard": reinhard,
        "the photo itself": lambda content, _: content,
    }
    found = differences(transfers, Path(options.photos), options.limit)
    return {"photos": Path(options.photos).name, "pairs": options.limit, "differences": found}


def differences(transfers: "Mapping[str, Transfer]", photos: Path, pairs: int) -> dict[str, float]:
    """Mean difference to the right answer in L*a*b* (CIE76)."""
    import torch

    from methods.parts.color import lab_difference

    sums = dict.fromkeys(transfers, 0.0)
    with torch.inference_mode():
        for content, style, target in made_up_pairs(photos, pairs):
            for name, transfer in transfers.items():
                sums[name] += float(lab_difference(transfer(content, style), target).mean()) / pairs
    return sums


def made_up_pairs(photos: Path, pairs: int) -> "Iterator[tuple[Tensor, Tensor, Tensor]]":
    """Content, style and the right answer, ``(1, 3, SIDE, SIDE)`` in [0, 1]; the same whenever they are asked for."""
    import numpy as np

    from hub.training.data import open_photos
    from methods.fast_photo.operators import HELD_OUT, draw
    from methods.fast_photo.training import crop

    found = open_photos([photos])
    for index in range(pairs):
        rng = np.random.default_rng([7, index])
        photo = found.image(index % len(found))
        before, after = draw(rng, HELD_OUT, 2), draw(rng, HELD_OUT, 2)
        (content, _), (style, _) = crop(photo, rng, SIDE), crop(photo, rng, SIDE)
        yield before(content), after(style), after(content)


def render(result: dict[str, Any]) -> str:
    """One table."""
    lines = [[name, f"{difference:.2f}"] for name, difference in result["differences"].items()]
    about = f"Mean difference in L*a*b* (CIE76) over {result['pairs']} pairs of {result['photos']}; less is better."
    return "\n\n".join([markdown(["", "difference"], lines), about, where(result)])
