"""The tab for blends of any number of styles, by sliders or on the pad, with files to keep a blend."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from hub.parameters import FieldSpec
from hub.registry import Entry
from space import preset
from space.blend import style_blend
from space.errors import one_sentence
from space.handlers import Handlers
from space.page import SHORT, Page
from space.panel import Panel, build_panel, connect, fill_styles
from space.words import word


def build_fusion(handlers: Handlers, page: Page, entry: Entry, api_name: str) -> Panel:
    """One model's panel, with presets and with previews while dragging."""
    opened: list[Any] = []
    panel = build_panel(handlers, page, entry, "fusion", _blend_with_presets(handlers, entry, opened), api_name)
    for event in opened:
        connect(handlers, panel, event, "fusion")
    if panel.style is not None:
        page.running.append(
            panel.style.drag(
                handlers.preview(entry),
                inputs=[page.shown],
                inputs_kwargs=panel.inputs,
                outputs=[page.slider],
                show_progress="hidden",
                concurrency_id=SHORT,
                trigger_mode="always_last",
                api_visibility="private",
            )
        )
    fill_styles(handlers, panel)
    return panel


def _blend_with_presets(handlers: Handlers, entry: Entry, opened: list[Any]) -> Callable[[FieldSpec], gr.HTML]:
    """A function that makes the control; the event for an opened blend goes into ``opened``."""

    def control(field: FieldSpec) -> gr.HTML:
        blend = style_blend(field)
        with gr.Row(elem_classes=["presets"]):
            keep = gr.DownloadButton(word("keep blend"), size="sm", interactive=False, min_width=120)
            reopen = gr.UploadButton(word("open blend"), size="sm", file_types=[".json"], min_width=120)

        def offered(listen: Callable[..., object]) -> None:
            listen(
                one_sentence(lambda style: preset.offer(entry, style)),
                inputs=[blend],
                outputs=[keep],
                queue=False,
                show_progress="hidden",
                api_visibility="private",
            )

        offered(blend.settle)
        read = reopen.upload(
            one_sentence(lambda path: preset.read(handlers.models.get(entry.name), path)),
            inputs=[reopen],
            outputs=[blend],
            show_progress="minimal",
            api_visibility="private",
        )
        offered(read.success)
        opened.append(read.success)
        return blend

    return control
