"""The tab for photorealistic style transfer, with an editor for the segmentation masks of both photos."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from hub.errors import ImageError
from hub.files import example_photo
from hub.images import read_image
from hub.parameters import field_of
from hub.registry import Entry
from methods.parts.dense.segmentation.groups import GROUPS
from methods.parts.dense.segmentation.masks import scene
from space.endpoint import with_names
from space.errors import one_sentence, said_on_the_page
from space.handlers import Handlers, silent
from space.mask_editor import backdrop, build_mask_editor, read_for_editor
from space.page import SAVE, SHORT, Page, build_notice
from space.panel import Panel, build_panel
from space.photo import read_reduced
from space.result import saved
from space.temporary import temporary_folder
from space.values import api_names, incomplete, parameters_of
from space.words import word


def build_realistic(handlers: Handlers, page: Page, entry: Entry, api_name: str) -> Panel:
    """One model's panel, with mask editors if it takes masks, and a colour table to download if it makes one."""
    panel = build_panel(handlers, page, entry, "photo", None, api_name)
    parameters = parameters_of(entry)
    style, *masks = (field_of(parameters, role) for role in ("style", "photo mask", "style mask"))
    if style and all(masks):
        _masks(panel, [panel.inputs[name] for name in ("photo", style)], [panel.inputs[str(mask)] for mask in masks])
    if field_of(parameters, "table"):
        with panel.below:
            make = gr.Button(word("table"), size="md")
            table = gr.DownloadButton("Download the look as a colour table (.cube)", visible=False)
            file = gr.File(visible=False, interactive=False)
            notice = build_notice()
        make.click(
            said_on_the_page(_table_to_save(handlers, entry), 2),
            inputs_kwargs=panel.inputs,
            outputs=[file, notice],
            show_progress="minimal",
            concurrency_id=SHORT,
            api_visibility="private",
        ).success(None, inputs=[file], js=SAVE, show_progress="hidden", api_visibility="private")
        gr.Button(visible=False).click(
            one_sentence(table_of(handlers, entry, "photo")),
            inputs_kwargs=panel.inputs,
            outputs=[table],
            concurrency_id=SHORT,
            api_name=f"{entry.slug}_table",
        )
    return panel


def table_of(handlers: Handlers, entry: Entry, task: str) -> Callable[..., Any]:
    """The handler that offers the colour table, for a method that can write one."""

    def handler(**values: Any) -> Any:
        if values.get("photo") is None or incomplete(entry, task, values):
            return gr.update(value=None, interactive=False)
        return gr.update(value=_table(handlers, entry, task, values), interactive=True)

    handler.__name__ = f"{entry.slug}_table"
    handler.__doc__ = f"The look that {entry.name} gives a photo as a .cube colour table for any editor."
    handler.__signature__ = with_names(handler, api_names(entry, task))  # type: ignore[attr-defined]
    return handler


def _table_to_save(handlers: Handlers, entry: Entry) -> Callable[..., Any]:
    def handler(**values: Any) -> Any:
        values["photo"] = values.get("photo") or str(example_photo())
        return _table(handlers, entry, "photo", values), ""

    handler.__name__ = f"save_table_{entry.slug}"
    return handler


def _table(handlers: Handlers, entry: Entry, task: str, values: Mapping[str, Any]) -> str:
    """The colour table as a file. Raises ``ParameterError`` where a choice is missing."""
    content, _ = read_reduced(values["photo"])  # a thumbnail is enough for a table
    path = temporary_folder() / "look.cube"
    table = {str(field_of(parameters_of(entry), "table")): path}
    handlers.run(entry.name, content, handlers.reader.parameters(entry, task, values) | table, None, silent)
    return str(path)


def _masks(panel: Panel, pictures: Sequence[Any], masks: Sequence[Any]) -> None:
    """``pictures``: the inputs for photo and style photo; ``masks``: the inputs for their masks."""
    with panel.below, gr.Accordion(word("masks"), open=False) as drawer:
        gr.HTML(_legend(), elem_classes=["legend"])
        colors = [_hex(group.color) for group in GROUPS]
        boards = [build_mask_editor(title, colors, 300) for title in (word("the photo"), word("style photo"))]
        use = gr.Button(word("use masks"), size="md")
        said = build_notice()
    # Segmenting takes seconds, so it waits until somebody wants to see it.
    for picture, editor in zip(pictures, boards, strict=True):
        drawer.expand(
            said_on_the_page(_overlaid, 2),
            inputs=[picture],
            outputs=[editor, said],
            show_progress="hidden",
            concurrency_id=SHORT,
            api_visibility="private",
        )
    use.click(
        said_on_the_page(_painted_over_and_nothing_to_say, 3),
        inputs=[*pictures, *boards],
        outputs=[*masks, said],
        concurrency_id=SHORT,
        api_visibility="private",
    )
    for picture, mask in zip(pictures, masks, strict=True):  # a new picture makes the old mask invalid
        picture.change(
            lambda: (None, gr.update(open=False)), outputs=[mask, drawer], queue=False, api_visibility="private"
        )


def _overlaid(path: str | None) -> tuple[Any, str]:
    """The picture under the colours of its segmentation, to paint on, and nothing to say."""
    if path is None:
        return None, ""
    small = read_for_editor(path)
    return backdrop(Image.blend(small, scene(small), 0.55)), ""


def _painted_over_and_nothing_to_say(*given: Any) -> tuple[Any, ...]:
    return *_painted_over(*given), ""


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
