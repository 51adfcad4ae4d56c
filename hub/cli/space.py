"""`stylehub space`: the app."""

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.options import Trust
from hub.errors import StylehubError


def space(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="FOLDERS...", help="Folders with methods of your own to show too.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on. Default: this machine only.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: the first free port from 7860.")] = None,
    share: Annotated[bool, typer.Option("--share", help="Let Gradio create a public address for some days.")] = False,
    mcp: Annotated[bool, typer.Option("--mcp", help="Offer the models to agents too; needs stylehub\\[mcp].")] = False,
    trust: Trust = False,
) -> None:
    """Start the app in a browser: every model with its controls."""
    from hub.folders import require_consent
    from hub.registry import include

    for folder in folders or ():
        require_consent(folder, trust)
        include(folder)
    try:
        from space.app import serve
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise StylehubError("The app needs Gradio: pip install 'stylehub[space]'.") from None
    serve(host, port, share=share, mcp=mcp)
