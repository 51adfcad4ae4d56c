"""`stylehub space`: the app."""

from typing import Annotated

import typer

from hub.cli.options import Trust
from hub.errors import StylehubError


def space(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="FOLDERS...", help="Folders with methods of your own to show too.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on. Default: this machine only.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: the first free port from 7860.")] = None,
    share: Annotated[bool, typer.Option("--share", help="Let Gradio create a public address for some days.")] = False,
    mcp: Annotated[bool, typer.Option("--mcp", help="Offer the models to agents too; needs stylehub\\[mcp].")] = False,
    trust: Trust = False,
) -> None:
    r"""Start the app in a browser: every model with its controls.

    With --data-dir FOLDER it keeps long jobs, and with --gallery what visitors share; both need stylehub\\[site].
    """
    from hub.cli.site import settings_and_folders

    settings, folders = settings_and_folders(words or [], trust)
    try:
        from space.app import serve
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise StylehubError("The app needs Gradio: pip install 'stylehub[space]'.") from None
    from space.stopping import until_stopped

    if not settings.on:
        with until_stopped():
            serve(host, port, share=share, mcp=mcp)
        return
    try:
        from space.site.running import open_site
    except ModuleNotFoundError as error:
        if error.name != "filelock":
            raise
        raise StylehubError("A site needs more packages: pip install 'stylehub[site]'.") from None
    with until_stopped(), open_site(settings, folders) as service:
        serve(host, port, share=share, mcp=mcp, service=service)
