"""`stylehub worker`: run the long jobs of a site."""

import os
import signal
import threading
from typing import Annotated

import typer

from hub.cli.options import Trust
from hub.errors import StylehubError


def worker(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="FOLDERS...", help="Folders with methods of your own that the site shows."),
    ] = None,
    trust: Trust = False,
) -> None:
    """Run the long jobs of a site, one at a time, until it is stopped. Start as many as you like.

    It takes the settings of the site, as flags or as variables; above all --data-dir.
    """
    from hub.cli.site import settings_and_folders
    from space.events import log_to_stderr
    from space.stopping import end

    settings, _ = settings_and_folders(words or [], trust)
    log_to_stderr(settings.log_format)
    try:
        from space.jobs.worker import Worker
    except ModuleNotFoundError as error:
        if error.name != "filelock":
            raise
        raise StylehubError("Long jobs need the site's packages: pip install 'stylehub[site]'.") from None
    if os.environ.get("STYLEHUB_WITH_PARENT"):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    Worker(settings).serve()
    end()


def _end_with_parent() -> None:
    """Wait for the end of standard input, which the process that started this one holds open; then stop."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
