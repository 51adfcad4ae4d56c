"""The endpoints of a site, for programs and agents: submit, status, result, jobs, cancel; share and gallery."""

import functools
import inspect
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api
from pydantic import ValidationError, validate_call

from hub.errors import ParameterError
from hub.names import resolve
from hub.registry import Entry
from space.errors import one_sentence
from space.jobs.service import Service, Status
from space.page import SHORT
from space.photo import photo_input
from space.site.asking import one_zip, request_of, task_for, values_of
from space.site.visitors import new_token, owner_of
from space.temporary import temporary_folder
from space.values import Reader

_TOKEN = 16  # letters of a token at least
_LAST = 1_000_000  # page of the gallery


class Endpoints:
    """The functions behind the endpoints; their docstrings are what callers read."""

    def __init__(self, service: Service, reader: Reader, entries: Mapping[str, Entry], tasks: set[str]) -> None:
        self.service, self.reader, self.entries, self.tasks = service, reader, entries, tasks

    def submit(
        self,
        model: str,
        photo: str | None = None,
        photos: list[str] | None = None,
        pictures: list[str] | None = None,
        parameters: dict[str, Any] | None = None,
        email: str | None = None,
        token: str | None = None,
        request: gr.Request | None = None,
    ) -> dict[str, str]:
        """Let a long job wait: a photo, or all photos of a zip, painted by a model.

        Args:
            model: The name of the model, such as gatys.
            photo: The photo to paint.
            photos: Instead of a photo: many of them, or a zip of them.
            pictures: The paintings or the other photo whose look is wanted, for a model that takes pictures.
            parameters: The other parameters of the model by their names.
            email: The result goes to this address too, if the site sends e-mail. Empty: to none.
            token: A token of an earlier job, so that both have one owner. Empty: a new one.

        Returns:
            The id of the job, which `status` and `result` take, and the token, which lists and cancels jobs.
        """
        entry = self.entries[resolve(model, list(self.entries), "model")]
        task = task_for(entry, self.tasks, pictures=bool(pictures))
        values = values_of(entry, task, parameters or {}, pictures or [])
        if (photo is None) == (not photos):
            raise ParameterError("Give a photo, or many photos or a zip of them, and not both.")
        zipped = one_zip(photos, self.service.place.settings) if photos else None
        asked = request_of(self.reader, entry, task, {**values, "photo": photo}, zipped.name if zipped else None)
        owner = token or new_token()
        if len(owner) < _TOKEN:
            raise ParameterError("This token is too short to be yours alone; leave it empty, and use the one you get.")
        id = self.service.submit(asked, owner, host_of(request), email, zipped)
        return {"job": id, "token": owner}

    def status(self, job: str) -> dict[str, Any]:
        """How far a job is: its state, its place in the queue, steps, loss, and what became of its e-mail.

        Args:
            job: The id that `submit` gave.
        """
        return as_dict(self.service.status(job))

    def result(self, job: str) -> str:
        """The result of a job that is done: a PNG, or a zip.

        Args:
            job: The id that `submit` gave.
        """
        return handed_out(self.service.result(job), self.service.status(job).job.name)

    def jobs(self, token: str) -> list[dict[str, Any]]:
        """The jobs that were submitted with a token, the newest first.

        Args:
            token: The token that `submit` gave.
        """
        return [as_dict(self.service.status(job.id)) for job in self.service.own(token)]

    def cancel(self, job: str, token: str) -> bool:
        """Stop a job that waits or runs, or delete one that is over. Tells whether it was yours and did so.

        Args:
            job: The id that `submit` gave.
            token: The token that `submit` gave.
        """
        return self.service.cancel(job, token) or self.service.delete(job, token)

    def share(self, job: str, token: str) -> str:
        """Show the result of one's own job to everybody in the gallery; returns the id of the shared picture.

        Its settings are shown too, but neither the photo nor the name of a file.

        Args:
            job: The id that `submit` gave.
            token: The token that `submit` gave.
        """
        return self.service.share(job, token)

    def unshare(self, picture: str, token: str) -> bool:
        """Delete a picture of one's own from the gallery. Tells whether it was yours.

        Args:
            picture: The id that `share` gave.
            token: The token that `share` was called with.
        """
        return self.service.gallery.delete(picture, owner_of(token))

    def gallery(self, model: str = "", style: str = "", page: int = 1) -> dict[str, Any]:
        """The shared pictures, the newest first: ids, models, styles and settings.

        Args:
            model: Only those of this model. Empty: of all.
            style: Only those of this style. Empty: of all.
            page: 1 is the first page.
        """
        found = self.service.gallery.browse(max(1, min(page, _LAST)), model or None, style or None)
        pictures = [
            {"picture": s.id, "model": s.model, "style": s.style, "parameters": s.recipe["parameters"], "size": s.size}
            for s in found.pictures
        ]
        return {"total": found.total, "pictures": pictures}

    def gallery_picture(self, picture: str) -> str:
        """A shared picture as a JPEG.

        Args:
            picture: The id that `gallery` lists.
        """
        return handed_out(self.service.gallery.picture(picture), "shared.jpg")


