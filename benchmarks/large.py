"""A photo of 12 megapixels on the page: its first picture, full size, and what another visitor waits for meanwhile. Linux.

    python -m benchmarks large --rounds 3 --models cin-25styles,cin-25styles-lite

Starts the app anew for each model, opens it in chromium and uploads the photo as a visitor does. While the full size is
made for the download, a second visitor opens the page. Beside each time stand the processor's seconds of the app, which
other work on the machine changes least. Needs stylehub[space], playwright and chromium.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.numbers import count, frame
from benchmarks.results import markdown, where
from benchmarks.serving import browser, chromium, site
from hub.errors import StylehubError
from hub.registry import list_models

# Notes when the painting was exchanged, from the choice of the photo on.
_WATCH = """() => {
    window.changes = [];
    let last = [...document.querySelectorAll('.result img')].pop().src;
    const began = performance.now();
    const look = () => {
        const image = [...document.querySelectorAll('.result img')].pop();
        if (image && image.src !== last && image.complete && image.naturalWidth) {
            last = image.src;
            window.changes.push((performance.now() - began) / 1000);
        }
    };
    window.looking = setInterval(look, 20);
}"""
_WALL = """() => {
    const tiles = [...document.querySelectorAll('.wall button img')].filter(i => i.offsetParent);
    return tiles.length > 20 && tiles.every(i => i.src && i.complete && i.naturalWidth);
}"""
_NEW_WALL = """old => {
    const tiles = [...document.querySelectorAll('.wall button img')].filter(i => i.offsetParent);
    return tiles.every(i => i.src && i.complete && i.naturalWidth) && tiles[0].src !== old;
}"""
_ANY_WALL = """() => {
    const tiles = [...document.querySelectorAll('#first .styles img, .wall img')].slice(0, 25);
    return tiles.length > 20 && tiles.every(i => i.src && i.complete && i.naturalWidth);
}"""
# What is counted, and its words in the table.
_TIMES = {
    "first": "the first picture of one's own photo, after the upload",
    "screen": "the picture at the size of a screen",
    "wall": "one's own photo in all styles",
    "whole": "the full size, its file, after Download",
    "other": "meanwhile another opens the page: the wall is complete",
    "ready": "and Gradio's page has taken its place",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--models", default="cin-25styles,cin-25styles-lite", help="of the task for famous paintings")
    parser.add_argument("--size", type=frame, default=(4000, 3000), help="of the photo, as 4000x3000")
    parser.add_argument("--rounds", type=count, default=3, help="visits for each model")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each visit, and the seconds of the processor that the app has used."""
    path = chromium()
    names = options.models.split(",")
    known = {entry.name for entry in list_models("single")}
    if unknown := [name for name in names if name not in known]:
        raise StylehubError(f"No model for famous paintings is {unknown[0]!r}; there are {', '.join(sorted(known))}.")
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        photo = _photo(folder / "photo.jpg", options.size)
        for model in names:
            with site(folder) as started:
                found[model] = [_visit(path, started.address, started.pid, model, photo) for _ in range(options.rounds)]
        size = photo.stat().st_size
    return {"size": list(options.size), "bytes": size, "models": found}


def render(result: dict[str, Any]) -> str:
    """A column for each model: the median time, and in brackets the processor's seconds."""
    rows = []
    for key, text in _TIMES.items():
        cells = []
        for rounds in result["models"].values():
            cpu = f" ({median(r['cpu_' + key] for r in rounds):.1f} s)" if f"cpu_{key}" in rounds[0] else ""
            cells.append(f"{median(r[key] for r in rounds):.1f} s{cpu}")
        rows.append([text, *cells])
    width, height = result["size"]
    heads = ["until", *(f"`{name}`" for name in result["models"])]
    return (
        f"{markdown(heads, rows)}\n\nA JPEG of {width} x {height} pixels, {result['bytes'] / 1e6:.1f} MB, in chromium on the "
        f"same machine; medians of {len(next(iter(result['models'].values())))} visits. In brackets the processor's seconds "
        f"of the app. {where(result)}"
    )


def _photo(path: Path, size: tuple[int, int]) -> Path:
    """The example photo at ``size``, with the noise of a camera, so that the file is as long as one of a camera."""
    from hub.files import example_photo

    pixels = np.asarray(Image.open(example_photo()).convert("RGB").resize(size, Image.Resampling.LANCZOS), np.int16)
    noise = np.random.default_rng(0).normal(0, 4, pixels.shape).astype(np.int16)
    Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return path


def _open(browser: Any, address: str, model: str) -> Any:
    page = browser.new_context(accept_downloads=True, viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{address}?task=single&model={model}&style=hokusai-great-wave")
    return page


def _visit(path: str, address: str, pid: int, model: str, photo: Path) -> dict[str, float]:
    from tools.browser import at_rest, painted

    found: dict[str, float] = {}
    with browser(path) as started:
        page = _open(started, address, model)
        painted(page, [])
        page.wait_for_function(
            "() => document.querySelector('.wall [aria-pressed=true]')?.dataset.name.includes('wave')"
        )
        page.wait_for_function(_WALL)
        page.wait_for_timeout(2000)
        at_rest(page)
        old = page.evaluate("document.querySelector('.wall button img').src")

        began, cpu = time.perf_counter(), _processor(pid)
        page.evaluate(_WATCH)
        page.locator("#photo input[type=file]").first.set_input_files(photo)
        page.wait_for_function("() => window.changes.length", polling=20)
        found["cpu_first"] = _processor(pid) - cpu
        at_rest(page)
        page.wait_for_function(_NEW_WALL, arg=old, polling=20)
        found["wall"], found["cpu_wall"] = time.perf_counter() - began, _processor(pid) - cpu
        at_rest(page)
        page.wait_for_timeout(3000)
        changes = page.evaluate("clearInterval(looking), changes")
        found["first"], found["screen"] = changes[0], changes[-1]

        began, cpu = time.perf_counter(), _processor(pid)
        with page.expect_download() as file:
            page.get_by_role("button", name="Download", exact=True).click()
            page.wait_for_timeout(300)
            other = started.new_context(viewport={"width": 1280, "height": 900}).new_page()
            other.set_default_timeout(90_000)
            asked = time.perf_counter()
            other.goto(address, wait_until="commit")
            other.wait_for_function(_ANY_WALL, polling=20)
            found["other"] = time.perf_counter() - asked
            other.wait_for_function("() => !document.querySelector('#first')", polling=20)
            found["ready"] = time.perf_counter() - asked
        file.value.path()
        found["whole"], found["cpu_whole"] = time.perf_counter() - began, _processor(pid) - cpu
    return found


def _processor(pid: int) -> float:
    """Seconds of the processor that ``pid`` has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
