"""Many visitors of the app at once: answers, errors, waiting times, and whether its memory stays flat.

    python -m benchmarks load --users 20 --seconds 60
    python -m benchmarks load --users 1 --requests 200

Starts the app in a process of its own on this machine (Linux) and lets users paint one small photo after another.
Needs stylehub[space].
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.numbers import amount, count
from benchmarks.results import markdown, where
from hub.errors import StylehubError
from hub.registry import list_models


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument(
        "--model", default=next(e.name for e in list_models("single") if "style-names" in e.method.inputs)
    )
    parser.add_argument("--users", type=count, default=20)
    parser.add_argument("--seconds", type=amount, default=60, help="stop asking after this long")
    parser.add_argument("--requests", type=count, default=10**9, help="or after this many requests in all")
    parser.add_argument("--side", type=count, default=256, help="long side of the photo in pixels")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Answers, waits and memory of one run."""
    try:
        gradio = import_module("gradio_client")
    except ModuleNotFoundError:
        raise StylehubError("The app needs Gradio: pip install 'stylehub[space]'.") from None
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        app = subprocess.Popen(
            [sys.executable, "-m", "space"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"GRADIO_TEMP_DIR": folder},
        )
        try:
            assert app.stdout is not None
            words = app.stdout.readline().split()
            if len(words) < 4:
                raise StylehubError("The app did not start; run `stylehub space` to see why.")
            address = words[3]
            up = time.perf_counter() - started
            return {
                "model": options.model,
                "users": options.users,
                "side": options.side,
                "server_up_s": round(up, 1),
                **_load(gradio, app.pid, address, options, Path(folder)),
            }
        finally:
            app.terminate()
            app.wait()


def render(result: dict[str, Any]) -> str:
    """One line a run."""
    waits = [f"{result[key]:.2f} s" if result[key] else "" for key in ("median_s", "slowest_s")]
    line = [
        f"`{result['model']}`",
        str(result["users"]),
        str(result["answers"]),
        str(result["errors"]),
        *waits,
        ", ".join(map(str, result["memory_mb"])),
    ]
    headings = ["model", "users", "answers", "errors", "median wait", "longest wait", "MB of the app, first to last"]
    return f"{markdown(headings, [line])}\n\nPhotos of {result['side']} pixels. {where(result)}"


def _load(gradio: Any, pid: int, address: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from hub.files import example_photo

    slug = options.model.replace("-", "_")
    image = Image.open(example_photo())
    image.thumbnail((options.side, options.side))
    photo = folder / "photo.png"
    image.save(photo)
    first = gradio.Client(address, verbose=False, download_files=False)
    style = first.predict(api_name=f"/{slug}_styles")[0]["name"]
    waits: list[float] = []
    memory = [_resident(pid)]
    errors: list[str] = []
    lock = threading.Lock()
    until = time.perf_counter() + options.seconds

    def user() -> None:
        client = gradio.Client(address, verbose=False, download_files=False)
        while time.perf_counter() < until:
            with lock:
                if len(waits) + len(errors) >= options.requests:
                    return
            asked = time.perf_counter()
            try:
                client.predict(photo=gradio.handle_file(str(photo)), style=style, api_name=f"/{slug}_single")
            except Exception as error:
                with lock:
                    errors.append(str(error))
                continue
            with lock:
                waits.append(time.perf_counter() - asked)
                memory.append(_resident(pid))

    users = [threading.Thread(target=user) for _ in range(options.users)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    waits.sort()
    return {
        "answers": len(waits),
        "errors": len(errors),
        "first_errors": errors[:5],
        "median_s": round(waits[len(waits) // 2], 3) if waits else None,
        "slowest_s": round(waits[-1], 3) if waits else None,
        "memory_mb": [round(memory[i * (len(memory) - 1) // 4] / 1e6) for i in range(5)],
    }


def _resident(pid: int) -> int:
    """Bytes of memory that process ``pid`` holds (Linux)."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
