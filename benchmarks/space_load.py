"""Many visitors of the site at once: answers, errors, how fairly they wait, whether memory stays flat, a full queue.

    python -m benchmarks load --users 50 --seconds 120 --model cin-25styles-lite --side 512
    python -m benchmarks load --users 80 --seconds 30 --looks 0       # more than may wait

Starts a site in a process of its own on this machine (Linux), and locust in another, whose visitors paint one small photo
after another (benchmarks/visitors.py). Needs stylehub[space,site] and locust.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.numbers import amount, count
from benchmarks.results import markdown, where
from benchmarks.serving import site
from hub.errors import StylehubError
from hub.registry import info, list_models


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument(
        "--model", default=next(e.name for e in list_models("single") if "style-names" in e.method.inputs)
    )
    parser.add_argument("--users", type=count, default=50)
    parser.add_argument("--seconds", type=amount, default=120, help="stop asking after this long")
    parser.add_argument("--side", type=count, default=512, help="long side of the photo in pixels")
    parser.add_argument("--looks", type=float, default=10.0, help="seconds for which a visitor looks at a picture")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Answers, waits and memory of one run."""
    for package in ("gradio", "huey", "locust"):
        if find_spec(package) is None:
            raise StylehubError(f"This table needs {package}: pip install 'stylehub[space,site]' locust.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, site(Path(name)) as started:
        found = _visit(started.pid, started.address, options, Path(name))
    asked = {name: getattr(options, name) for name in ("model", "users", "seconds", "side", "looks")}
    return {**asked, "server_up_s": round(started.up, 1), **found}


def render(result: dict[str, Any]) -> str:
    """One line a run."""
    waits = [f"{result[key]:.1f} s" if result[key] else "" for key in ("median_s", "most_s", "slowest_s")]
    fair = f"{result['luckiest_s']:.1f} to {result['unluckiest_s']:.1f} s" if result["answers"] else ""
    shares = f"{result['fewest']} to {result['most']}"
    full = f"{result['full']}, within {result['full_s']:.2f} s" if result["full"] else "0"
    numbers = [str(result[key]) for key in ("users", "answers", "errors")]
    memory = ", ".join(map(str, result["memory_mb"]))
    headings = ["visitors", "pictures", "errors", "median wait", "95 of 100 within", "longest wait"]
    headings += [
        "median of each visitor",
        "pictures of each visitor",
        "told that the queue is full",
        "MB of the web, first to last",
    ]
    return (
        f"{markdown(headings, [[*numbers, *waits, fair, shares, full, memory]])}\n\n"
        f"`{result['model']}`, photos of {result['side']} pixels, for {result['seconds']:g} s; each visitor looks at a "
        f"picture for {result['looks']:g} s on average. The server was up in {result['server_up_s']} s. {where(result)}"
    )


def _visit(pid: int, address: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Let locust's visitors come, for a bounded time."""
    from hub.files import example_photo
    from hub.loading import load

    image = Image.open(example_photo())
    image.thumbnail((options.side, options.side))
    image.save(folder / "photo.jpg")
    asked = {
        "pid": pid,
        "photo": str(folder / "photo.jpg"),
        "out": str(folder / "found.json"),
        "endpoint": f"/{info(options.model).slug}_single",
        "values": {"style": next(iter(load(options.model).styles))},
        "looks": [0.5 * options.looks, 1.5 * options.looks],
    }
    words = [
        "-f",
        str(Path(__file__).with_name("visitors.py")),
        "--headless",
        "--only-summary",
        "--host",
        address.rstrip("/"),
    ]
    words += ["-u", str(options.users), "-r", str(max(1, options.users // 5)), "-t", f"{options.seconds:g}s"]
    words += ["--stop-timeout", "60", "--exit-code-on-error", "0"]
    subprocess.run(
        [sys.executable, "-m", "locust", *words],
        env=os.environ | {"LOAD": json.dumps(asked)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=options.seconds + 180,
        check=True,
    )
    found = json.loads((folder / "found.json").read_text())
    waits = sorted(wait for own in found["waits"].values() for wait in own)
    each = sorted(_middle(sorted(own)) for own in found["waits"].values())
    counts = sorted(len(own) for own in found["waits"].values())
    memory = found["memory"]
    return {
        "answers": len(waits),
        "errors": len(found["errors"]),
        "first_errors": found["errors"][:5],
        "median_s": _middle(waits),
        "most_s": waits[len(waits) * 95 // 100] if waits else 0.0,
        "slowest_s": waits[-1] if waits else 0.0,
        "luckiest_s": each[0] if each else 0.0,
        "unluckiest_s": each[-1] if each else 0.0,
        "fewest": counts[0] if len(counts) == options.users else 0,
        "most": counts[-1] if counts else 0,
        "full": len(found["full"]),
        "full_s": max(found["full"], default=0.0),
        "memory_mb": [round(memory[i * (len(memory) - 1) // 4] / 1e6) for i in range(5)],
    }


def _middle(numbers: list[float]) -> float:
    return numbers[len(numbers) // 2] if numbers else 0.0
