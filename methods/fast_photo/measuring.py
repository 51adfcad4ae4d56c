"""Pairs whose right answer is known: how far the method, and the classic transfers, stay from it.

    python -m methods.fast_photo.measuring PHOTOS [WEIGHTS]

PHOTOS, a tar shard, a folder or a pattern, were not trained on. What real pairs say is measured by
``python -m benchmarks photo``.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import hub
from hub.images import to_image
from hub.shards import open_photos
from methods.fast_photo.operators import HELD_OUT, draw
from methods.fast_photo.training import crop
from methods.parts.color import lab_difference, match_histograms, reinhard

Transfer = Callable[[Tensor, Tensor], Tensor]  # photo and style, both (1, 3, H, W) in [0, 1]
SIDE = 192


def made_up_pairs(photos: Path, count: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Content, style and the right answer: crops of one photo through operators of kinds that no training saw."""
    found = open_photos([photos])
    for index in range(count):
        rng = np.random.default_rng([7, index])
        photo = found.image(index % len(found))
        before, after = draw(rng, HELD_OUT, 2), draw(rng, HELD_OUT, 2)
        (content, _), (style, _) = crop(photo, rng, SIDE), crop(photo, rng, SIDE)
        yield before(content), after(style), after(content)


@torch.inference_mode()
def measure(transfers: dict[str, Transfer], photos: Path, count: int = 200) -> dict[str, float]:
    """Mean difference to the right answer in L*a*b* (CIE76)."""
    sums = dict.fromkeys(transfers, 0.0)
    for content, style, target in made_up_pairs(photos, count):
        for name, transfer in transfers.items():
            sums[name] += float(lab_difference(transfer(content, style), target).mean()) / count
    return sums


def main(photos: Path, weights: str = "fast-photo") -> None:
    method = hub.load(weights, device="cpu")

    def ours(local: float) -> Transfer:
        return lambda content, style: method(content, style=to_image(style), local=local)

    transfers = {
        "untouched": lambda content, _: content,
        "reinhard": reinhard,
        "histogram matching": match_histograms,
        "fast-photo": ours(1.0),
        "fast-photo, local 0": ours(0.0),
    }
    print(json.dumps(measure(transfers, photos), indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
