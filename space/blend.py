"""The blend control: a pad with a style at each corner, and a slider for each style in the mixture.

It is one component because both change the same value, ``{style: share}``. On the pad the shares are bilinear in the
point's position: one style alone at a corner, a quarter of each in the middle.
"""

from pathlib import Path
from typing import Any

import gradio as gr

from hub.parameters import FieldSpec
from space.words import texts

_HERE = Path(__file__).resolve().parent
_SCHEMA = {
    "type": "object",
    "additionalProperties": {"type": "number", "minimum": 0},
    "description": 'the share of each style, such as {"starry-night": 0.6, "great-wave": 0.4}',
}
_EXAMPLE = {"starry-night": 0.6, "great-wave": 0.4}
_TEMPLATE = """
<div class="blend">
  <div class="pad-frame">
    <div class="pad" tabindex="0" role="application"><i></i><i></i><i></i><i></i><b class="point"></b></div>
    <select class="corner c0"></select>
    <select class="corner c1"></select>
    <select class="corner c2"></select>
    <select class="corner c3"></select>
  </div>
  <p class="spoken" aria-live="polite"></p>
  <ul class="shares"></ul>
  <select class="add"></select>
</div>
"""


def style_blend(field: FieldSpec) -> gr.HTML:
    """The control for a mixture. Events: ``drag`` while the point or a slider moves, ``settle`` on release."""
    blend = gr.HTML(
        value=None,
        label=field.title,
        html_template=_TEMPLATE,  # without values: see space/style_gallery.py
        js_on_load=(_HERE / "blend.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_classes=["blend-box"],
        styles=[],
        words=texts(
            "blend pad", "top left", "top right", "bottom left", "bottom right", "add style", "share of", "remove"
        ),
    )  # fmt: skip
    # The type in the API; the default for HTML is a string.
    blend.api_info = _schema  # type: ignore[method-assign]
    blend.example_inputs = lambda: _EXAMPLE  # type: ignore[method-assign]  # on the API page
    return blend


def _schema() -> dict[str, Any]:
    return _SCHEMA
