"""What every model on the page shares: the photo, the result with its download, and the notice that says what is wrong."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from space.declared import DECLARED, SENTENCES
from space.examples import Strip, example_strip
from space.mine import my_results
from space.photo import photo_input
from space.result import OFFERED
from space.words import texts, word

# Previews and walls of many visitors may wait at once; the accelerator orders them and the long work.
SHORT, LONG = "short", "long"
LIMITS = {SHORT: 8, LONG: 8}

_HERE = Path(__file__).resolve().parent
# The browser keeps the photo, and lets the panel that is on the page paint it.
PHOTO_CHANGED = "(photo) => { window.stylehub?.photoChanged(photo); }"
_COPY = "() => { window.stylehub?.copyLink(null, document.querySelector('.copy-link')); }"
SAVE = """(file) => {
  if (!file) return;
  const link = document.createElement('a');
  link.href = file.url;
  link.download = file.orig_name || 'painted';
  link.click();
}"""


def script() -> str:
    """The script of the page, with its words."""
    words = texts("copied", "copy link", "the photo", "the painting", "painted", "divider", "sure")
    code = (_HERE / "page.js").read_text(encoding="utf-8")
    tables = {"words": words, "declared": DECLARED, "sentences": SENTENCES}
    for name, table in tables.items():
        code = code.replace(f"/* {name} */ {{}}", json.dumps(table))
    return code


@dataclass
class Page:
    """The shared components. ``running`` are the events that Stop ends."""

    photo: gr.Image
    examples: Strip
    about_photo: gr.HTML  # what is to be said about the photo
    slider: gr.ImageSlider
    notice: gr.HTML
    command: gr.Textbox
    python: gr.Textbox
    picture: gr.File  # the answer of an endpoint; the page itself shows only the slider
    file: gr.File
    format: gr.Radio
    download: gr.Button
    stop: gr.Button
    mine: gr.HTML
    shown: gr.State
    running: list[Any] = field(default_factory=list)

    @property
    def painted(self) -> list[gr.components.Component]:
        """What painting for the page fills."""
        return [self.slider, self.command, self.python, self.shown, self.notice]

    @property
    def answer(self) -> list[gr.components.Component]:
        """What an endpoint answers."""
        return [self.slider, self.picture, self.command, self.python]


def build_page() -> Page:
    """Lay out the column with the result, the photo, the download and one's own results."""
    slider = gr.ImageSlider(
        type="filepath",
        format="png",
        interactive=False,
        label="Before and after",
        show_label=False,
        buttons=["fullscreen"],
        max_height=620,
        elem_classes=["result"],
    )
    notice = build_notice()
    with gr.Row(elem_classes=["sources"]):
        photo = photo_input("photo", height=104)
        examples = example_strip()
    about_photo = build_notice()
    with gr.Row(elem_classes=["take-home"]):
        download = gr.Button(word("download"), variant="primary", size="md", scale=2, min_width=120)
        format = gr.Radio(
            list(OFFERED),
            value="JPEG",
            label=word("format"),
            show_label=False,
            container=False,
            scale=2,
            min_width=200,
            elem_classes=["format"],
        )
        share = gr.Button(word("send"), size="md", scale=1, min_width=90, elem_classes=["share"])
        link = gr.Button(word("copy link"), size="md", scale=1, min_width=90, elem_classes=["copy-link"])
        stop = gr.Button(word("stop"), size="md", scale=1, min_width=80, elem_classes=["stop"])
    mine = my_results()
    with gr.Accordion(word("again"), open=False, elem_classes=["again"]):
        command = gr.Textbox(label="In a shell", interactive=False, buttons=["copy"], lines=1, elem_classes=["code"])
        python = gr.Textbox(label="In Python", interactive=False, buttons=["copy"], lines=1, elem_classes=["code"])
    picture = gr.File(label="Picture", visible=False, interactive=False)
    file = gr.File(label="File", visible=False, interactive=False)
    shared = (photo, examples, about_photo, slider, notice, command, python, picture, file)
    page = Page(*shared, format, download, stop, mine, gr.State(None))
    share.click(None, js="() => { window.stylehub?.share(); }", api_visibility="private")
    link.click(None, js=_COPY, api_visibility="private")
    return page


def build_notice() -> gr.HTML:
    """A place for one sentence beside what it is about; it takes no room while there is none."""
    return gr.HTML(
        value="",
        html_template='<p role="status"></p>',  # without values: see space/style_gallery.py
        js_on_load=(_HERE / "notice.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_classes=["notice"],
    )


def connect_page(page: Page, handlers: Any, entries: dict[str, Any]) -> None:
    """Connect the photo, the download and Stop, after the panels have added their events."""
    from space.photo import accept

    quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    accepted = page.photo.input(
        accept,
        inputs=[page.photo],
        outputs=[page.photo, page.about_photo],
        trigger_mode="always_last",  # the next photo may come while the one before is still read
        **quietly,
    )
    # Not at every change of the photo: one that is too large is not painted before it is reduced.
    for arrived in (accepted.success, page.examples.connect(page.photo, empties=(page.about_photo,))):
        arrived(None, inputs=[page.photo], js=PHOTO_CHANGED, **quietly)
    made = page.download.click(
        handlers.download(entries),
        inputs=[page.shown, page.format],
        outputs=[page.file, page.notice],
        show_progress_on=[page.slider],
        concurrency_id=LONG,
        concurrency_limit=LIMITS[LONG],
        trigger_mode="once",
        api_visibility="private",
    )
    made.success(None, inputs=[page.file], js=SAVE, **quietly)
    page.stop.click(handlers.stop, cancels=[*page.running, made, accepted], queue=False, api_visibility="private")


def paints(page: Page, listen: Callable[..., Any], handler: Any, inputs: dict[str, Any], *, long: bool = False) -> Any:
    """Let an event run ``handler``, which paints what the page shows."""
    queue = LONG if long else SHORT
    event = listen(
        handler,
        inputs=[page.shown],
        inputs_kwargs=inputs,
        outputs=page.painted,
        show_progress_on=[page.slider],
        concurrency_id=queue,
        concurrency_limit=LIMITS[queue],
        trigger_mode="always_last",
        api_visibility="private",
    )
    page.running.append(event)
    return event