def connect_endpoints(endpoints: Endpoints) -> None:
    """Add the endpoints to the page that is being built."""
    quick: Any = functools.partial(api, concurrency_id=SHORT)
    for function in (endpoints.status, endpoints.jobs, endpoints.cancel):
        quick(_told(function), api_name=function.__name__)
    with gr.Column(visible=False):
        model = gr.Textbox(label="model")
        photo = photo_input(title="Photo")
        photos = gr.File(label="photos", type="filepath", file_count="multiple")
        pictures = gr.File(label="pictures", type="filepath", file_count="multiple")
        parameters = gr.JSON(label="parameters")
        # What Gradio says of it, a type {}, is no JSON schema, and MCP refuses every call of a tool with it.
        parameters.api_info = lambda: {"type": "object", "additionalProperties": True}  # type: ignore[method-assign]
        email, token, id = (gr.Textbox(label=name) for name in ("email", "token", "id"))
        answer, file = gr.JSON(label="job"), gr.File(label="result")
        gr.Button().click(
            _told(endpoints.submit),
            inputs=[model, photo, photos, pictures, parameters, email, token],
            outputs=[answer],
            concurrency_id=SHORT,
            api_name="submit",
        )
        gr.Button().click(_told(endpoints.result), inputs=[id], outputs=[file], concurrency_id=SHORT, api_name="result")
        if endpoints.service.place.gallery is not None:
            for shared in (endpoints.share, endpoints.unshare, endpoints.gallery):
                quick(_told(shared), api_name=shared.__name__)
            picture = _told(endpoints.gallery_picture)
            gr.Button().click(picture, inputs=[id], outputs=[file], concurrency_id=SHORT, api_name="gallery_picture")


def as_dict(status: Status) -> dict[str, Any]:
    """A job for a program."""
    job, seen = status.job, status.seen
    found: dict[str, Any] = {
        "job": job.id,
        "model": job.model,
        "name": job.name,
        "state": job.state,
        "mail": status.mail,
    }
    found |= {"place": job.place} if job.place else {}
    found |= {"error": job.error} if job.error else {}
    if job.state in ("running", "done"):
        found |= {"step": seen.step, "of": seen.of}
    return found | ({"loss": seen.losses[-1][1]} if seen.losses else {})


def handed_out(path: Path, name: str) -> str:
    """A copy of ``path`` that the app may send, named after ``name``; it is deleted within hours."""
    stem = "".join(c if c.isalnum() or c in " ._-" else "_" for c in Path(name).stem) or "photo"
    return str(shutil.copyfile(path, temporary_folder() / f"{stem}-painted{path.suffix}"))


def host_of(request: gr.Request | None) -> str | None:
    """The visitor's name if visitors log in, or else the address, for the limits."""
    if name := getattr(request, "username", None):
        return f"user {name}"
    client = getattr(request, "client", None)
    return client.host if client is not None else None


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` for callers who may give anything: its arguments are checked, and what is wrong is one sentence."""
    checked = validate_call(config={"arbitrary_types_allowed": True})(function)
    names = [*inspect.signature(function).parameters]

    @functools.wraps(function)
    def called(*values: Any, **named: Any) -> Any:
        try:
            return checked(*values, **named)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = names[first["loc"][0]] if isinstance(first["loc"][0], int) else first["loc"][0]
            raise ParameterError(f"{name} cannot be so: it {first['msg'].removeprefix('Input ')}.") from None

    return one_sentence(called)
