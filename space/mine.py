"""The strip of one's own results, which the browser keeps with the settings that made them."""

from pathlib import Path

import gradio as gr

from space.words import texts

_HERE = Path(__file__).resolve().parent
_TEMPLATE = """
<section class="mine" hidden>
  <div class="head"><h2></h2><span></span><button type="button" class="all"></button></div>
  <div class="strip" role="group"></div>
  <dialog>
    <form method="dialog"><button class="close">&times;</button></form>
    <h3></h3>
    <div class="two"><figure><img><figcaption></figcaption></figure><figure><img><figcaption></figcaption></figure></div>
    <div class="strip against" role="group"></div>
    <div class="acts">
      <button type="button" class="again"></button>
      <button type="button" class="save"></button>
      <button type="button" class="copy"></button>
      <button type="button" class="delete"></button>
    </div>
  </dialog>
</section>
"""


def my_results() -> gr.HTML:
    """The strip of results; its event ``open`` asks for settings, which its data ``settings`` holds."""
    return gr.HTML(
        value=None,
        label="Mine",
        html_template=_TEMPLATE,  # without values: see space/style_gallery.py
        js_on_load=(_HERE / "mine.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_classes=["mine-box"],
        words=texts(
            "mine", "mine how", "download all", "use settings", "download", "copy link", "delete", "close", "compare with",
            "the photo",
        ),
    )  # fmt: skip
