"""The tab for photorealistic style transfer, with an editor for the segmentation masks of both photos."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from hub.errors import ImageError
from hub.images import read_image
from hub.parameters import field_of
from hub.registry import Entry
from methods.parts.dense.segmentation.groups import GROUPS
from methods.parts.dense.segmentation.masks import scene
from space.errors import one_sentence
from space.handlers import Handlers
from space.mask_editor import backdrop, build_mask_editor, read_for_editor
from space.panel import ACCELERATOR, Panel, build_panel, finish
from space.result import saved


def build_realistic(handlers: Handlers, entry: Entry, api_name: str) -> Panel:
    """One model's panel, with mask editors if it takes masks, and a colour table to download if it makes one."""
    panel = build_panel(handlers, entry, "photo", None, api_name)
    parameters = handlers.parameters(entry)
    style, *masks = (field_of(parameters, role) for role in ("style", "photo mask", "style mask"))
    if style and all(masks):
        _masks(panel, [panel.inputs[name] for name in ("photo", style)], [panel.inputs[str(mask)] for mask in masks])
    if field_of(parameters, "table"):
        with panel.beside:
            table = gr.DownloadButton("Download the look as a colour table (.cube)", interactive=False, size="sm")
        panel.result.picture.change(
            handlers.table(entry, "photo"),
            inputs_kwargs=panel.inputs,
            outputs=[table],
            show_progress="hidden",
            concurrency_id=ACCELERATOR,
            concurrency_limit=1,
            api_name=f"{entry.slug}_table",
        )
    finish(handlers, panel)
    return panel


def _masks(panel: Panel, pictures: Sequence[Any], masks: Sequence[Any]) -> None:
    """``pictures``: the inputs for photo and style photo; ``masks``: the inputs for their masks."""
    with panel.below, gr.Accordion("See and paint the masks", open=False):
        gr.HTML(_legend(), elem_classes=["legend"])
        colors = [_hex(group.color) for group in GROUPS]
        boards = [build_mask_editor(title, colors, 300) for title in ("Photo", "Style photo")]
        use = gr.Button("Use these masks", size="sm")
    for picture, editor in zip(pictures, boards, strict=True):
        picture.change(
            one_sentence(_overlaid),
            inputs=[picture],
            outputs=[editor],
            show_progress="hidden",
            concurrency_id=ACCELERATOR,
            concurrency_limit=1,
            api_visibility="private",
        )
    use.click(
        one_sentence(_painted_over),
        inputs=[*pictures, *boards],
        outputs=[*masks],
        concurrency_id=ACCELERATOR,
        concurrency_limit=1,
        api_visibility="private",
    )
    for picture, mask in zip(pictures, masks, strict=True):  # a new picture makes the old mask invalid
        picture.change(lambda: None, outputs=[mask], queue=False, api_visibility="private")


def _overlaid(path: str | None) -> Any:
    """The picture under the colours of its segmentation, to paint on."""
    if path is None:
        return None
    small = read_for_editor(path)
    return backdrop(Image.blend(small, scene(small), 0.55))


def _painted_over(
    photo: str | None, style: str | None, on_photo: list[str], on_style: list[str]
) -> tuple[str | None, str | None]:
    """The segmentations of both pictures with the visitor's strokes over them, as masks."""
    if photo is None or style is None:
        raise ImageError("Choose both pictures first: the photo and the style photo.")
    if not (on_photo or on_style):
        raise ImageError("Nothing is painted yet: draw on a picture in the colour of the right class.")
    masks = []
    for path, layers, name in ((photo, on_photo, "photo-mask.png"), (style, on_style, "style-mask.png")):
        mask = scene(read_for_editor(path))
        for layer in layers:
            strokes = read_image(Path(layer))
            if strokes.alpha is not None:
                opaque = strokes.alpha.resize(mask.size).point(lambda level: 255 * (level > 127))
                mask.paste(strokes.rgb.resize(mask.size, Image.Resampling.NEAREST), mask=opaque)
        masks.append(saved(mask, name))
    return masks[0], masks[1]


def _legend() -> str:
    """The colours of the classes."""
    chips = (f'<span><i style="background:{_hex(g.color)}"></i>{escape(g.title)}</span>' for g in GROUPS)
    return f'<div class="groups">{"".join(chips)}</div>'


def _hex(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
