"""A small picture of every style, painted by the model from the example photo or from a visitor's own.

The pictures of the example are made at first use and cached by the sha256 of the weights, so that new weights get new pictures. They
are sent as data URIs, which need no server path, no second request, and cannot be rewritten by a proxy.
"""

import base64
import time
from collections import OrderedDict
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
from space.museums import MUSEUMS
from space.photo import DISPLAY, read_reduced
from space.values import draft_of

SIZE = (240, 160)
OWN = 256  # short side in pixels at which a visitor's own photo is painted for the wall
_PACE = 0.7  # seconds between two states of a wall that is being painted
_MOST = 2000  # pictures of visitors' photos in memory, some 10 kB each
_SWATCH = "swatch-"
_RECIPE = 2  # increase it when the pictures are made differently, so that old ones are not shown


Turn = Callable[[], AbstractContextManager[None]]


def styles(method: Method, turn: Turn = nullcontext, photo: str | None = None) -> list[dict[str, Any]]:
    """Name, title, artist, year and picture of every style of ``method``, for the page; see ``growing``."""
    *_, last = growing(method, turn, photo)
    return last


def growing(method: Method, turn: Turn = nullcontext, photo: str | None = None) -> Iterator[list[dict[str, Any]]]:
    """``styles`` again and again, about every second, until every picture is painted; at least once.

    What is not painted yet has an empty ``picture``. ``turn()`` is held for each painting. The pictures show the photo at
    the path ``photo``, and are kept in memory for other walls of it; or the example, whose pictures are kept on the disk.
    """
    folder = None if photo else _folder(method)
    found = [
        style.model_dump()
        | {"title": style.title or style.name, "added": style.name in method.added}
        | {"museum": () if style.name in method.added else MUSEUMS.get(style.name, ())}
        | {"picture": _data_uri(picture) if (picture := _kept(folder, method, photo, style.name)) else ""}
        for style in method.styles.values()
    ]
    content: Image.Image | None = None
    told = 0.0
    for shown in found:
        if shown["picture"]:
            continue
        if time.monotonic() - told > _PACE:
            told = time.monotonic()
            yield [dict(style) for style in found]
        content = content or (_own_photo(photo) if photo else _example_photo(method))
        with turn():
            picture = _kept(folder, method, photo, shown["name"])  # another wall may have painted it meanwhile
            painted = None if picture else method(content, style=shown["name"])
        if painted is None:
            shown["picture"] = _data_uri(picture or b"")
            continue
        image = ImageOps.fit(painted, SIZE, Image.Resampling.LANCZOS)
        picture = encode_image(image, "jpeg", quality=82)
        if photo:
            _OWN.keep(_key(method, photo, shown["name"]), picture)
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


class _Newest(OrderedDict[Any, bytes]):
    """What was kept last, by its key."""

    def keep(self, key: Any, value: bytes) -> None:
        """Keep ``value``, and forget the oldest where there are too many."""
        self[key] = value
        while len(self) > _MOST:
            self.popitem(last=False)


_OWN = _Newest()  # pictures of visitors' photos, by ``_key``


def _kept(folder: Path | None, method: Method, photo: str | None, style: str) -> bytes | None:
    return _OWN.get(_key(method, photo, style)) if photo else _cached(_path(folder, method, style))


def _key(method: Method, photo: str, style: str) -> tuple[Any, ...]:
    return method, photo, style, method.added.get(style)


def _own_photo(path: str) -> Image.Image:
    photo, _ = read_reduced(path, DISPLAY)
    return at_short_side(photo, min(*photo.size, OWN))


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
