"""The tab for depth: the depth map beside the result, a layer by a click, a mask by a brush."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image, ImageChops

from hub.errors import ImageError
from hub.images import read_image
from hub.registry import Entry
from space.errors import one_sentence
from space.handlers import Handlers
from space.mask_editor import backdrop, build_mask_editor, read_for_editor
from space.panel import ACCELERATOR, Panel, build_panel, connect, finish
from space.result import saved


def build_depth(handlers: Handlers, entry: Entry, api_name: str) -> Panel:
    """One model's panel with its maps, which follow the photo and the controls before painting."""
    panel = build_panel(handlers, entry, "depth", None, api_name)
    photo, where, layer, given = (panel.inputs[name] for name in ("photo", "where", "layer", "map"))
    with panel.beside, gr.Row(elem_classes=["maps"]):
        depth, strength = (
            _map_with(caption)
            for caption in ("Depth, white is far: click on it to paint one layer", "Strength, white is painted")
        )

    def chosen(event: Any) -> None:
        """After a click on the map or a painted mask: show the maps, and paint."""
        show(event.success, api_visibility="private")
        connect(panel, event.success, handlers.paint(entry, "depth", quiet=True), api_visibility="private")

    def show(listen: Callable[..., Any], **options: Any) -> None:
        listen(
            handlers.maps(entry),
            inputs_kwargs=panel.inputs,
            outputs=[depth, strength],
            show_progress="hidden",
            concurrency_id=ACCELERATOR,
            concurrency_limit=1,
            trigger_mode="always_last",
            **options,
        )

    show(partial(gr.on, [photo.change, *panel.place]), api_name=f"{entry.slug}_maps")
    chosen(depth.select(one_sentence(_layer), inputs=[depth], outputs=[where, layer], api_visibility="private"))

    with panel.below, gr.Accordion("Paint a mask", open=False):
        editor = build_mask_editor("The style will apply where you paint", ["#ff3b30"], 380)
        use = gr.Button("Use this mask", size="sm")
    photo.change(
        one_sentence(_board), inputs=[photo], outputs=[editor], show_progress="hidden", api_visibility="private"
    )
    chosen(use.click(one_sentence(_mask), inputs=[editor], outputs=[given, where], api_visibility="private"))
    finish(handlers, panel)
    return panel


def _map_with(caption: str) -> gr.Image:
    with gr.Column(min_width=200):
        picture = gr.Image(
            type="filepath", format="png", interactive=False, label=caption, show_label=False, buttons=[], height=200
        )
        gr.Markdown(caption, elem_classes=["about"])
    return picture


def _layer(path: str | None, place: gr.SelectData) -> Any:
    """The depth at the clicked point."""
    if path is None:
        return gr.skip()
    x, y = place.index
    depth = read_image(Path(path)).rgb.getpixel((int(x), int(y)))[0]  # type: ignore[index]
    return "layer", round(depth / 255, 2)


def _board(path: str | None) -> Any:
    """A small copy of the photo to draw on."""
    return None if path is None else backdrop(read_for_editor(path))


def _mask(layers: list[str]) -> tuple[str, str]:
    """The drawing as a black and white mask, and the value of ``where``."""
    drawn: Image.Image | None = None
    for path in layers:
        alpha = read_image(Path(path)).alpha
        if alpha is not None:
            drawn = alpha if drawn is None else ImageChops.lighter(drawn, alpha.resize(drawn.size))
    if drawn is None or drawn.getbbox() is None:
        raise ImageError("Nothing is painted yet: draw on the picture where the style should apply.")
    return saved(drawn, "mask.png"), "mask"
