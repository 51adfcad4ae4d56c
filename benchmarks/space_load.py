"""Many visitors at once: how the app answers, and whether its memory stays flat.

    python -m benchmarks.space_load --users 20 --seconds 60
    python -m benchmarks.space_load --users 1 --requests 200

Starts the app in a process of its own on this machine, lets users paint one small photo after another, and prints
answers, errors, waiting times and the memory of the app at the beginning, in the middle and at the end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file
from PIL import Image

from hub.registry import list_models
from space.photo import example


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", default=next(e.name for e in list_models("single") if "style-names" in e.method.inputs)
    )
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60, help="stop asking after this long")
    parser.add_argument("--requests", type=int, default=10**9, help="or after this many requests in all")
    parser.add_argument("--side", type=int, default=256, help="long side of the photo in pixels")
    options = parser.parse_args()
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
            address = app.stdout.readline().split()[3]
            up = time.perf_counter() - started
            print(json.dumps({"server_up_s": round(up, 1)} | _load(app.pid, address, options, Path(folder)), indent=2))
        finally:
            app.terminate()
            app.wait()


def _load(pid: int, address: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    slug = options.model.replace("-", "_")
    image = Image.open(example())
    image.thumbnail((options.side, options.side))
    photo = folder / "photo.png"
    image.save(photo)
    first = Client(address, verbose=False, download_files=False)
    style = first.predict(api_name=f"/{slug}_styles")[0]["name"]
    waits: list[float] = []
    memory = [_resident(pid)]
    errors: list[str] = []
    lock = threading.Lock()
    until = time.perf_counter() + options.seconds

    def user() -> None:
        client = Client(address, verbose=False, download_files=False)
        while time.perf_counter() < until:
            with lock:
                if len(waits) + len(errors) >= options.requests:
                    return
            asked = time.perf_counter()
            try:
                client.predict(photo=handle_file(str(photo)), style=style, api_name=f"/{slug}_single")
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
        "errors": errors[:5],
        "median_s": round(waits[len(waits) // 2], 3) if waits else None,
        "slowest_s": round(waits[-1], 3) if waits else None,
        "memory_mb": [round(memory[i * (len(memory) - 1) // 4] / 1e6) for i in range(5)],
    }


def _resident(pid: int) -> int:
    """Bytes of memory that process ``pid`` holds (Linux)."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
