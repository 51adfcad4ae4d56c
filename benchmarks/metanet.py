"""Meta networks: the paper's, a course project's that improved it on small data, and ours, trained alike.

    python -m benchmarks metanet --photos photos-train.tar --paintings paintings-train.tar --vgg vgg16.safetensors
        --vgg19 vgg19.safetensors --held photos-val.tar --unseen paintings-val.tar

The original and the improved configuration on 500 and 1,000 photos and paintings; the changes put back one by one; ours
from random weights; and the norm of the filters that the second down-sampling convolution gets, while they train. All of
them take the same number of steps, far fewer than the project's: this compares configurations and makes no good pictures.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.curves import Curve, draw_curves
from benchmarks.numbers import count
from benchmarks.results import markdown, where

if TYPE_CHECKING:
    from PIL import Image
    from torch import nn

    from benchmarks.meta_training import Experiment, ExperimentTask

HOLD = 20  # steps that the paper stays with a painting
NORMALISED, OURS = "original, filters normalised", "ours, from random weights"
NAMES = (
    "original",
    "improved",
    "improved but for VGG-16",
    "improved but for five residual blocks",
    "improved but for mean and std",
    NORMALISED,
    OURS,
)
SHOWN = ("original", "improved", OURS)  # side by side in the picture
CURVES = (*SHOWN, NORMALISED)
PAINTINGS = 4  # seen ones, and as many unseen ones
# What the course project tells of its run on a GPU, for 500 and 1,000 photos and paintings.
THEIRS = {
    "original": {"megabytes": 850, "minutes": (22, 50), "a style": "8 to 10 minutes, 20 batches"},
    "improved": {"megabytes": 647, "minutes": (35, 80), "a style": "12 to 14 minutes, 20 batches"},
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--photos", type=Path, required=True, help="a tar shard or a folder to train on")
    parser.add_argument("--paintings", type=Path, required=True, help="the same, of paintings")
    parser.add_argument("--held", type=Path, required=True, help="photos that no training saw")
    parser.add_argument("--unseen", type=Path, required=True, help="paintings that no training saw")
    parser.add_argument("--vgg", type=Path, required=True, help="VGG-16 as safetensors, which measures too")
    parser.add_argument("--vgg19", type=Path, required=True, help="VGG-19 as safetensors, up to relu4_1 at least")
    parser.add_argument("--limit", type=count, default=3, help="only the first photos of --held")
    parser.add_argument("--rows", nargs="+", choices=NAMES, default=NAMES, help="only these experiments")
    parser.add_argument("--counts", type=count, nargs=2, default=[500, 1000], help="photos, and as many paintings")
    parser.add_argument("--steps", type=count, default=400, help="of each training")
    parser.add_argument("--batch", type=count, default=4)
    parser.add_argument("--side", type=count, default=128, help="of a crop in pixels; a painting has twice as much")
    parser.add_argument(
        "--width", type=count, default=8, help="channels of the first convolution of the paper's network"
    )


def experiments(options: argparse.Namespace) -> "list[Experiment]":
    """Every training of the table."""
    from benchmarks.meta_training import Experiment
    from methods.metanet import network

    few, many = options.counts
    original, improved = (a.model_copy(update={"width": options.width}) for a in (network.ORIGINAL, network.IMPROVED))
    ours = network.OURS.model_copy(update={"width": min(network.OURS.width, 2 * options.width)})
    normalised = original.model_copy(update={"normalised": True})
    resnext16 = improved.model_copy(update={"encoder": "vgg-16"})
    residual19 = original.model_copy(update={"encoder": "vgg-19"})
    every = [
        Experiment(NAMES[0], original, "vgg-16", "mean and std", few, HOLD),
        Experiment(NAMES[1], improved, "vgg-19", "gram", few, HOLD),
        Experiment(NAMES[2], resnext16, "vgg-16", "gram", few, HOLD),
        Experiment(NAMES[3], residual19, "vgg-19", "gram", few, HOLD),
        Experiment(NAMES[4], improved, "vgg-19", "mean and std", few, HOLD),
        Experiment(NORMALISED, normalised, "vgg-16", "mean and std", few, HOLD),
        Experiment(OURS, ours, "vgg-16", "gram", few, 0),
        Experiment(NAMES[0], original, "vgg-16", "mean and std", many, HOLD),
        Experiment(NAMES[1], improved, "vgg-19", "gram", many, HOLD),
    ]
    return [one for one in every if one.name in options.rows]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train and measure every experiment; draw the norms and the pictures."""
    from benchmarks.meta_training import ExperimentTask, train
    from hub.errors import ParameterError
    from hub.evaluation import read_photos
    from methods.parts.perceptual.vgg import read_vgg

    if options.side < 44:
        raise ParameterError("--side must be 44 at least, as the paper's network reflects 40 pixels.")
    judge = read_vgg(options.vgg, "relu4_3")
    photos = list(read_photos(options.held, options.limit))
    unseen = list(read_photos(options.unseen, PAINTINGS))
    rows: list[dict[str, Any]] = []
    cells: dict[str, list[list[Image.Image]]] = {}
    for experiment in experiments(options):
        task = ExperimentTask(experiment, options)
        trained = train(task, lambda text: print(text, flush=True))
        seen = [task.paintings.image(task.epochs[index]) for index in range(min(PAINTINGS, experiment.count))]
        rows.append(
            {
                "name": experiment.name,
                "count": experiment.count,
                "megabytes": bytes_of(task.network) / 1e6,
                "written kilobytes": bytes_of(experiment.architecture.transformation()) / 1e3,
                **trained,
                **measured(task, photos, {"seen": seen, "unseen": unseen}, judge, 2 * options.side),
                "invariance": task.invariance(),
            }
        )
        if experiment.count == options.counts[0] and experiment.name in SHOWN:
            cells.setdefault("painting", [[fitted(painting, 2 * options.side)] for painting in [*seen, *unseen]])
            cells[experiment.name] = painted(task, photos[0], [*seen, *unseen], 2 * options.side)
    options.output.mkdir(parents=True, exist_ok=True)
    sheet(cells, options.output / "metanet.jpg")
    curves = [
        Curve(row["name"], [(point["step"], point["written"]) for point in row["norms"]])
        for row in rows
        if row["count"] == options.counts[0] and row["name"] in CURVES
    ]
    title = "Norm of the filters that the second down-sampling convolution gets"
    (options.output / "metanet-norms.svg").write_text(draw_curves(curves, title, "steps"), encoding="utf-8")
    settings = {name: getattr(options, name) for name in ("counts", "steps", "batch", "side", "width", "limit")}
    return {"settings": settings, "rows": rows}


