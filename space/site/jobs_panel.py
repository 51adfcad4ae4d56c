"""On the page: "as a long job" below each slow model, many photos at once, and one's own jobs with preview and curve."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from hub.errors import ParameterError, StylehubError
from hub.registry import Entry
from space.handlers import Handlers
from space.jobs.service import Service, Status
from space.jobs.store import Job
from space.page import SHORT, Page
from space.panel import Panel
from space.result import Shown
from space.site.asking import one_zip, request_of
from space.site.endpoints import handed_out, host_of
from space.site.visitors import new_token
from space.words import word

_EVERY = 2.0  # seconds between two looks at a job
_OPEN = ("queued", "running")
# The jobs are at the foot of the page; a link names one.
_SHOW_JOB = """() => {
  if (new URLSearchParams(location.search).has('job')) document.querySelector('.jobs')?.scrollIntoView();
}"""
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": SHORT}


@dataclass
class JobsPanel:
    """The components. The token, which makes jobs one's own, lies in the browser."""

    token: gr.BrowserState
    box: gr.Accordion
    choice: gr.Radio
    state: gr.HTML
    preview: gr.Image
    curve: gr.LinePlot
    file: gr.File
    acts: gr.Row
    notice: gr.Markdown
    timer: gr.Timer

    @property
    def outputs(self) -> list[Any]:
        """What ``Looks.look`` fills."""
        return [self.choice, self.state, self.preview, self.curve, self.file, self.acts, self.timer]


def build_jobs(
    service: Service, handlers: Handlers, page: Page, panels: Sequence[Panel], entries: Mapping[str, Entry]
) -> JobsPanel:
    """Lay out the jobs, and the ways to add one."""
    token = gr.BrowserState("", storage_key="stylehub-owner", secret="stylehub")
    with gr.Accordion(word("jobs"), open=False, elem_classes=["jobs"]) as box:
        notice = gr.Markdown("")
        choice = gr.Radio([], label=word("jobs"), show_label=False, container=False)
        state = gr.HTML("", elem_classes=["job-state"])
        with gr.Row():
            preview = gr.Image(interactive=False, show_label=False, height=260, visible=False, buttons=[])
            curve = gr.LinePlot(x="step", y="loss", height=260, visible=False)
        file = gr.File(label=word("result"), interactive=False, visible=False)
        with gr.Row(visible=False) as acts:  # on one's own jobs alone
            stop = gr.Button(word("cancel job"), elem_classes=["asks"], size="md")
            share = gr.Button(word("share"), size="md", visible=service.place.gallery is not None)
        with gr.Accordion(word("many"), open=False):
            gr.Markdown(word("many how"))
            with gr.Row():
                photos = gr.File(label=word("folder"), type="filepath", file_count="directory", height=120)
                zipped = gr.File(label=word("zip"), type="filepath", file_types=[".zip"], height=120)
            many_mail = _mail_box(service)
            many = gr.Button(word("paint many"), size="md")
            said_of_many = gr.Markdown("")
    timer = gr.Timer(_EVERY, active=False)
    panel = JobsPanel(token, box, choice, state, preview, curve, file, acts, notice, timer)
    looks = Looks(service)
    look: dict[str, Any] = {"inputs": [token, choice], "outputs": panel.outputs, **_QUIET}
    timer.tick(looks.look, **look)
    choice.input(looks.look, **look)
    stop.click(looks.stop, inputs=[token, choice], outputs=[notice], **_QUIET).then(looks.look, **look)
    share.click(looks.share, inputs=[token, choice], outputs=[notice], **_QUIET)
    for made in panels:
        if made.entry.method.iterative and made.below is not None:
            with made.below, gr.Accordion(word("long job"), open=False):
                gr.Markdown(word("long how"))
                mail = _mail_box(service)
                begin = gr.Button(word("begin job"), size="md")
                said = gr.Markdown("")
            submit = _submit(service, handlers, made.entry, _task_of(made, entries))
            _then_show(panel, said, looks, begin.click, submit, [token, mail], made.inputs)
    submit_many = _submit_many(service, handlers, entries)
    given = [token, many_mail, page.shown, photos, zipped]
    sent, id = _then_show(panel, said_of_many, looks, many.click, submit_many, given, {})
    sent.then(_emptied, inputs=[id], outputs=[photos, zipped], **_QUIET)
    return panel


def connect_arrival(demo: gr.Blocks, panel: JobsPanel, service: Service) -> None:
    """Show the jobs of a visitor who comes, first the one that a link names."""
    arrive = Looks(service).arrive
    came = demo.load(arrive, inputs=[panel.token], outputs=[panel.token, panel.box, *panel.outputs], **_QUIET)
    came.then(None, js=_SHOW_JOB, **_QUIET)


