"""Below the gallery: learn a visitor's own painting in a few minutes and add it to the gallery.

Only an app on the owner's own machine offers this: the style is kept for everybody who uses the app, and learning
occupies the accelerator for minutes.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from hub.errors import Cancelled, ParameterError
from hub.parameters import FieldSpec
from hub.progress import Progress
from hub.publishing.collection import add
from hub.registry import Entry
from hub.styles import adopt_file
from hub.trainer.add_style import add_style
from space import previews
from space.errors import one_sentence
from space.handlers import Handlers, waiting_line
from space.page import LONG, SHORT, Page
from space.photo import photo_input, read
from space.style_gallery import style_gallery
from space.words import said, word

LOCAL = (None, "127.0.0.1", "localhost", "::1")


def gallery_that_learns(handlers: Handlers, page: Page, entry: Entry) -> Callable[[FieldSpec], gr.HTML]:
    """A function that makes the gallery with a form to add a painting."""

    def control(field: FieldSpec) -> gr.HTML:
        wall = style_gallery(field, handlers.look(entry))
        with gr.Accordion(word("own painting"), open=False):
            painting = photo_input(f"painting-{entry.name}", "Painting")
            name = gr.Textbox(label=word("name"), placeholder="my-painting", max_lines=1)
            learn = gr.Button(word("learn"), size="sm")
            file = gr.UploadButton(word("style file"), file_types=[".safetensors"], size="sm")
        file.upload(
            _add(handlers, entry),
            inputs=[file],
            outputs=[wall],
            concurrency_id=SHORT,
            api_visibility="private",
        )
        page.running.append(
            learn.click(
                _learn(handlers, entry),
                inputs=[painting, name],
                outputs=[wall],
                show_progress_on=[painting],
                concurrency_id=LONG,
                api_visibility="private",
            )
        )
        return wall

    return control


def _add(handlers: Handlers, entry: Entry) -> Callable[..., Any]:
    def handler(path: str | None) -> Any:
        if not path:
            raise ParameterError("Choose a file that `stylehub add-style` or `stylehub vector` has written.")
        method = handlers.models.get(entry.name)
        with handlers.models.accelerator.short():
            style = add(path, method).style
        return gr.update(styles=previews.styles(method), value=style.name)

    handler.__name__ = f"add_style_to_{entry.slug}"
    return one_sentence(handler)


def _learn(handlers: Handlers, entry: Entry) -> Callable[..., Any]:
    def handler(path: str | None, name: str | None, request: gr.Request, progress: gr.Progress = gr.Progress()) -> Any:
        if not path:
            raise ParameterError("Choose a painting first.")
        slug = "-".join((name or "").lower().split())
        method = handlers.models.get(entry.name)
        if slug in method.styles:
            raise ParameterError(f"A style {slug!r} exists already; choose another name.")

        def report(p: Progress) -> None:
            check(p)
            give_way()
            progress((p.step, p.of), desc=said(request, "learning", f"{p.losses.get('style', 0):.2f}"), unit="steps")

        try:
            with (
                handlers.jobs.running(request.session_hash) as check,
                handlers.models.accelerator.long(
                    waiting_line(request, progress, check, handlers.models.accelerator.about)
                ) as give_way,
            ):
                style_file = add_style(
                    entry.name, read(path), slug, title=(name or "").strip(), device=str(method.device), progress=report
                )
                style = adopt_file(method, style_file)
        except Cancelled:
            return gr.skip()
        return gr.update(styles=previews.styles(method), value=style.name)

    handler.__name__ = f"learn_{entry.slug}"
    return one_sentence(handler)
