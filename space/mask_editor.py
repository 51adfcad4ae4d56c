"""A picture to draw masks on with a brush."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
from PIL import Image

from space.photo import read_small, upload_of
from space.result import saved

SIDE = 480  # long side in pixels of what is drawn on


def build_mask_editor(label: str, colors: Sequence[str], height: int) -> gr.ImageEditor:
    """An editor with a brush in ``colors``; what a handler gets of it are the files of the strokes."""
    editor = gr.ImageEditor(
        type="filepath",
        sources=[],
        brush=gr.Brush(default_size=24, colors=[*colors], color_mode="fixed"),
        layers=False,
        transforms=[],
        buttons=[],
        height=height,
        label=label,
    )
    editor.preprocess = _strokes  # type: ignore[method-assign, assignment]  # Gradio's own would open any path it is told
    return editor


def read_for_editor(path: str) -> Image.Image:
    """The picture at ``path`` as RGB, at the size of an editor."""
    small = read_small(path)[0].convert("RGB")
    small.thumbnail((SIDE, SIDE))
    return small


def backdrop(picture: Image.Image) -> dict[str, Any]:
    """What an editor shows: ``picture``, nothing drawn on it yet."""
    file = saved(picture, "editor.png")
    return {"background": file, "layers": [], "composite": file}


def _strokes(payload: Any) -> list[str]:
    """The files of what was drawn; nothing else of this machine, whatever a caller of the API names."""
    layers = payload.layers if payload is not None else []
    return [path for layer in layers if (path := upload_of("drawing", layer)) is not None]
