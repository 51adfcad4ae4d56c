"""`stylehub space`: the app."""

from typing import Annotated

import typer

from hub.cli.options import Trust
from hub.errors import StylehubError


def space(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="FOLDERS...", help="Folders with methods of your own to show too.")
    ] = None,
    share: Annotated[bool, typer.Option("--share", help="Let Gradio create a public address for some days.")] = False,
    mcp: Annotated[bool, typer.Option("--mcp", help="Offer the models to agents too; needs stylehub\\[mcp].")] = False,
    trust: Trust = False,
) -> None:
    r"""Start the app in a browser: every model with its controls.

    With --data-dir FOLDER it keeps long jobs, and with --gallery what visitors share; both need stylehub\\[site].
    """
    from hub.cli.site import settings_and_folders
    from space.arenas import share_freed

    share_freed()
    settings, folders = settings_and_folders(words or [], trust)
    try:
        from space.app import serve
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise StylehubError("The app needs Gradio: pip install 'stylehub[space]'.") from None
    from space.events import log_to_stderr
    from space.stopping import until_stopped

    where = settings.model_dump(include={"host", "port", "root_path"}) | {"auth": settings.accounts}
    if not settings.on:
        with until_stopped():
            serve(share=share, mcp=mcp, **where)
        return
    try:
        from space.site.running import open_site
    except ModuleNotFoundError as error:
        if error.name != "filelock":
            raise
        raise StylehubError("A site needs more packages: pip install 'stylehub[site]'.") from None
    log_to_stderr(settings.log_format)
    with until_stopped(), open_site(settings, folders) as service:
        serve(share=share, mcp=mcp, service=service, **where)
