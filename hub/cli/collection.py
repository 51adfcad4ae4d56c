"""`stylehub styles`: the styles that a user has added, and those that others share."""

import shlex
from typing import Annotated, Any

import typer

from hub.cli.console import print_json, whole_column, wide_console
from hub.cli.options import Endpoint, Json, Offline, Overwrite
from hub.errors import ParameterError, UnknownName

ACTIONS = ("list", "add", "show", "remove")


def styles(
    action: Annotated[str, typer.Argument(help="list, add, show or remove.")] = "list",
    style: Annotated[
        str | None, typer.Argument(help="To add: a file, or hf://owner/repo@commit. To show or remove: a name.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model. Default: the one that the style is for.")] = None,
    overwrite: Overwrite = False,
    offline: Offline = False,
    endpoint: Endpoint = None,
    token: Annotated[str | None, typer.Option(help="For a private repository.")] = None,
    as_json: Json = False,
) -> None:
    """Keep styles that you or others have made: stylehub styles add mine.safetensors.

    A style that is kept is found by its name, in the commands, in Python and in the app.
    """
    from hub.names import resolve
    from hub.publishing.collection import add, collection, find, remove

    action = resolve(action, ACTIONS, "action")
    if action == "list":
        found = [one for one in collection() if model in (None, one.model)]
        if as_json:
            print_json([_facts(one) for one in found])
        elif found:
            _table(found)
        else:
            print(
                "No styles are added; `stylehub add-style` learns one, `stylehub styles add FILE` takes one of others."
            )
        return
    if style is None:
        raise ParameterError(f"Name the style: stylehub styles {action} {'FILE' if action == 'add' else 'NAME'}.")
    if action == "add":
        fetching = {"offline": offline or None, "endpoint": endpoint, "token": token}
        kept = add(style, model, overwrite=overwrite, **fetching)
        print_json(_facts(kept)) if as_json else print(
            f"{kept.path}; use it with: {shlex.join(['stylehub', 'stylize', kept.model, 'PHOTO', '--style', kept.style.name])}"
        )
        return
    kept = find(style, model)
    if action == "remove":
        if style != kept.style.name:  # the end of a name is not enough to delete something
            raise UnknownName(f"There is no added style {style!r}; did you mean {kept.style.name}?")
        remove(kept)
        print(f"{kept.style.name} of {kept.model} is removed.")
    elif as_json:
        print_json(_facts(kept))
    else:
        print("\n".join(f"{name:8} {value}" for name, value in _facts(kept).items() if value))


def _facts(kept: Any) -> dict[str, str]:
    return {"model": kept.model, **kept.style.model_dump(), "file": str(kept.path)}


def _table(found: list[Any]) -> None:
    from rich.table import Table

    table = Table(whole_column("style"), whole_column("model"), "title", "author", "licence", box=None, pad_edge=False)
    for one in found:
        table.add_row(one.style.name, one.model, one.style.title, one.style.author, one.style.license)
    wide_console().print(table)
