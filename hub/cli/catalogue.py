"""`stylehub list`, `info` and `show`: the models, and the provenance metadata of a picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.console import print_json, whole_column, wide_console
from hub.cli.options import Endpoint, Json, ModelName, Offline, Trust, load_quietly
from hub.errors import ImageError

if TYPE_CHECKING:
    from hub.entries import Entry


def list_(
    task: Annotated[
        str | None, typer.Option(help="Only models for this task: single, fusion, arbitrary, depth or photo.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List all models."""
    from hub.registry import list_models

    entries = list_models(task)
    if as_json:
        print_json([{"name": e.name, "method": e.method_id, "tasks": e.tasks, "title": e.model.title} for e in entries])
        return
    width = max(len(e.name) for e in entries)
    for e in entries:
        print(f"{e.name:{width}}  {e.model.title} ({', '.join(e.tasks)}): {e.model.summary}")


def info(
    model: ModelName,
    offline: Offline = False,
    endpoint: Endpoint = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Show the styles, flags, paper and licences of a model."""
    from hub.cli.flags import rows
    from hub.errors import ConsentError
    from hub.registry import info

    untold = ""
    try:
        method = load_quietly(model, device="cpu", offline=offline or None, endpoint=endpoint, trust=trust)
        entry, styles = method.entry, list(method.styles.values())
        flags = [
            dict(zip(("flag", "range", "default", "description"), row, strict=True)) for row in rows(method.Parameters)
        ]
    except ConsentError as error:  # what the entry says needs no code
        entry, styles, flags, untold = info(model), [], [], f"Its styles and flags are not shown: {error}"
    if as_json:
        told = {"styles": [s.model_dump() for s in styles], "parameters": flags} if not untold else {"untold": untold}
        print_json(entry.model_dump(mode="json", exclude={"root"}) | told)
        return
    from rich.table import Table

    for line in _about(entry):
        print(line)
    if styles:
        print()
        table = Table(whole_column("style"), "title", "artist", "year", box=None, pad_edge=False)
        for style in styles:
            table.add_row(style.name, style.title, style.artist, style.year)
        wide_console().print(table)
    print()
    if untold:
        print(untold)
        return
    table = Table(whole_column("flag"), "range", "default", "what it does", box=None, pad_edge=False)
    for flag in flags:
        table.add_row(*flag.values())
    wide_console().print(table)


def _about(entry: "Entry") -> Iterator[str]:
    model, paper = entry.model, entry.method.paper
    yield f"{entry.name}: {model.title}\n{model.summary}\n"
    yield f"paper     {paper.authors} {paper.year}: {paper.title}, {paper.url}"
    yield f"tasks     {', '.join(entry.tasks)}; pictures of any size, tiling {entry.method.tiling}"
    yield f"licences  code {entry.method.code_license}, weights {', '.join(model.licenses) or 'none needed'}"
    if model.files:
        first, one = model.files[0], len(model.files) == 1
        where = f"{first.repo_id}@{first.revision}" if first.revision else "bundled only"
        size = f"{sum(file.bytes or 0 for file in model.files) / 1e6:.2f} MB"
        yield f"weights   {size if one else f'{len(model.files)} files of {size} in all'}, sha256 {model.sha256}, {where}"


def show(picture: Annotated[Path, typer.Argument(help="A picture that stylehub made.")], as_json: Json = False) -> None:
    """Show how a picture was made, and the command that makes it again."""
    from hub.provenance import command, python_line, read_recipe

    recipe = read_recipe(picture)
    if recipe is None:
        raise ImageError(
            f"{picture} has no provenance metadata: stylehub did not make it, or another program removed them."
        )
    if as_json:
        print_json(recipe | {"command": command(recipe)})
        return
    print(command(recipe))
    print(python_line(recipe))
    by = f"weights sha256 {recipe['weights']}" if recipe.get("weights") else "no weights of its own"
    network = recipe.get("remarks", {}).get("perceptual_network")
    if recipe.get("stopped"):
        print("# stopped before the end: the command continues further")
    print(f"{by}{f', optimised by {network}' if network else ''}, stylehub {recipe.get('stylehub')}")
