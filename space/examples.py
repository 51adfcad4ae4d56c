"""The example photos: a strip of small pictures, each chooses its photo."""

import base64
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from hub.files import example_photo
from hub.images import encode_image, read_image
from space.temporary import temporary_folder

_HERE = Path(__file__).resolve().parent
_THUMB = (150, 100)


@dataclass(frozen=True)
class ExampleStrip:
    """The component; a choice in it becomes the value of the photo."""

    html: gr.HTML

    def connect(self, photo: gr.Image) -> None:
        """Let a choice fill ``photo``."""
        self.html.pick(
            upload, inputs=[self.html], outputs=[photo], queue=False, show_progress="hidden", api_visibility="private"
        )


def example_strip() -> ExampleStrip:
    """The strip with all example photos."""
    return ExampleStrip(
        gr.HTML(
            value=None,
            label="Example photos",
            html_template='<div class="examples" role="group" aria-label="Example photos"></div>',
            js_on_load=(_HERE / "examples.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            elem_classes=["examples-box"],
            photos=_thumbnails(),
        )
    )


def photos() -> dict[str, Path]:
    """The example photos by their names."""
    return {path.stem: path for path in sorted(example_photo().parent.glob("*.jpg"))}


def upload(name: str | None) -> str | None:
    """A copy of the example ``name`` in the upload folder, since Gradio serves no files of the installed package."""
    path = photos().get(name or "")
    return str(shutil.copy(path, temporary_folder())) if path else None


@lru_cache(maxsize=1)
def _thumbnails() -> list[dict[str, Any]]:
    found = []
    for name, path in photos().items():
        small = read_image(path).rgb
        small.thumbnail(_THUMB)
        data = base64.b64encode(encode_image(small, "jpeg", quality=80)).decode("ascii")
        found.append({"name": name, "picture": f"data:image/jpeg;base64,{data}"})
    return found
