"""The input for a photo or painting: its control, its reader and the answer to a photo that arrives."""

from abc import ABCMeta
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image

from hub.errors import ImageError, StylehubError
from hub.images import at_short_side, read_image, read_size, write_image
from hub.images.opening import opened
from hub.images.reading import decoded, upright
from space.temporary import temporary_folder
from space.words import said, word

# Limits for a visitor on a shared machine; the command line and Python do not have them.
MAX_PIXELS = 40_000_000
MAX_MB = 40  # of one picture
_REDUCIBLE = 120_000_000  # a larger photo is refused, since reading it takes much memory
DISPLAY = 1280  # long side in pixels on the page; the download has the photo's size
SMALL = 320  # long side in pixels where a glimpse is enough
_TURNED = (Image.Transpose.TRANSPOSE, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)


class _OfOurs(type(gr.Image)):  # type: ignore[misc]
    """The class of our components: Gradio's own would write a ``.pyi`` file beside this module."""

    def __new__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> Any:
        return ABCMeta.__new__(cls, name, bases, members)


class PhotoInput(gr.Image, metaclass=_OfOurs):
    """Takes uploaded files alone. A class, not a patched object: Gradio builds components anew at updates.

    Gradio would convert the file first and answer a broken one with a long message; our reader knows more formats and
    gives one sentence.
    """

    is_template = True  # in the browser it is Gradio's Image

    def preprocess(self, payload: Any) -> Any:
        """The path of the uploaded file. Raises ``gr.Error`` for any other path."""
        return upload_of(str(self.label).lower(), payload)

    def example_payload(self) -> Any:
        """The example on the API page; Gradio's own is an internet address."""
        return {"path": f"{str(self.label).lower()}.jpg", "meta": {"_type": "gradio.FileData"}}


class MaskInput(gr.ImageEditor, metaclass=_OfOurs):
    """Its value is the files of the strokes, and uploaded files alone."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        """The paths of the strokes. Raises ``gr.Error`` for a path that is no upload."""
        layers = payload.layers if payload is not None else []
        return [path for layer in layers if (path := upload_of("drawing", layer)) is not None]


def photo_input(elem_id: str | None = None, title: str = "Photo", height: int = 300) -> gr.Image:
    """An input for a photo by upload, webcam or paste; its value is the path of the uploaded file.

    ``title``: a short name for the picture.
    """
    what = title.lower()
    return PhotoInput(
        type="filepath",
        label=title,
        show_label=False,
        sources=["upload", "webcam", "clipboard"],
        webcam_options=gr.WebcamOptions(mirror=False),
        buttons=["fullscreen"],
        height=height,
        elem_id=elem_id,
        elem_classes=["photo"],
        alt_text="The photo to paint" if what == "photo" else f"The {what}",
        placeholder=word("choose photo") if what == "photo" else f"Choose {_an(what)}",
    )


def _an(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def read(path: str | None, what: str = "photo") -> Image.Image:
    """The picture at ``path``, RGB or RGBA. Raises ``ImageError`` with one sentence without a path of the server."""
    return read_image(_file(path, what), max_pixels=MAX_PIXELS).image


def _file(path: str | None, what: str = "photo") -> bytes:
    if path is None:
        raise ImageError(f"Choose {_an(what)} first: upload, take or paste one, or use the example.")
    try:
        return Path(path).read_bytes()
    except OSError:
        raise ImageError(f"The {what} is no longer on the server; choose it again.") from None


def read_reduced(path: str | None, side: int = SMALL) -> tuple[Image.Image, tuple[int, int]]:
    """The photo with a long side of at most ``side`` pixels, up to ``DISPLAY``, and its full size."""
    image, full = _on_screen(path)
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image, full


def read_draft(path: str | None, short: int) -> tuple[Image.Image, tuple[int, int]]:
    """The photo with a short side of ``short`` pixels at the most, and its full size."""
    image, full = _on_screen(path)
    if min(image.size) < min(short, *full):  # a panorama, or a draft that is larger than a screen
        image = read(path)
    return (at_short_side(image, short) if min(image.size) > short else image), full


def _on_screen(path: str | None) -> tuple[Image.Image, tuple[int, int]]:
    image, full = _screen(path)
    return image.copy(), full


@lru_cache(maxsize=16)
def _screen(path: str | None) -> tuple[Image.Image, tuple[int, int]]:
    """The photo as the page shows it, and its full size: read once, since all but the full size is made from it.

    A JPEG of twice the size or more is decoded at a half, a quarter or an eighth, which takes less time and memory.
    """
    with opened(_file(path), max_pixels=MAX_PIXELS) as (image, name):
        full = image.size
        scale = min(1.0, DISPLAY / max(full))
        if scale < 1:
            image.draft(None, (round(full[0] * scale), round(full[1] * scale)))  # only a JPEG's file can do it
        turned = upright(image) in _TURNED
        small = decoded(image, name).image
    small.thumbnail((DISPLAY, DISPLAY), Image.Resampling.LANCZOS)
    return small, (full[1], full[0]) if turned else full


def upload_of(what: str, payload: Any) -> str | None:
    """The uploaded file; never another file of this machine, whatever path an API call gives."""
    if payload is None:
        return None
    if payload.path is None:
        raise gr.Error(f"The {what} did not arrive; choose it again.", print_exception=False)
    path = Path(payload.path).resolve()
    if not (path.is_relative_to(Path(get_upload_folder()).resolve()) and path.is_file()):
        raise gr.Error(f"The {what} was not uploaded; upload it first.", print_exception=False)
    if path.stat().st_size > MAX_MB * 1_000_000:  # a site lets larger files in, for zips
        raise gr.Error(f"The {what} has more than {MAX_MB} MB; make it smaller first.", print_exception=False)
    return str(payload.path)


def accept(path: str | None, request: gr.Request | None = None) -> tuple[Any, str]:
    """A photo that has just arrived, and what is to be said: it is refused, or reduced if it is too large."""
    if path is None:
        return None, ""
    try:
        data = _file(path)
        width, height = read_size(data)
        if width * height <= MAX_PIXELS:
            _screen(path)  # the page asks for it next
            return path, ""
        photo = read_image(data, max_pixels=_REDUCIBLE).image
    except StylehubError as error:
        return None, str(error)
    pixels = photo.width * photo.height
    scale = (MAX_PIXELS / pixels) ** 0.5
    smaller = photo.resize((int(photo.width * scale), int(photo.height * scale)), Image.Resampling.LANCZOS)
    target = temporary_folder() / f"{Path(path).stem}.jpg"
    write_image(smaller, target, quality=95)
    return str(target), said(request, "reduced", round(pixels / 1e6), round(MAX_PIXELS / 1e6))
