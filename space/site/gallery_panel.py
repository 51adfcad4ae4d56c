"""On the page: the gallery, with "make mine like this"; and for its administrator what was reported."""

import html
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import gradio as gr

from hub.errors import StylehubError
from hub.provenance import command
from hub.registry import Entry
from space.gallery.clean import runnable, style_field
from space.gallery.store import PAGE, Gallery
from space.handlers import Handlers
from space.jobs.service import Service
from space.page import LIMITS, LONG, SHORT, Page
from space.site.asking import task_for
from space.site.endpoints import handed_out, host_of
from space.site.visitors import owner_of, same
from space.words import word

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": SHORT}

# The result is at the top of the page, the gallery at its foot.
_SHOW_RESULT = "() => { document.querySelector('.result')?.scrollIntoView({ block: 'center' }); }"
_SHOW_CHOSEN = "() => { document.querySelector('.shared .large')?.scrollIntoView({ block: 'nearest' }); }"


class GalleryHandlers:
    """What the page does with shared pictures."""

    def __init__(
        self, service: Service, handlers: Handlers, entries: Mapping[str, Entry], tasks: Collection[str]
    ) -> None:
        self.service, self.handlers, self.entries, self.tasks = service, handlers, entries, tasks

    @property
    def gallery(self) -> Gallery:
        return self.service.gallery

    def browse(self, of: str | None, page: float | None) -> tuple[Any, ...]:
        """A page of thumbnails, their ids, the choices, and how many pages there are; the last one for any beyond."""
        model, style = _parts(of)
        asked = max(1, int(page or 1))
        found = self.gallery.browse(asked, model, style)
        pages = max(1, -(-found.total // PAGE))
        if asked > pages:
            asked, found = pages, self.gallery.browse(pages, model, style)
        kinds = [("All", "")]
        for name, styles in self.gallery.choices().items():
            kinds += [(name, name), *((f"{name}, {style}", f"{name}/{style}") for style in styles if style)]
        pictures = [(handed_out(self.gallery.thumbnail(s.id), s.model), s.style or s.model) for s in found.pictures]
        ids = [shared.id for shared in found.pictures]
        return pictures, ids, gr.update(choices=kinds), gr.update(value=asked, maximum=pages, info=f"of {pages}")

    def pick(self, ids: list[str], event: gr.SelectData) -> tuple[Any, ...]:
        """The chosen picture: its id, what is shown of it, the file, and how it was made."""
        try:
            shared = self.gallery.get(ids[event.index])
            file = handed_out(self.gallery.picture(shared.id), "shared.jpg")
            return shared.id, gr.update(visible=True), file, command(runnable(shared.recipe)), ""
        except (StylehubError, IndexError) as error:
            return None, gr.update(visible=False), None, "", html.escape(str(error))

    def like(
        self, before: Any, photo: str | None, id: str | None, request: gr.Request, progress: gr.Progress = gr.Progress()
    ) -> Iterator[Any]:
        """Paint the visitor's photo with the settings of a shared picture."""
        try:
            shared = self.gallery.get(id or "")
            entry = self.entries[shared.model]
        except (StylehubError, KeyError):
            yield (*(gr.skip() for _ in range(4)), "Choose a picture of the gallery first.")
            return
        if style_field(shared.recipe) not in {"", *shared.recipe["parameters"]}:
            own = "This was a visitor's own painting, which is not shared. Choose a painting under My own painting."
            yield (*(gr.skip() for _ in range(4)), own)
            return
        task = task_for(entry, self.tasks, pictures=False)
        values = {"photo": photo, **shared.recipe["parameters"]}
        yield from self.handlers.show(entry, task, quiet=False)(before, request, progress, **values)

    def report(self, id: str | None, request: gr.Request) -> str:
        """Tell the administrator about a picture."""
        try:
            self.gallery.report(id or "", self.service.place.visitors.of(host_of(request)))
        except StylehubError as error:
            return html.escape(str(error))
        return "Thank you. The administrator will look at it."

    def delete(self, id: str | None, token: str) -> tuple[str | None, Any, str]:
        """Delete a picture of one's own; what is then chosen, what is shown of it, and what is said."""
        if id and self.gallery.delete(id, owner_of(token)):
            return None, gr.update(visible=False), "The picture is deleted."
        return id, gr.skip(), "It is not your picture."

    def reported(self, token: str) -> tuple[Any, ...]:
        """For the administrator: the pictures that were reported or are hidden."""
        if not same(token, self.service.place.settings.admin_token):
            return [], [], "This is not the administrator's token."
        found = self.gallery.reported().pictures
        titles = [f"{shared.reports} reports, {'hidden' if shared.hidden else 'shown'}" for shared in found]
        pictures = [handed_out(self.gallery.thumbnail(shared.id, hidden=True), shared.model) for shared in found]
        return list(zip(pictures, titles, strict=True)), [shared.id for shared in found], f"{len(found)} pictures"

    def hide(self, token: str, id: str | None, hidden: bool) -> str:
        """For the administrator: hide a picture, or show it again."""
        if not same(token, self.service.place.settings.admin_token):
            return "This is not the administrator's token."
        return "Done." if id and self.gallery.hide(id, hidden) else "Choose a picture first."


def build_gallery(made: GalleryHandlers, page: Page, token: gr.BrowserState) -> None:
    """Lay out the gallery and, where there is an administrator, what was reported."""
    with gr.Accordion(word("gallery"), open=False, elem_classes=["shared"]) as box:
        with gr.Row():
            of = gr.Dropdown([("All", "")], value="", label=word("of"), scale=3)
            number = gr.Number(1, label=word("page"), minimum=1, precision=0, scale=1, min_width=90)
        wall = gr.Gallery(columns=6, height="auto", show_label=False, allow_preview=False, buttons=[])
        with gr.Column(visible=False) as picked:
            file = gr.Image(
                interactive=False, show_label=False, buttons=["download", "fullscreen"], elem_classes=["large"]
            )
            with gr.Row():
                like = gr.Button(word("like this"), variant="primary", size="md")
                report = gr.Button(word("report"), size="md")
                delete = gr.Button(word("delete mine"), size="md", elem_classes=["asks"])
            made_by = gr.Textbox(
                label="In a shell", interactive=False, buttons=["copy"], lines=1, elem_classes=["code"]
            )
        notice = gr.Markdown("")
    ids, chosen = gr.State([]), gr.State(None)
    look: dict[str, Any] = {"inputs": [of, number], "outputs": [wall, ids, of, number], **_QUIET}
    for event in (box.expand, of.input, number.change):
        event(made.browse, **look)
    shown = wall.select(made.pick, inputs=[ids], outputs=[chosen, picked, file, made_by, notice], **_QUIET)
    shown.then(None, js=_SHOW_CHOSEN)
    like.click(
        made.like,
        inputs=[page.shown, page.photo, chosen],
        outputs=page.painted,
        show_progress_on=[page.slider],
        concurrency_id=LONG,
        concurrency_limit=LIMITS[LONG],
        api_visibility="private",
    )
    like.click(None, js=_SHOW_RESULT)
    report.click(made.report, inputs=[chosen], outputs=[notice], **_QUIET)
    gone = delete.click(made.delete, inputs=[chosen, token], outputs=[chosen, picked, notice], **_QUIET)
    gone.then(made.browse, **look)
    if made.service.place.settings.admin_token:
        _build_administration(made)


def _build_administration(made: GalleryHandlers) -> None:
    with gr.Accordion(word("administration"), open=False):
        token = gr.Textbox(label=word("admin token"), type="password", max_lines=1)
        wall = gr.Gallery(columns=6, height="auto", show_label=False, allow_preview=False, buttons=[])
        notice = gr.Markdown("")
        with gr.Row():
            buttons = {True: gr.Button(word("hide")), False: gr.Button(word("show again"))}
    ids, chosen = gr.State([]), gr.State(None)
    look: dict[str, Any] = {"inputs": [token], "outputs": [wall, ids, notice], **_QUIET}

    def pick(found: list[str], event: gr.SelectData) -> str | None:
        number = int(event.index)
        return found[number] if number < len(found) else None

    def acting(hidden: bool) -> Any:
        return lambda token, id: made.hide(token, id, hidden)

    token.submit(made.reported, **look)
    wall.select(pick, inputs=[ids], outputs=[chosen], **_QUIET)
    for hidden, button in buttons.items():
        button.click(acting(hidden), inputs=[token, chosen], outputs=[notice], **_QUIET).then(made.reported, **look)


def _parts(of: str | None) -> tuple[str | None, str | None]:
    model, _, style = (of or "").partition("/")
    return model or None, style or None
