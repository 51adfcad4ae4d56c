"""`stylehub plugins` and `trust`: the methods of others that are installed, and consent to the code in a folder."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.console import print_json
from hub.cli.options import Json
from hub.errors import StylehubError

if TYPE_CHECKING:
    from hub.entries import Entry
    from hub.plugins import Plugin


def plugins(as_json: Json = False) -> None:
    """List the installed plugins: where they are, the contract they were written for, and what does not load and why."""
    from hub.entries import CONTRACT
    from hub.registry import plugins

    found = list(plugins())
    with redirect_stdout(sys.stderr):  # a plugin may print while it is imported
        import hub.method  # noqa: F401 - the time that this takes is not theirs

        facts = [_facts(plugin) for plugin in found]
    if as_json:
        print_json({"contract": CONTRACT, "plugins": facts})
    elif not facts:
        print(f"No plugins are installed. This stylehub has version {CONTRACT} of the contract.")
    else:
        for fact in facts:
            print("\n".join(_lines(fact)))
    if any(fact["faults"] for fact in facts):
        raise typer.Exit(1)


def _facts(plugin: "Plugin") -> dict[str, Any]:
    methods = {} if plugin.fault else {entry.method_id: entry for entry in plugin.entries}
    dist = plugin.point.dist
    faults = [fault for entry in methods.values() if (fault := _fault(entry))]
    return {
        "name": plugin.name,
        "package": f"{dist.name} {dist.version}" if dist else plugin.point.value,
        "folder": str(plugin.folder) if plugin.folder else None,
        "contract": plugin.entries[0].contract if plugin.entries else None,
        "models": [entry.name for entry in plugin.entries],
        "faults": [plugin.fault] if plugin.fault else faults,
    }


def _fault(entry: "Entry") -> str | None:
    from hub.checking.importing import import_fault

    fault = import_fault(entry)
    if fault is None:
        return None
    return str(fault) if isinstance(fault, StylehubError | TimeoutError) else repr(fault)


def _lines(fact: dict[str, Any]) -> Iterator[str]:
    yield f"{fact['name']}  {fact['package']}, {fact['folder'] or 'folder unknown'}"
    if fact["models"]:
        yield f"  contract {fact['contract']}, models: {', '.join(fact['models'])}"
    for fault in fact["faults"]:
        yield f"  does not load: {fault}"


def trust(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder with a method. Default: list what is trusted.")
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="No longer trust the code in the folder.")] = False,
) -> None:
    """Trust the code in a folder as it is now: it then runs without --trust, until it changes."""
    from hub.entries import folder_entries
    from hub.folders import forget, remember, trusted

    if folder is None:
        for sha256, place in trusted().items():
            print(f"{place}  {sha256}")
        return
    try:
        if withdraw:
            print(f"{folder} is no longer trusted." if forget(folder) else f"{folder} was not trusted.")
            return
        folder_entries(folder)  # says what is wrong with a folder that has no method
        remember(folder)
    except OSError as error:
        raise StylehubError(f"What is trusted cannot be written ({error}); free some space, or use --trust.") from None
    ends = shlex.join(["stylehub", "trust", str(folder), "--withdraw"])
    print(f"{folder} is trusted until its code changes; `{ends}` ends that.")
