"""The command line: all commands, each implemented in a module of this folder.

A method's flags are generated from its ``Parameters``. Heavy imports happen inside the commands, so that
``stylehub list`` is fast.
"""

import os
import sys
import warnings
from typing import Annotated, Any, NoReturn

import typer

from hub import __version__
from hub.cli import (
    author,
    batch,
    catalogue,
    check,
    collection,
    evaluate,
    plugins,
    push,
    site,
    space,
    styles,
    stylize,
    train,
    worker,
)
from hub.cli.console import show_every_name
from hub.cli.options import FLAGS_HELP, FREE
from hub.errors import StylehubError
from hub.threads import give_way

app = typer.Typer(
    help="Image style transfer: every method behind one command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
TAKES_FLAGS: dict[str, Any] = {"context_settings": FREE, "epilog": FLAGS_HELP}
OF_SITE: dict[str, Any] = {"context_settings": FREE, "epilog": site.EPILOG}

app.command("list")(catalogue.list_)
app.command("info")(catalogue.info)
app.command("stylize", help=stylize.STYLIZE, **TAKES_FLAGS)(stylize.stylize_command(blending=False))
app.command("fuse", help=stylize.FUSE, **TAKES_FLAGS)(stylize.stylize_command(blending=True))
app.command("batch", **TAKES_FLAGS)(batch.batch)
app.command("train", context_settings={**FREE, "help_option_names": []}, add_help_option=False)(train.train)
app.command("add-style", context_settings=FREE)(styles.add_style)
app.command("vector")(styles.vector)
app.command("styles")(collection.styles)
app.command("scene")(styles.scene)
app.command("eval")(evaluate.evaluate)
app.command("space", **OF_SITE)(space.space)
app.command("worker", **OF_SITE)(worker.worker)
app.command("show")(catalogue.show)
app.command("new")(author.new)
app.command("bundle")(author.bundle)
app.command("push")(push.push)
app.command("check", **TAKES_FLAGS)(check.check)
app.command("plugins")(plugins.plugins)
app.command("trust")(plugins.trust)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Image style transfer: every method behind one command."""
    if show:
        print(f"stylehub {__version__}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line; an expected error becomes one sentence on standard error and exit status 1."""
    give_way()
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # hides the client's messages about retries
    warnings.filterwarnings("ignore", module=r"PIL\.")  # our own errors describe bad pictures
    show_every_name()
    try:
        app()
    except StylehubError as error:
        if os.environ.get("STYLEHUB_TRACEBACK"):
            raise
        print(f"stylehub: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stylehub: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
    except Exception as error:
        if os.environ.get("STYLEHUB_TRACEBACK"):
            raise
        what = " ".join(", ".join([str(error) or "no reason given", *getattr(error, "__notes__", [])]).split())
        print(f"stylehub: {type(error).__name__}: {what}; set STYLEHUB_TRACEBACK=1 to see where.", file=sys.stderr)
    sys.exit(1)
