"""What the page and the endpoints do with jobs. A job's id is an unguessable link; its owner has a token besides."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hub.errors import StylehubError
from hub.files import write_whole
from space.events import event
from space.gallery.store import Gallery
from space.jobs import many
from space.jobs.progress import Seen, seen
from space.jobs.queue import Queue
from space.jobs.request import PHOTO, PHOTOS, RESULTS, Request, safe_name
from space.jobs.store import Job
from space.mail.message import checked_address
from space.site.place import Place
from space.site.visitors import owner_of

_SHARED = "shared"  # in a job's folder: the id of its result in the gallery
_GONE = "There is no such job here, or it was deleted; results are kept for {days:g} days."


@dataclass(frozen=True)
class Status:
    """A job, how far it is, and what became of its mail: none, wanted, sent, or why it was not sent."""

    job: Job
    seen: Seen
    mail: str


class Service:
    """Jobs of one site for its visitors."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.queue = Queue(place.settings)
        self.workers: set[int] = set()  # the processes that were started here

    def submit(
        self,
        request: Request,
        token: str,
        host: str | None = None,
        mail: str | None = None,
        photos: Path | None = None,
    ) -> str:
        """Keep ``request`` and let it wait; returns the id. With ``photos``, a zip, it is for all photos in that.

        ``host``: the address of the visitor. Raises ``StylehubError``: a limit, a wrong address or archive, a full disk.
        """
        settings, jobs = self.place.settings, self.place.jobs
        address = self._address(mail)
        if photos is not None:
            many.check(photos, settings.zip_files, settings.zip_mb)
        kind = "photo" if photos is None else "zip"
        with self.place.folders.new() as (id, folder):
            request.write(folder)
            if photos is not None:
                shutil.copyfile(photos, folder / PHOTOS)
            owner, visitor = owner_of(token), self.place.visitors.of(host)
            jobs.add(id, owner, visitor, request.model, kind, safe_name(request.name), self.place.limits, address)
        event("job-submitted", job=id[:6], model=request.model)
        with suppress(Exception):  # if the queue is away, a keeper wakes a worker once it is back
            self.queue.wake()
        return id

    def status(self, id: str) -> Status:
        """How far the job is. Raises ``StylehubError`` if there is none."""
        job = self.place.jobs.get(id)
        if job is None:
            raise StylehubError(_GONE.format(days=self.place.settings.keep_days))
        return Status(job, seen(self.place.folders.path(id)), self.place.jobs.mail(id))

    def result(self, id: str) -> Path:
        """The file of a job that is done. Raises ``StylehubError`` for any other."""
        status = self.status(id)
        if status.job.state != "done":
            waits = (
                "is not done yet; ask for its status" if status.job.state in ("queued", "running") else "has no result"
            )
            raise StylehubError(status.job.error or f"This job {waits}.")
        return self.place.folders.path(id) / RESULTS[status.job.kind]

    def photo(self, id: str) -> Path | None:
        """The photo that the job works on, as it is kept."""
        path = self.place.folders.path(id) / PHOTO
        return path if path.exists() else None

    def own(self, token: str) -> list[Job]:
        """The jobs of who has ``token``, the newest first."""
        return self.place.jobs.owned(owner_of(token)) if token else []

    def cancel(self, id: str, token: str) -> bool:
        """Stop a job of one's own; whether it did still wait or run."""
        cancelled = self.place.jobs.cancel(id, owner_of(token))
        if cancelled:
            with self.place.folders.locked(id) as ours:  # a worker that has it deletes the files itself
                if ours:
                    self.place.folders.delete(id)
        return cancelled

    def delete(self, id: str, token: str) -> bool:
        """Delete a job of one's own that is over, with its files and its mail address."""
        deleted = self.place.jobs.forget(id, owner_of(token))
        if deleted:
            self.place.folders.delete(id)
        return deleted

    @property
    def gallery(self) -> Gallery:
        """The gallery. Raises ``StylehubError`` if the site has none."""
        if self.place.gallery is None:
            raise StylehubError("This site has no gallery; --gallery adds one.")
        return self.place.gallery

    def share(self, id: str, token: str) -> str:
        """Share the result of a job of one's own in the gallery, once; returns the id there. Raises ``StylehubError``."""
        if id not in {job.id for job in self.own(token)}:
            raise StylehubError("This job is not yours, or it was deleted.")
        if self.status(id).job.kind != "photo":
            raise StylehubError("A zip cannot be shared; share single pictures.")
        note = self.place.folders.path(id) / _SHARED
        with suppress(OSError, StylehubError):  # it was not shared yet, or is no longer
            return self.gallery.get(note.read_text(), hidden=True).id
        shared = self.gallery.share(self.result(id), owner_of(token))
        with suppress(OSError):  # on a full disk it is shared all the same
            write_whole(note, shared.encode())
        event("picture-shared", model=self.status(id).job.model)
        return shared

    def _address(self, mail: str | None) -> str | None:
        if not (mail or "").strip():
            return None
        if not self.place.settings.mails:
            raise StylehubError("This site sends no e-mail; leave the address empty, and keep the link.")
        return checked_address(str(mail))
