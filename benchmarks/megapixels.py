"""Time and peak memory from 1 to 48 megapixels on the CPU, with each size of strokes, each in a process of its own.

    python -m benchmarks megapixels --models cin-25styles

Peak memory is all that the process held at most: Python, torch, the photo, the work, the result.
"""

import argparse
import math
import sys
import time
from itertools import product
from statistics import median
from typing import Any

from benchmarks.fresh import in_fresh_process, peak_memory
from benchmarks.material import add_models, label, least_parameters, photo
from benchmarks.numbers import amount, count
from benchmarks.results import dtypes, markdown, where

ASPECT = 3 / 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    add_models(parser)
    parser.add_argument("--megapixels", nargs="+", type=amount, default=[1, 2, 4, 8, 12, 24, 48], metavar="MP")
    parser.add_argument(
        "--strokes", nargs="+", default=["fine", "medium"], help="fine is one pass; default: fine medium"
    )
    parser.add_argument("--dtype", help="float32, bfloat16; the fastest that is right when left out")
    parser.add_argument("--repeats", type=count, default=3, help="counted calls, after a small one that warms up")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """A row for every model and size, and how far each lies from proportional to its pixels."""
    import torch

    rows: list[dict[str, Any]] = []
    models: dict[str, Any] = {}
    for model, stroke in product(options.models, options.strokes):
        own = []
        for megapixels in options.megapixels:
            width = round(math.sqrt(megapixels * 1e6 * ASPECT))
            height = round(megapixels * 1e6 / width)
            print(f"{label(model)}, {stroke}: {width} x {height}", file=sys.stderr)
            one = in_fresh_process(
                paint_one_size,
                model=model,
                stroke=stroke,
                width=width,
                height=height,
                dtype=options.dtype,
                repeats=options.repeats,
                threads=torch.get_num_threads(),
            )
            models[label(model)] = {"weights": one.pop("weights"), "dtype": one.pop("dtype")}
            size = {"megapixels": megapixels, "width": width, "height": height}
            own.append({"model": label(model), "stroke": stroke, **size, **one})
        for row in own:
            row["s_a_megapixel"] = median(row["seconds"]) / (row["width"] * row["height"] / 1e6)
        usual = median(row["s_a_megapixel"] for row in own)
        rows += [{**row, "deviation": row["s_a_megapixel"] / usual - 1} for row in own]
    return {"models": models, "repeats": options.repeats, "rows": rows}


def paint_one_size(
    model: str, stroke: str, width: int, height: int, dtype: str | None, repeats: int, threads: int
) -> dict[str, Any]:
    """What one size takes in this process."""
    import torch

    import hub

    torch.set_num_threads(threads)
    method = hub.load(model, device="cpu", dtype=dtype)
    parameters = least_parameters(method) | {"stroke": stroke}
    method(photo(64, 64), **parameters)
    picture = photo(width, height)
    before = peak_memory()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        method(picture, **parameters)
        seconds.append(time.perf_counter() - started)
    return {
        "weights": method.weights_sha256,
        "dtype": str(method.dtype).removeprefix("torch."),
        "seconds": seconds,
        "before_bytes": before,
        "peak_bytes": peak_memory(),
    }


def render(result: dict[str, Any]) -> str:
    """One line a size."""
    lines = [
        [
            f"`{row['model']}`",
            row.get("stroke", "fine"),  # older results know one pass only
            f"{row['megapixels']:g}",
            f"{row['width']} x {row['height']}",
            f"{median(row['seconds']):.2f} s",
            f"{row['s_a_megapixel']:.2f} s",
            f"{row['deviation']:+.0%}",
            f"{row['before_bytes'] / 1e9:.2f} GB",
            f"{row['peak_bytes'] / 1e9:.2f} GB",
        ]
        for row in result["rows"]
    ]
    headings = [
        "model",
        "stroke",
        "megapixels",
        "pixels",
        "time",
        "a megapixel",
        "off the line",
        "memory before",
        "peak memory",
    ]
    return (
        f"{markdown(headings, lines)}\n\n"
        f"Medians of {result['repeats']} calls, from a photo in memory to a picture in memory: {dtypes(result)}. Off the line: "
        "seconds a megapixel against the median of all sizes. Memory before: with the model loaded and the photo read. "
        f"{where(result)}"
    )
