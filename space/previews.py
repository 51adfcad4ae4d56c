"""A small picture of every style, painted by the model from the example photo or from a visitor's own.

The pictures of the example are made at first use and cached by the sha256 of the weights, so that new weights get new pictures. They
are sent as data URIs, which need no server path, no second request, and cannot be rewritten by a proxy.
"""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from hub.errors import ImageError
from hub.files import example_photo, user_cache
from hub.images import at_short_side, encode_image, read_image, save, write_image
from hub.method import Method
from hub.provenance import read_recipe
from space.values import draft_of

SIZE = (240, 160)
OWN = 256  # short side in pixels at which a visitor's own photo is painted for the wall
_PACE = 0.7  # seconds between two states of a wall that is being painted
_SWATCH = "swatch-"
_RECIPE = 2  # increase it when the pictures are made differently, so that old ones are not shown


Turn = Callable[[], AbstractContextManager[None]]


def styles(method: Method, turn: Turn = nullcontext, photo: Image.Image | None = None) -> list[dict[str, Any]]:
    """Name, title, artist, year and picture of every style of ``method``, for the page; see ``growing``."""
    *_, last = growing(method, turn, photo)
    return last


def growing(
    method: Method, turn: Turn = nullcontext, photo: Image.Image | None = None, pace: float = _PACE
) -> Iterator[list[dict[str, Any]]]:
    """``styles`` again and again, about every ``pace`` seconds, until every picture is painted; at least once.

    What is not painted yet has an empty ``picture``. ``turn()`` is held for each painting. The pictures show ``photo``,
    or the example, whose pictures are kept on the disk.
    """
    folder = None if photo else _folder(method)
    found = [
        style.model_dump()
        | {"title": style.title or style.name, "added": style.name in method.added}
        | {"picture": _data_uri(picture) if (picture := _cached(_path(folder, method, style.name))) else ""}
        for style in method.styles.values()
    ]
    content: Image.Image | None = photo and at_short_side(photo, min(*photo.size, OWN))
    told = 0.0
    for shown in found:
        if shown["picture"]:
            continue
        if time.monotonic() - told > pace:
            told = time.monotonic()
            yield [dict(style) for style in found]
        content = content or _example_photo(method)
        with turn():
            painted = method(content, style=shown["name"])
        image = ImageOps.fit(painted, SIZE, Image.Resampling.LANCZOS)
        picture = encode_image(image, "jpeg", quality=82)
        shown["picture"] = _data_uri(picture)
        if path := _path(folder, method, shown["name"]):
            with suppress(ImageError):  # a full or read-only disk only costs time at the next start
                write_image(image, path, overwrite=True, quality=82)
    yield found


def example(method: Method, turn: Turn = nullcontext) -> Image.Image:
    """The example photo as the page shows it first, with its metadata; painted once for a set of weights, then kept."""
    style = [name for name in method.styles if name not in method.added][-1]
    folder = _folder(method)
    path = folder / f"example-{style}.jpg" if folder else None
    with suppress(ImageError):
        if path and path.exists() and (recipe := read_recipe(path)):
            kept = read_image(path).image
            kept.info["stylehub"] = recipe
            return kept
    with turn():
        image = method(example_photo(), style=style)
    if path:
        with suppress(ImageError):
            save(image, path, overwrite=True, quality=92)
    return image


def swatch(method: Method, style: str, turn: Turn = nullcontext) -> str:
    """The strokes and colours of ``style`` alone, on soft light and dark, as a data URI; kept on the disk."""
    folder = _folder(method)
    path = _path(folder, method, f"{_SWATCH}{style}", style)
    if (data := _cached(path)) is None:
        noise = np.random.default_rng(3).uniform(0, 255, (2, 30, 45, 3)).astype(np.uint8)
        large, small = (
            Image.fromarray(part).resize((2 * SIZE[0], 2 * SIZE[1]), Image.Resampling.BICUBIC)
            for part in (noise[0, :5, :7], noise[1])
        )
        soft = Image.blend(large, small, 0.3)
        with turn():
            painted = method(soft, style=style)
        image = painted.resize(SIZE, Image.Resampling.LANCZOS)
        data = encode_image(image, "jpeg", quality=82)
        if path:
            with suppress(ImageError):
                write_image(image, path, overwrite=True, quality=82)
    return _data_uri(data)


def _folder(method: Method) -> Path | None:
    if method.weights_sha256 is None:
        return None
    return user_cache() / "previews" / f"{method.weights_sha256}-{SIZE[0]}x{SIZE[1]}-{_RECIPE}"


def _path(folder: Path | None, method: Method, name: str, style: str | None = None) -> Path | None:
    version = method.added.get(style or name, "")[:16]  # an added style can be learnt again under its name
    return folder / f"{name}{version and '-'}{version}.jpg" if folder else None


def _cached(path: Path | None) -> bytes | None:
    try:
        data = path.read_bytes() if path else b""
        return data if data and read_image(data).rgb.size == SIZE else None
    except (OSError, ImageError):
        return None


def _example_photo(method: Method) -> Image.Image:
    """The example at the size of a draft, so that the strokes are as large as in a large painting; or at ``SIZE``."""
    example = read_image(example_photo()).rgb
    draft = draft_of(method.entry)
    return at_short_side(example, draft) if draft else example.resize(SIZE, Image.Resampling.LANCZOS)


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
