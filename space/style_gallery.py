"""The style gallery: a picture of every style; a click or Enter chooses one.

It is our own component because no ready-made one shows artist and title under a picture, works by keyboard, and has
the style's name as its value, as the API needs.
"""

from pathlib import Path

import gradio as gr

from hub.parameters import FieldSpec

_HERE = Path(__file__).resolve().parent


def style_gallery(field: FieldSpec) -> gr.HTML:
    """The control for one style; its event ``pick`` fires when a visitor chooses.

    ``styles=[...]`` fills it; ``need`` fires while it is empty.
    """
    gallery = gr.HTML(
        value=None,
        label=field.title,
        # The template must not hold values: Gradio evaluates it as code, and a style's title may come from untrusted
        # weights. The script writes titles as plain text.
        html_template='<div class="wall" role="group" aria-label="Styles"><p class="hint">Painting the styles…</p></div>',
        js_on_load=(_HERE / "wall.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_classes=["wall-box"],
        styles=[],
    )
    gallery.example_inputs = lambda: "starry-night"  # type: ignore[method-assign]  # on the API page
    return gallery
