"""The tab for depth: the depth map beside the result, a layer by a click, a mask by a brush."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image, ImageChops

from hub.errors import ImageError
from hub.files import example_photo
from hub.images import read_image
from hub.registry import Entry
from hub.spatial import SpatialParameters
from space.endpoint import with_names
from space.errors import one_sentence, said_on_the_page
from space.handlers import Handlers
from space.mask_editor import backdrop, build_mask_editor, read_for_editor
from space.page import SHORT, Page, build_notice
from space.panel import Panel, build_panel, connect, fill, when_shown
from space.photo import read_reduced
from space.result import saved
from space.values import api_names, needs_map, split
from space.words import word


def build_depth(handlers: Handlers, page: Page, entry: Entry, api_name: str) -> Panel:
    """One model's panel with its maps, which follow the photo and the controls before painting."""
    panel = build_panel(handlers, page, entry, "depth", None, api_name)
    photo, where, layer, given = (panel.inputs[name] for name in ("photo", "where", "layer", "map"))
    with panel.maps:
        depth, strength = (
            _map_with(name, caption)
            for name, caption in (("Depth", word("depth map")), ("Strength", word("strength map")))
        )

    def chosen(event: Any) -> None:
        """After a click on the map or a painted mask: show the maps, and paint."""
        show(event.success)
        connect(handlers, panel, event.success, "depth")

    with panel.below:
        notice = build_notice()

    def show(listen: Callable[..., Any], **options: Any) -> None:
        listen(
            said_on_the_page(_maps_and_nothing_to_say(handlers, entry), 3),
            inputs_kwargs=panel.inputs,
            outputs=[depth, strength, notice],
            show_progress="hidden",
            concurrency_id=SHORT,
            trigger_mode="always_last",
            api_visibility="private",
            **options,
        )

    # The endpoint answers with the maps alone, and with an error as an error.
    gr.Button(visible=False).click(
        one_sentence(maps_of(handlers, entry)),
        inputs_kwargs=panel.inputs,
        outputs=[depth, strength],
        concurrency_id=SHORT,
        api_name=f"{entry.slug}_maps",
    )
    show(partial(gr.on, [photo.change, *panel.place]))
    layered = depth.select(
        said_on_the_page(_layer, 3), inputs=[depth], outputs=[where, layer, notice], api_visibility="private"
    )
    chosen(layered)

    with panel.below, gr.Accordion(word("draw mask"), open=False):
        editor = build_mask_editor(word("paint here"), ["#ff3b30"], 380)
        use = gr.Button(word("use mask"), size="md")
        said = build_notice()
    photo.change(
        said_on_the_page(_backdrop, 2),
        inputs=[photo],
        outputs=[editor, said],
        show_progress="hidden",
        api_visibility="private",
    )
    drawn = use.click(
        said_on_the_page(_drawn, 3), inputs=[editor], outputs=[given, where, said], api_visibility="private"
    )
    chosen(drawn)
    there = when_shown()
    if panel.names:
        fill(there.need, handlers.names(entry, len(panel.names)), [*panel.names])
    show(there.need)
    return panel


def maps_of(handlers: Handlers, entry: Entry) -> Callable[..., Any]:
    """The handler that shows the depth map and the strength map of a photo."""

    def handler(**values: Any) -> Any:
        path, parameters = split(values)
        if path is None:
            return None, None
        content, _ = read_reduced(path)
        known = {name for name in SpatialParameters.model_fields if name in parameters}
        place = {name: parameters[name] for name in known}
        handlers.reader.open_pictures(entry, "depth", place)
        if needs_map(place):
            return None, None
        planes = handlers.models.maps(entry.name, content, place)
        return tuple(saved(planes[name], f"{name}.png") if name in planes else None for name in ("depth", "strength"))

    handler.__name__ = f"{entry.slug}_maps"
    handler.__doc__ = f"The depth map of the photo, and the strength map of the style for {entry.name}."
    handler.__signature__ = with_names(handler, api_names(entry, "depth"))  # type: ignore[attr-defined]
    return handler


def _maps_and_nothing_to_say(handlers: Handlers, entry: Entry) -> Callable[..., Any]:
    """The maps for the page, of the example where there is no photo, and an empty notice."""
    maps = maps_of(handlers, entry)

    def handler(**values: Any) -> Any:
        return *maps(**{**values, "photo": values.get("photo") or str(example_photo())}), ""

    handler.__name__ = f"show_maps_{entry.slug}"
    return handler


def _map_with(name: str, caption: Any) -> gr.Image:
    with gr.Column(min_width=200):
        picture = gr.Image(
            type="filepath",
            format="png",
            interactive=False,
            label=name,
            show_label=False,
            buttons=[],
            alt_text=caption,
            elem_classes=["map"],
        )
        gr.Markdown(caption, elem_classes=["about"])
    return picture


def _layer(path: str | None, place: gr.SelectData) -> Any:
    """The depth at the clicked point."""
    if path is None:
        return gr.skip()
    x, y = place.index
    depth = read_image(Path(path)).rgb.getpixel((int(x), int(y)))[0]  # type: ignore[index]
    return "layer", round(depth / 255, 2), ""


def _backdrop(path: str | None) -> Any:
    """A small copy of the photo to draw on."""
    return (None if path is None else backdrop(read_for_editor(path))), ""


def _drawn(layers: list[str]) -> tuple[str, str, str]:
    return *_mask(layers), ""


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
