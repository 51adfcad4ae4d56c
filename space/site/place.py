"""The data folder of a site: one database, the folders of jobs and of shared pictures, and who serves it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock

from hub.errors import StylehubError
from space.gallery.store import Gallery
from space.jobs.store import Jobs, Limits
from space.site.database import Database
from space.site.folders import Folders, held
from space.site.settings import Settings
from space.site.visitors import Visitors


class Place:
    """The data folder that ``settings`` names; it is made if it does not exist. Raises ``StylehubError``."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.folder = settings, settings.folder
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folders = Folders(self.folder / "jobs")
            self.visitors = Visitors(self.folder)
        except OSError as error:
            raise StylehubError(
                f"{self.folder} cannot be written ({os.strerror(error.errno or 0)}); give another --data-dir."
            ) from error
        # With Redis the workers may be on other machines, and the folder on the network.
        self.database = Database(self.folder / "site.sqlite3", network=settings.redis is not None)
        self.jobs = Jobs(self.database)
        self.gallery = (
            Gallery(self.database, self.folder / "gallery", settings.gallery_gb) if settings.gallery else None
        )
        self.limits = Limits(settings.jobs_waiting, settings.jobs_each)

    @contextmanager
    def alone(self, role: str) -> Iterator[bool]:
        """Whether this process is the only one in ``role`` at this folder; a killed one no longer counts."""
        with held(FileLock(self.folder / f"{role}.lock", thread_local=False)) as ours:
            yield ours
