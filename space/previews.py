"""A small picture of every style, painted by the model from the example photo.

The pictures are made at first use and cached by the sha256 of the weights, so that new weights get new pictures. They
are sent as data URIs, which need no server path, no second request, and cannot be rewritten by a proxy.
"""

import base64
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from PIL import Image

from hub.errors import ImageError
from hub.files import example_photo, user_cache
from hub.images import at_short_side, encode_image, read_image, read_recipe, save, write_image
from hub.method import Method
from hub.revision import draft_of

SIZE = (240, 160)
_RECIPE = 2  # increase it when the pictures are made differently, so that old ones are not shown


def styles(
    method: Method,
    progress: Callable[[int, int], None] = lambda done, of: None,
    turn: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> list[dict[str, Any]]:
    """Name, title, artist, year and picture of every style of ``method``, for the page.

    What is not there yet is painted; ``turn()`` is held for each painting.
    """
    folder = _folder(method)
    photo: Image.Image | None = None
    found = []
    for done, style in enumerate(method.styles.values()):
        progress(done, len(method.styles))
        version = method.added.get(style.name, "")[:16]  # an added style can be learnt again under its name
        path = folder / f"{style.name}{version and '-'}{version}.jpg" if folder else None
        picture = _cached(path) if path else None
        if picture is None:
            photo = photo or _example_photo(method)
            with turn():
                painted = method(photo, style=style.name)
            image = painted.resize(SIZE, Image.Resampling.LANCZOS)
            picture = encode_image(image, "jpeg", quality=82)
            if path:
                with suppress(ImageError):  # a full or read-only disk only costs time at the next start
                    write_image(image, path, overwrite=True, quality=82)
        shown = {"title": style.title or style.name, "picture": _data_uri(picture), "added": style.name in method.added}
        found.append(style.model_dump() | shown)
    return found


def example(method: Method, turn: Callable[[], AbstractContextManager[None]] = nullcontext) -> Image.Image:
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


def _folder(method: Method) -> Path | None:
    if method.weights_sha256 is None:
        return None
    return user_cache() / "previews" / f"{method.weights_sha256}-{SIZE[0]}x{SIZE[1]}-{_RECIPE}"


def _cached(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
        return data if read_image(data).rgb.size == SIZE else None
    except (OSError, ImageError):
        return None


def _example_photo(method: Method) -> Image.Image:
    """The example at the size of a draft, so that the strokes are as large as in a large painting; or at ``SIZE``."""
    example = read_image(example_photo()).rgb
    draft = draft_of(method.Parameters)
    return at_short_side(example, draft) if draft else example.resize(SIZE, Image.Resampling.LANCZOS)


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