def bytes_of(network: "nn.Module") -> int:
    """Bytes in float32."""
    return 4 * sum(parameter.numel() for parameter in network.parameters())


def sheet(cells: "dict[str, list[list[Image.Image]]]", path: Path) -> None:
    """A row for each painting: the painting, and the photo in colour and in grey by each configuration."""
    from methods.parts.sheets import contact_sheet

    rows = [[cell for part in row for cell in part] for row in zip(*cells.values(), strict=True)]
    contact_sheet([cell for row in rows for cell in row], columns=len(rows[0])).save(path, quality=88)


def measured(
    task: "ExperimentTask",
    photos: "list[Image.Image]",
    paintings: "dict[str, list[Image.Image]]",
    judge: Any,
    size: int,
) -> dict[str, Any]:
    """Distances to seen and unseen paintings, and seconds a picture, with its network written anew."""
    from hub.evaluation import average, evaluate

    seconds: list[float] = []
    found: dict[str, Any] = {}
    for kind, some in paintings.items():
        named = {str(number): painting for number, painting in enumerate(some)}

        def stylise(photo: "Image.Image", name: str, named: "dict[str, Image.Image]" = named) -> "Image.Image":
            begun = time.perf_counter()
            picture = task.paint(photo, named[name])
            seconds.append(time.perf_counter() - begun)
            return picture

        scores = average(evaluate(stylise, photos, named, judge, size=size))
        found[kind] = {"style": scores.style, "content": scores.content}
    return {**found, "seconds a picture": median(seconds)}


def painted(
    task: "ExperimentTask", photo: "Image.Image", paintings: "list[Image.Image]", size: int
) -> "list[list[Image.Image]]":
    """``photo``, in colour and in grey, in the style of each painting."""
    colour = fitted(photo, size)
    return [[task.paint(p, painting) for p in (colour, colour.convert("L").convert("RGB"))] for painting in paintings]


def fitted(picture: "Image.Image", size: int) -> "Image.Image":
    from PIL import ImageOps

    side = size // 4 * 4
    return ImageOps.fit(picture, (side, side))


def render(result: dict[str, Any]) -> str:
    """The table, the project's own figures, and why norms grow."""
    settings, rows = result["settings"], result["rows"]
    head = ["", "pictures", "MB", "a network, kB", "minutes", "ms a picture", "seen: style", "content", "unseen: style"]
    lines = [
        [
            row["name"],
            str(row["count"]),
            f"{row['megabytes']:.1f}",
            f"{row['written kilobytes']:.0f}",
            f"{row['minutes']:.1f}",
            f"{1000 * row['seconds a picture']:.0f}",
            *(f"{row[kind][score]:.3f}" for kind in ("seen", "unseen") for score in ("style", "content")),
        ]
        for row in rows
    ]
    theirs = [
        [name, str(facts["megabytes"]), " / ".join(map(str, facts["minutes"])), facts["a style"]]
        for name, facts in THEIRS.items()
    ]
    why = [
        [
            row["name"],
            f"{row['norms'][0]['written']:.2f}",
            f"{row['norms'][-1]['written']:.2f}",
            f"{row['norms'][-1]['before'] / row['norms'][0]['before']:.2f}",
            f"{row['invariance']['cosine']:.4f}",
            f"{row['invariance']['expected']:.4f}",
            " / ".join(f"{loss:.4g}" for loss in row["invariance"]["losses"].values()),
        ]
        for row in rows
        if row["count"] == settings["counts"][0]
    ]
    about = (
        f"{settings['steps']} steps of {settings['batch']} crops of {settings['side']} pixels, width {settings['width']}; "
        f"{PAINTINGS} paintings that were trained on and {PAINTINGS} that were not, {settings['limit']} photos at {2 * settings['side']} pixels."
    )
    norms = ["", "norm at first", "at last", "grown before normalising", "cosine", "by chance", "loss at 0.1 / 1 / 10"]
    return "\n\n".join(
        [
            markdown([*head, "content"], lines),
            about,
            where(result),
            "What the course project tells of itself, at width 32 and on a GPU:",
            markdown(["", "MB", "minutes, 500 / 1,000 pictures", "a new style"], theirs),
            "The filters of the second down-sampling convolution: their norm, the cosine of their gradient and themselves, and "
            "the loss for filters times 0.1, 1 and 10.",
            markdown(norms, why),
        ]
    )
