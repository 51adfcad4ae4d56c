"""The photo: the control that takes it, the reader that refuses what is no picture, and the example."""

import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image

from hub.errors import ImageError
from hub.files import example_photo
from hub.images import read_image
from space.scratch import scratch

# What one visitor may ask of a shared machine; the command line and Python have no such limit.
MAX_PIXELS = 40_000_000
MAX_FILE_SIZE = "40mb"
_PREVIEW = 320  # long side in pixels while a control is being dragged


def photo_input(elem_id: str) -> gr.Image:
    """A photo by upload, webcam or paste; its value is the path of the file as the visitor sent it."""
    photo = gr.Image(
        type="filepath",
        label="Photo",
        show_label=False,
        sources=["upload", "webcam", "clipboard"],
        webcam_options=gr.WebcamOptions(mirror=False),
        buttons=["fullscreen"],
        height=300,
        elem_id=elem_id,
        elem_classes=["photo"],
        alt_text="The photo to paint",
        placeholder="Drop a photo here\n- or -\nClick to choose one",
    )
    # Gradio would open and convert the file first and answer a broken one with its own long message; our reader
    # knows more kinds of pictures and says in one sentence what is wrong.
    photo.preprocess = _path_of  # type: ignore[method-assign]
    photo.example_payload = _api_example  # type: ignore[method-assign]
    return photo


def read(path: str | None) -> Image.Image:
    """The photo at ``path``, RGB or RGBA. Raises ``ImageError`` with one sentence that names no path of the server."""
    if path is None:
        raise ImageError("Choose a photo first: upload one, take one, paste one, or use the example.")
    try:
        data = Path(path).read_bytes()
    except OSError:
        raise ImageError("The photo is no longer on the server; choose it again.") from None
    return read_image(data, max_pixels=MAX_PIXELS).image


def example_upload() -> str:
    """A copy of the example among the uploads: Gradio serves no file of wherever the package is installed."""
    return str(shutil.copy(example_photo(), scratch()))


@lru_cache(maxsize=32)
def read_small(path: str | None) -> tuple[Image.Image, tuple[int, int]]:
    """The photo reduced for previews, and its full size. Kept for a while: dragging asks for the same one again."""
    image = read(path)
    full = image.size
    image.thumbnail((_PREVIEW, _PREVIEW), Image.Resampling.LANCZOS)
    return image, full


def _api_example() -> dict[str, Any]:
    """What the API page shows as a photo; Gradio's own example is an address on the internet."""
    return {"path": "photo.jpg", "meta": {"_type": "gradio.FileData"}}


def _path_of(payload: Any) -> str | None:
    """The uploaded file; nothing else of this machine, whatever a caller of the API names."""
    if payload is None:
        return None
    if payload.path is None:
        raise gr.Error("The photo did not arrive; choose it again.", print_exception=False)
    path = Path(payload.path).resolve()
    if not (path.is_relative_to(Path(get_upload_folder()).resolve()) and path.is_file()):
        raise gr.Error("The photo was not uploaded here; upload it first.", print_exception=False)
    return str(payload.path)
