"""A site without models: a slow method that can be stopped, killed and resumed, and workers that are real processes."""

import json
import multiprocessing
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from hub.errors import StylehubError
from hub.parameters import FilePath, Parameters, with_role
from hub.pictures import Pictures
from hub.progress import Progress
from space.jobs.request import Request
from space.site.settings import Settings

FORK = multiprocessing.get_context("fork")  # what is imported need not be imported again


class SlowParameters(Parameters):
    """Those of ``Slow``."""

    steps: int = 5
    pause: float = 0.0
    style: Pictures | None = None
    checkpoint: FilePath | None = with_role("checkpoint", None)


class Slow:
    """Inverts the photo in ``steps`` steps, and keeps a checkpoint after each. ``begun`` logs where each run began."""

    Parameters = SlowParameters

    def __init__(self, name: str) -> None:
        if name != "slow":
            raise StylehubError(f"There is no model {name}.")

    def __call__(self, photo: Image.Image, progress: Callable[[Progress], None], **parameters: Any) -> Image.Image:
        values = SlowParameters(**parameters)
        kept = values.checkpoint
        assert kept is not None
        first = json.loads(kept.read_text()) if kept.exists() else 0
        with (kept.parent / "begun").open("a") as log:
            log.write(f"{first}\n")
        for step in range(first + 1, values.steps + 1):
            time.sleep(values.pause)
            partial = kept.with_suffix(".new")
            partial.write_text(json.dumps(step))
            partial.replace(kept)
            progress(Progress(step, values.steps, {"loss": 1 / step}, photo))
        result = ImageOps.invert(photo.convert("RGB"))
        result.info["stylehub"] = {"model": "slow", "parameters": {"steps": values.steps}}
        return result


def settings(folder: Path, **values: Any) -> Settings:
    """Those of a site in ``folder``."""
    return Settings(data_dir=folder, **values)


def request(
    photo: Image.Image | None = None, model: str = "slow", name: str = "photo.jpg", **parameters: Any
) -> Request:
    """A small job."""
    return Request(model, parameters, name, photo or Image.new("RGB", (8, 6), (10, 20, 30)))


def serve(chosen: Settings) -> None:
    """What a worker's process does."""
    from space.jobs import keeper, progress
    from space.jobs.worker import Worker

    keeper.EVERY = progress.EVERY = 0.02
    Worker(chosen, Slow).serve()  # type: ignore[arg-type]


def started(chosen: Settings) -> Any:
    """A worker of its own process."""
    process = FORK.Process(target=serve, args=(chosen,), daemon=True)
    process.start()
    return process


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What ``true`` gives once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.01)
    raise AssertionError(f"it did not happen in {seconds} seconds")