class Looks:
    """The handlers that look at jobs."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def arrive(self, token: str, request: gr.Request) -> tuple[Any, ...]:
        """The visitor's token, a new one for a new visitor; and the jobs."""
        named = request.query_params.get("job")
        token = token or new_token()
        return token, gr.update(open=True) if named else gr.skip(), *self.look(token, named)

    def look(self, token: str, chosen: str | None) -> tuple[Any, ...]:
        """Values for ``JobsPanel.outputs``: one's own jobs, and how far the chosen one is."""
        own = self.service.own(token)
        status = self._status(chosen or (own[0].id if own else None))
        jobs = [job for job in own if status is None or job.id != status.job.id]
        shown = [status.job, *jobs] if status and status.job.id not in {job.id for job in own} else own
        choices = gr.update(choices=[(title(job), job.id) for job in shown], value=status.job.id if status else None)
        acts = gr.update(visible=status is not None and status.job.id in {job.id for job in own})
        active = gr.Timer(_EVERY, active=any(job.state in _OPEN for job in shown))
        if status is None:
            hidden = gr.update(visible=False, value=None)
            return choices, "", hidden, hidden, hidden, acts, active
        return choices, lines(status), *self._pictures(status), acts, active

    def _pictures(self, status: Status) -> tuple[Any, ...]:
        import pandas as pd

        job, seen = status.job, status.seen
        preview = handed_out(seen.preview, job.name) if seen.preview and job.state == "running" else None
        curve = pd.DataFrame(seen.losses, columns=["step", "loss"]) if seen.losses else None
        file = handed_out(self.service.result(job.id), job.name) if job.state == "done" else None
        if file and job.kind == "photo":
            preview = file
        return tuple(gr.update(value=value, visible=value is not None) for value in (preview, curve, file))

    def stop(self, token: str, chosen: str | None) -> str:
        """Cancel the chosen job, or delete it if it is over."""
        if not chosen:
            return ""
        if self.service.cancel(chosen, token):
            return "The job is cancelled."
        return "The job is deleted." if self.service.delete(chosen, token) else "It is not your job."

    def share(self, token: str, chosen: str | None) -> str:
        """Put the result of the chosen job into the gallery."""
        try:
            self.service.share(chosen or "", token)
        except StylehubError as error:
            return html.escape(str(error))
        return "It is in the gallery now. There you can delete it."

    def _status(self, id: str | None) -> Status | None:
        try:
            return self.service.status(id) if id else None
        except StylehubError:
            return None


def title(job: Job) -> str:
    """A line of the list."""
    return f"{job.name}, {job.model}: {job.state}"


def lines(status: Status) -> str:
    """What the page says of a job, as HTML."""
    job, seen, said = status.job, status.seen, []
    if job.place:
        said.append(f"It waits; its place is {job.place}.")
    if job.state == "running":
        said.append(f"Step {seen.step} of {seen.of}." if seen.step else "It has begun.")
    if job.error:
        said.append(job.error)
    if status.mail != "none":
        words = {"wanted": "A mail will be sent when it is done.", "sent": "The mail was sent."}
        said.append(words.get(status.mail, status.mail))
    link = f'<a href="?job={html.escape(job.id)}">A link to this job</a>'
    return "".join(f"<p>{line}</p>" for line in [*map(html.escape, said), link])


def _submit(service: Service, handlers: Handlers, entry: Entry, task: str) -> Any:
    def submit(token: str, mail: str, request: gr.Request, /, **values: Any) -> tuple[Any, str]:
        try:
            asked = request_of(handlers.reader, entry, task, values)
            return service.submit(asked, token, host_of(request), mail), ""
        except StylehubError as error:
            return None, html.escape(str(error))

    return submit


def _submit_many(service: Service, handlers: Handlers, entries: Mapping[str, Entry]) -> Any:
    def submit(
        token: str, mail: str, shown: Shown | None, photos: list[str] | None, zipped: str | None, request: gr.Request
    ) -> tuple[Any, str]:
        try:
            files = [zipped] if zipped else photos
            if shown is None or not files:
                raise ParameterError("Choose a style above, and a folder or a zip of photos first.")
            entry, path = entries[shown.model], one_zip(files, service.place.settings)
            asked = request_of(handlers.reader, entry, shown.task, shown.values, path.name)
            return service.submit(asked, token, host_of(request), mail, path), ""
        except StylehubError as error:
            return None, html.escape(str(error))

    return submit


def _then_show(
    panel: JobsPanel,
    said: gr.Markdown,
    looks: Looks,
    listen: Any,
    submit: Any,
    inputs: list[Any],
    named: Mapping[str, Any],
) -> tuple[Any, gr.State]:
    """Let an event submit a job; then open the list of jobs with it. Returns the last event and the job's id.

    ``said`` tells why there is no job.
    """
    id = gr.State(None)
    sent = listen(submit, inputs=inputs, inputs_kwargs=dict(named), outputs=[id, said], **_QUIET)
    opened = sent.then(lambda id: gr.update(open=True) if id else gr.skip(), [id], [panel.box], **_QUIET)
    return opened.then(looks.look, inputs=[panel.token, id], outputs=panel.outputs, **_QUIET), id


def _emptied(id: str | None) -> tuple[Any, Any]:
    """No files, once they are a job, so that there is room for others."""
    return (None, None) if id else (gr.skip(), gr.skip())


def _mail_box(service: Service) -> gr.Textbox:
    mails = service.place.settings.mails
    return gr.Textbox(label=word("mail"), max_lines=1, visible=mails, placeholder="name@example.org")


def _task_of(panel: Panel, entries: Mapping[str, Entry]) -> str:
    """The task of an iterative model's panel, which has one."""
    return entries[panel.entry.name].tasks[0]
