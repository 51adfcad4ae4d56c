"""The style gallery: a picture of every style; a click or Enter chooses one.

It is our own component because no ready-made one shows artist and title under a picture, works by keyboard, and has
the style's name as its value, as the API needs.
"""

from collections.abc import Callable
from pathlib import Path

import gradio as gr

from hub.parameters import FieldSpec
from space.words import texts

_TEMPLATE = """
<div class="wall" role="group"><p class="hint"></p></div>
<p class="museum"></p>
<div class="look" role="tooltip" popover="manual"><img alt=""><b></b><span></span><small></small></div>
"""
_HERE = Path(__file__).resolve().parent


def style_gallery(field: FieldSpec, look: Callable[[str], str]) -> gr.HTML:
    """The control for one style; its event ``pick`` fires when a visitor chooses.

    ``styles=[...]`` fills it; ``need`` fires while it is empty. ``look`` gives a style's strokes and colours alone as a
    picture, for the pointer that rests on it, the focus, or a long press.
    """
    gallery = gr.HTML(
        value=None,
        label=field.title,
        # The template must not hold values: Gradio evaluates it as code, and a style's title may come from untrusted
        # weights. The script writes titles as plain text.
        html_template=_TEMPLATE,
        js_on_load=(_HERE / "wall.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_classes=["wall-box"],
        styles=[],
        words=texts("see it", "styles", "painting styles", "only its strokes", "added"),
        server_functions=[look],
    )
    gallery.example_inputs = lambda: "starry-night"  # type: ignore[method-assign]  # on the API page
    return gallery
