"""Photos in the look of one photo that a network has learnt: the network beside what takes any photo for a style.

    python -m benchmarks photo_affine --style lake-at-dusk.jpg --photos photos-val.tar --vgg vgg16.safetensors

As the table `photo`, but every photo gets the same style photo, whose file name says which style of the network it is. The
card quotes the result.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import photo
from benchmarks.material import label
from benchmarks.results import where

if TYPE_CHECKING:
    from hub.evaluation.photos import Transfer
    from hub.method import Method

MODELS = ("fast-photo-affine", "fast-photo")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    photo.add_options(parser)
    parser.set_defaults(models=list(MODELS), size=256)
    parser.add_argument("--style", type=Path, required=True, help="the style photo, named as the network's style is")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Scores and seconds of every model and of the classic transfers."""
    import hub
    from hub.evaluation import read_photos
    from hub.evaluation.photos import by_method
    from hub.images import read_image

    photos, style = list(read_photos(options.photos)), read_image(options.style).rgb
    count = min(options.limit, len(photos))
    transfers, weights = {}, {}
    for name in options.models:
        method = hub.load(name)
        shown = label(name)
        weights[shown] = method.weights_sha256
        takes_pictures = "style-images" in method.entry.method.inputs
        transfers[f"`{shown}`"] = (
            by_method(method, options.size) if takes_pictures else by_name(method, options.style.stem)
        )
    pictures = [(photos[number * len(photos) // count], style) for number in range(count)]
    return {
        "photos": Path(options.photos).name,
        "style": options.style.stem,
        "size": options.size,
        "count": count,
        "weights": weights,
        "scores": photo.score(transfers, pictures, options),
    }


def by_name(method: "Method", style: str) -> "Transfer":
    """``method`` with the style that it has learnt from the style photo. Raises ``UnknownName`` where there is none."""
    known = method.checked({"style": style}).style
    return lambda picture, _: method(picture, style=known)


def render(result: dict[str, Any]) -> str:
    """One table."""
    return "\n\n".join(
        [
            photo.table(result["scores"]),
            f"Means over {result['count']} photos of {result['photos']} in the look of `{result['style']}`, all at "
            f"{result['size']} pixels on the short side; of the distances less is better.",
            where(result),
        ]
    )
