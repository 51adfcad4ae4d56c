"""Frames a second on a GPU in float16, and how near that comes to the least time the GPU could take.

    python -m benchmarks gpu --models cin-25styles

Frames lie on the GPU as float32 (1, 3, H, W) in [0, 1] and the results stay there. "Call" is `style(frame)`, checks and
all; "network" is the method's own work alone. How the floor is counted: benchmarks/floor.py.
"""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.material import add_models, label, least_parameters, photo
from benchmarks.numbers import amount, frame
from benchmarks.results import dtypes, markdown, where
from hub.errors import StylehubError

if TYPE_CHECKING:
    from benchmarks.floor import Rates
    from hub.method import Method

FRAMES = ((1024, 1024), (1920, 1080), (3840, 2160), (7680, 4320))
COUNTED = 64  # side of the square on which the network's work is counted


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    add_models(parser)
    parser.add_argument(
        "--frames",
        nargs="+",
        type=frame,
        default=FRAMES,
        metavar="WxH",
        help="from 1024x1024 to 7680x4320 when left out",
    )
    parser.add_argument("--seconds", type=amount, default=1.0, help="length of each of three timed streams of frames")
    # For checking this table's logic where there is no GPU.
    parser.add_argument("--device", default="cuda", help=argparse.SUPPRESS)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """A row for every model and frame size."""
    import torch

    import hub
    from benchmarks.floor import measured_rates

    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise StylehubError("This table needs a CUDA GPU, and torch finds none here, so nothing can be measured.")
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    small = {} if device.type == "cuda" else {"side": 256, "size": 1 << 20}
    rates = measured_rates(device, dtype, seconds=options.seconds, **small)
    rows, models = [], {}
    for model in options.models:
        method = hub.load(model, device=device, dtype=dtype)
        models[label(model)] = {"weights": method.weights_sha256, "dtype": str(dtype).removeprefix("torch.")}
        for width, height in options.frames:
            print(f"{label(model)}: {width} x {height}", file=sys.stderr)
            row = measure_frame(method, width, height, rates, options.seconds)
            rows.append({"model": label(model), "width": width, "height": height, **row})
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "operations_a_second": rates.operations,
        "bytes_a_second": rates.bytes,
        "models": models,
        "rows": rows,
    }


def measure_frame(method: "Method", width: int, height: int, rates: "Rates", seconds: float) -> dict[str, Any]:
    """Seconds of one frame and its floor; None for what the GPU has no memory for."""
    import torch

    from benchmarks.floor import cost, finisher
    from benchmarks.timing import seconds_a_call
    from hub.images import to_tensor

    words = least_parameters(method)
    values = method.resolve(method.Parameters(**words))
    on_cuda = method.device.type == "cuda"

    def network(content: torch.Tensor) -> torch.Tensor:
        return method.stylize(content, values, lambda _: None)

    finish = finisher(method.device)
    need = cost(network, to_tensor(photo(COUNTED, COUNTED)).to(method.device), method.dtype, height, width)
    row: dict[str, Any] = {
        "operations": need.operations,
        "bytes": need.bytes,
        "floor_s": need.floor(rates),
        "bound": need.bound(rates),
        "network_s": None,
        "call_s": None,
        "peak_bytes": None,
    }
    if on_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        pixels = to_tensor(photo(width, height)).to(method.device)
        with torch.inference_mode():
            row["network_s"] = seconds_a_call(lambda: network(pixels), finish, seconds)
        row["call_s"] = seconds_a_call(lambda: method(pixels, **words), finish, seconds)
    except torch.OutOfMemoryError:
        return row
    row["peak_bytes"] = torch.cuda.max_memory_allocated() if on_cuda else None
    return row


def render(result: dict[str, Any]) -> str:
    """One line a frame size."""
    lines = []
    for row in result["rows"]:
        seconds, call = row["network_s"], row["call_s"]
        lines.append(
            [
                f"`{row['model']}`",
                f"{row['width']} x {row['height']}",
                f"{1 / call:.1f}" if call else "out of memory",
                f"{1 / seconds:.1f}" if seconds else "out of memory",
                f"{row['floor_s'] * 1e3:.3g} ms",
                row["bound"],
                f"{row['floor_s'] / seconds:.0%}" if seconds else "",
                f"{row['peak_bytes'] / 1e9:.2f} GB" if row["peak_bytes"] else "",
            ]
        )
    headings = [
        "model",
        "frame",
        "frames/s, call",
        "frames/s, network",
        "floor",
        "bound by",
        "floor / network",
        "peak GPU memory",
    ]
    return (
        f"{markdown(headings, lines)}\n\n"
        f"{dtypes(result)}, channels last, frames and results on the device ({result['device']}). Floor: arithmetic at the "
        f"measured {result['operations_a_second'] / 1e12:.3g} TFLOP/s of a large matrix product, or the least traffic at "
        f"the measured {result['bytes_a_second'] / 1e9:.3g} GB/s of a large copy, whichever takes longer. {where(result)}"
    )
