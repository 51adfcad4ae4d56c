"""An editor to draw masks on a picture."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
from PIL import Image

from space.photo import MaskInput, read_reduced
from space.result import saved

SIDE = 480  # long side in pixels of the picture in the editor


def build_mask_editor(label: Any, colors: Sequence[str], height: int) -> gr.ImageEditor:
    """An editor with a brush in ``colors``; a handler gets the files of the strokes."""
    return MaskInput(
        type="filepath",
        sources=[],
        brush=gr.Brush(default_size=24, colors=[*colors], color_mode="fixed"),
        layers=False,
        transforms=[],
        buttons=[],
        height=height,
        label=label,
    )


def read_for_editor(path: str) -> Image.Image:
    """The picture at ``path`` as RGB, at the size of the editor."""
    small = read_reduced(path)[0].convert("RGB")
    small.thumbnail((SIDE, SIDE))
    return small


def backdrop(picture: Image.Image) -> dict[str, Any]:
    """The editor's value: ``picture`` without strokes."""
    file = saved(picture, "editor.png")
    return {"background": file, "layers": [], "composite": file}
