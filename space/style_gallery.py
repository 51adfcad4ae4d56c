"""The wall: a picture of every style, hung side by side; a click or Enter chooses one.

A component of our own, since no ready-made one shows painter and title under a picture, works by keyboard and has a
style's name as its value, which is what the API takes.
"""

from pathlib import Path

import gradio as gr

from hub.parameters import FieldSpec

_HERE = Path(__file__).resolve().parent


def style_gallery(field: FieldSpec, result_id: str) -> gr.HTML:
    """The control for one style; its event ``pick`` fires when a visitor chooses. Filled through ``styles=[...]``."""
    return gr.HTML(
        value=None,
        label=field.title,
        # The template is empty of values on purpose: Gradio evaluates templates as code, so a style's title from
        # somebody else's weights must never be put into one. The script writes them as plain text.
        html_template='<div class="wall" role="group" aria-label="Styles"><p class="hint">Hanging the pictures…</p></div>',
        js_on_load=(_HERE / "wall.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_classes=["wall-box"],
        styles=[],
        result=result_id,
    )
