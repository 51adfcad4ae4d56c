"""Scene parsing: how well the bundled network's groups overlap with what people labelled.

    python -m benchmarks segmentation --labelled segmentation-val.tar

Intersection over union of every group over all labelled pixels; beside it what can be said without looking: the upper half
is sky, the lower ground. The card quotes the result.
"""

import argparse
import io
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.numbers import count
from benchmarks.results import markdown, where
from benchmarks.timing import interleaved

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROUNDS = 9


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--labelled", type=Path, required=True, help="a tar shard of photos with labels")
    parser.add_argument("--limit", type=count, help="only the first photos")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Overlaps by group, and seconds."""
    import numpy as np
    import torch
    from PIL import Image

    from hub.images import at_short_side, to_tensor
    from hub.training.data import Shards
    from methods.parts.dense.segmentation.groups import GROUPS
    from methods.parts.dense.segmentation.parse import parse

    photos, labels = Shards([options.labelled]), Shards([options.labelled], "label.png")
    names = [group.name for group in GROUPS]
    tables = {name: np.zeros((len(names), len(names)), int) for name in ("network", "rows")}
    shown = np.zeros(len(names), int)
    number = min(len(photos), options.limit or len(photos))
    for index in range(number):
        wanted = np.asarray(Image.open(io.BytesIO(labels.read(index))))
        found = parse(to_tensor(photos.image(index)))[0].argmax(0).numpy()
        sky, ground = names.index("sky"), names.index("ground")
        rows = np.where(np.arange(len(wanted)) < len(wanted) / 2, sky, ground)[:, None].repeat(wanted.shape[1], 1)
        shown += np.bincount(np.unique(wanted[wanted < len(names)]), minlength=len(names))
        for name, guess in (("network", found), ("rows", rows)):
            tables[name] += confusion(wanted, guess, len(names))
    photo = to_tensor(at_short_side(photos.image(0), 512))
    times = interleaved({"parse": lambda: parse(photo)}, ROUNDS)["parse"]
    return {
        "labelled": Path(options.labelled).name,
        "photos": number,
        "threads": torch.get_num_threads(),
        "groups": {
            name: [int(shown[i]), *(round(float(overlaps(table)[i]), 4) for table in tables.values())]
            for i, name in enumerate(names)
        },
        "mean": [round(float(overlaps(table).mean()), 4) for table in tables.values()],
        "right": [round(float(np.trace(table) / table.sum()), 4) for table in tables.values()],
        "seconds": median(times),
    }


def confusion(wanted: "NDArray[np.integer[Any]]", found: "NDArray[np.integer[Any]]", groups: int) -> "NDArray[np.int_]":
    """How many pixels labelled ``i`` (rows) were found to be ``j`` (columns); other labels say nothing."""
    import numpy as np

    known = wanted < groups
    return np.bincount(wanted[known].astype(int) * groups + found[known], minlength=groups**2).reshape(groups, groups)


def overlaps(table: "NDArray[np.int_]") -> "NDArray[np.float64]":
    """Intersection over union of every group; 0 of one that nobody labelled or found."""
    import numpy as np

    both = np.diag(table).astype(float)
    result: NDArray[np.float64] = both / np.maximum(table.sum(0) + table.sum(1) - both, 1)
    return result


def render(result: dict[str, Any]) -> str:
    """One table and the time."""
    lines = [[name, str(n), f"{a:.2f}", f"{b:.2f}"] for name, (n, a, b) in result["groups"].items()]
    lines += [["**mean**", "", *(f"{v:.2f}" for v in result["mean"])]]
    lines += [["pixels right", "", *(f"{v:.0%}" for v in result["right"])]]
    return "\n\n".join(
        [
            markdown(["group", "pictures", "overlap", "top is sky, bottom is ground"], lines),
            f"Intersection over union on {result['photos']} photos of {result['labelled']}. A photo of 512 pixels on the "
            f"short side takes {result['seconds']:.2f} s.",
            where(result),
        ]
    )
