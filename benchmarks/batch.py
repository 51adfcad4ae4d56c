"""Throughput of `stylehub batch` on many photos, decoding and encoding included, and what each stage takes of the work.

    python -m benchmarks batch --photos my-photos/
    python -m benchmarks batch --count 200 --size 1200x800

Without --photos the photos are generated: crops of the picture of the documents, each another one, as JPEG.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.material import add_models, label, least_parameters, photo
from benchmarks.numbers import count, frame
from benchmarks.results import markdown, where

WARM_UP = 8


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    add_models(parser)
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="photos of your own")
    parser.add_argument("--count", type=count, default=200, help="how many to generate, or of your own the first")
    parser.add_argument(
        "--size",
        type=frame,
        default=(1200, 800),
        metavar="WxH",
        help="size of generated photos: 1200x800 when left out",
    )
    parser.add_argument(
        "--workers", type=count, help="threads that read and as many that write, as in `stylehub batch`"
    )
    parser.add_argument("--batch-size", type=count, help="photos stylised together, as in `stylehub batch`")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One run over all photos for every model, after a short one that warms up."""
    import hub
    from hub.batch.folder import STAGES
    from hub.images import find_images

    width, height = options.size
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        if options.photos:
            photos = find_images([options.photos])[: options.count]
        else:
            photos = generate(Path(folder) / "photos", options.count, width, height)
        for model in options.models:
            method = hub.load(model)
            words = least_parameters(method) | {"workers": options.workers, "batch_size": options.batch_size}
            hub.run_folder(method, photos[:WARM_UP], Path(folder) / f"warm-up-{len(rows)}", **words)
            print(f"{label(model)}: {len(photos)} photos", file=sys.stderr)
            report = hub.run_folder(method, photos, Path(folder) / f"results-{len(rows)}", **words)
            work = sum(report.seconds[stage] for stage in STAGES)
            megapixels = sum(_pixels(path) for path in report.written) / 1e6  # results have their photos' sizes
            rows.append(
                {
                    "model": label(model),
                    "weights": method.weights_sha256,
                    "dtype": str(method.dtype).removeprefix("torch."),
                    "device": method.device.type,
                    "written": len(report.written),
                    "failed": len(report.failed),
                    "megapixels": megapixels,
                    "seconds": report.seconds,
                    "photos_a_second": len(report.written) / report.seconds["elapsed"],
                    "megapixels_a_second": megapixels / report.seconds["elapsed"],
                    "shares": {stage: report.seconds[stage] / work for stage in STAGES},
                }
            )
    return {
        "photos": "a folder of photos" if options.photos else f"generated, {width} x {height}, JPEG",
        "count": len(photos),
        "workers": options.workers,
        "batch_size": options.batch_size,
        "rows": rows,
    }


def generate(folder: Path, count: int, width: int, height: int) -> list[Path]:
    """``count`` JPEGs of one size, the window moving over the picture of the documents."""
    folder.mkdir()
    wide = photo(round(width * 1.5), round(height * 1.5))
    paths = []
    for number in range(count):
        along = number / max(1, count - 1)
        left, top = round(along * (wide.width - width)), round((1 - along) * (wide.height - height))
        paths.append(folder / f"{number:04}.jpg")
        wide.crop((left, top, left + width, top + height)).save(paths[-1], quality=90)
    return paths


def render(result: dict[str, Any]) -> str:
    """One line a model."""
    lines = [
        [
            f"`{row['model']}` {row['dtype']}, {row['device']}",
            f"{row['seconds']['elapsed']:.1f} s",
            f"{row['photos_a_second']:.2f}",
            f"{row['megapixels_a_second']:.2f}",
            *(f"{row['seconds'][stage]:.1f} s ({share:.0%})" for stage, share in row["shares"].items()),
            str(row["failed"]),
        ]
        for row in result["rows"]
    ]
    headings = ["model", "time", "photos/s", "megapixels/s", *result["rows"][0]["shares"], "failed"]
    return (
        f"{markdown(headings, lines)}\n\n"
        f"{result['count']} photos of {result['rows'][0]['megapixels']:.3g} megapixels in all ({result['photos']}), "
        f"from files to files. Stages overlap; in brackets the share of the work. {where(result)}"
    )


def _pixels(path: Path) -> int:
    with Image.open(path) as image:
        return image.width * image.height
