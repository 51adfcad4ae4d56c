"""How soon a site is there: up, seen in a browser, and a page of a large gallery. Linux.

    python -m benchmarks arrival --starts 3 --pictures 1000

Starts the site anew for each round, asks for its page until it answers, and lets chromium open it at once. The gallery is
asked as programs do, over HTTP, and as a visitor opens it. Needs stylehub[space,site], playwright and chromium.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from benchmarks.numbers import count
from benchmarks.results import markdown, where
from benchmarks.serving import browser, chromium, site
from hub.errors import StylehubError
from hub.registry import list_models

_SIDE = 512  # long side of the shared pictures in pixels
_SEEN = """() => {
    const picture = document.querySelector('#first img, .result img');
    return picture && picture.complete && picture.naturalWidth ? performance.now() / 1000 : null;
}"""
_WALL = """() => {
    const tiles = [...document.querySelectorAll('#first .styles img, .wall img')].slice(0, 25);
    return tiles.length > 20 && tiles.every(i => i.complete && i.naturalWidth) ? performance.now() / 1000 : null;
}"""
_DIVIDED = """() => {
    const divider = document.querySelector('#first input');
    return divider || document.querySelector('.result [role=slider]') ? performance.now() / 1000 : null;
}"""
_READY = """() => {
    const shown = [...document.querySelectorAll('.result img')].filter(i => i.complete && i.naturalWidth);
    const there = shown.length > 1 && !document.querySelector('#first') && document.querySelector('.wall button');
    return there ? performance.now() / 1000 : null;
}"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--starts", type=count, default=3, help="how often the site is started")
    parser.add_argument("--pictures", type=count, default=1000, help="pictures in the gallery")
    parser.add_argument("--pages", type=count, default=20, help="pages of the gallery that are asked for")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each start, of each first picture, and of each page of the gallery."""
    path = chromium()
    from space.gallery.store import PAGE

    found: dict[str, list[float]] = {
        name: [] for name in ("up_s", "paint_s", "picture_s", "divider_s", "wall_s", "ready_s")
    }
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _fill_gallery(folder / "site", options.pictures)
        for _ in range(options.starts):
            with site(folder) as started:
                found["up_s"].append(started.up)
                for key, seconds in _opened(path, started.address).items():
                    found[key].append(seconds)
        with site(folder) as started:
            pages = _asked(started.address, options.pages, options.pictures)
            shown = _browsed(path, started.address)
    asked = {name: getattr(options, name) for name in ("starts", "pictures", "pages")}
    return {**asked, **found, "page": PAGE, "page_s": pages, "browser_page_s": shown}


def render(result: dict[str, Any]) -> str:
    """One line for each question: the median and the slowest."""
    names = {
        "up_s": "the site answers, after its start",
        "paint_s": "the first paint in chromium, opened at once",
        "picture_s": "the example and its painting are seen",
        "divider_s": "the divider answers",
        "wall_s": "the wall of all styles is complete, and one can be chosen",
        "ready_s": "Gradio's page has taken its place",
        "page_s": f"a page of a gallery of {result['pictures']:,}, over HTTP",
        "browser_page_s": f"the gallery opened in chromium, {result.get('page', 24)} pictures seen",
    }
    rows = [
        [text, f"{median(result[key]):.2f} s", f"{max(result[key]):.2f} s", str(len(result[key]))]
        for key, text in names.items()
        if key in result
    ]
    return f"{markdown(['until', 'median', 'slowest', 'times'], rows)}\n\n{where(result)}"


def _fill_gallery(folder: Path, pictures: int) -> None:
    """Share ``pictures`` pictures of all styles of some models, by the code that shares a visitor's."""
    from hub.files import example_photo
    from hub.images import encode_image
    from hub.loading import load
    from space.site.place import Place
    from space.site.settings import gather

    gallery = Place(gather({"data_dir": folder, "gallery": True})).gallery
    assert gallery is not None
    names = [entry.name for entry in list_models("single") if "style-names" in entry.method.inputs]
    made = [(name, style) for name in names for style in load(name).styles]
    photo = Image.open(example_photo())
    photo.thumbnail((_SIDE, _SIDE))
    path = folder / "result.png"
    for number in range(pictures):
        name, style = made[number % len(made)]
        path.write_bytes(encode_image(photo, "png", recipe={"model": name, "parameters": {"style": style}}))
        gallery.share(path, "another's")


@contextmanager
def _page(path: str) -> Iterator[Any]:
    with browser(path) as started:
        page = started.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        yield page


def _opened(path: str, address: str) -> dict[str, float]:
    """Seconds from asking for the page to what is seen of it."""
    with _page(path) as page:
        page.goto(address, wait_until="commit")
        seen = page.wait_for_function(_SEEN, polling=20).json_value()
        divider = page.wait_for_function(_DIVIDED, polling=20).json_value()
        wall = page.wait_for_function(_WALL, polling=20).json_value()
        ready = page.wait_for_function(_READY, polling=20).json_value()
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    return {"paint_s": paint, "picture_s": seen, "divider_s": divider, "wall_s": wall, "ready_s": ready}


def _asked(address: str, pages: int, pictures: int) -> list[float]:
    """Seconds of each call of the endpoint ``gallery``, for pages from the first to the last one."""
    import httpx

    from space.gallery.store import PAGE

    last, seconds = max(1, -(-pictures // PAGE)), []
    call = f"{address}gradio_api/call/gallery"
    with httpx.Client(timeout=60) as client:
        for number in range(-1, pages):  # the first one is not counted
            page = 1 + max(0, number) * (last - 1) // max(1, pages - 1)
            began = time.perf_counter()
            event = client.post(call, json={"data": ["", "", page]}).json()["event_id"]
            answer = client.get(f"{call}/{event}").text
            if number >= 0:
                seconds.append(time.perf_counter() - began)
            found = json.loads(answer.split("data: ", 1)[1].splitlines()[0])
            if found[0]["total"] != pictures:
                raise StylehubError(f"The gallery says {found[0]['total']} pictures, not {pictures}.")
    return seconds


def _browsed(path: str, address: str, times: int = 5) -> list[float]:
    """Seconds from opening the gallery on the page to all of its pictures."""
    from space.gallery.store import PAGE

    seen = f"() => document.querySelectorAll('.shared img').length === {PAGE} && " \
        "[...document.querySelectorAll('.shared img')].every(i => i.complete && i.naturalWidth)"  # fmt: skip
    seconds = []
    with _page(path) as page:
        for _ in range(times):
            page.goto(address)
            page.wait_for_function(_READY)
            page.wait_for_timeout(1000)
            began = time.perf_counter()
            page.locator(".shared > .label-wrap").click()
            page.wait_for_function(seen, polling=20)
            seconds.append(time.perf_counter() - began)
    return seconds
