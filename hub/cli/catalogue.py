"""`stylehub list`, `info` and `show`: the models, and the provenance metadata of a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.errors import ImageError

if TYPE_CHECKING:
    from hub.method import Method
from hub.cli.console import print_json, whole_column, wide_console
from hub.cli.options import Json, loads_model


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


@loads_model
def info(method: "Method", as_json: Json = False) -> None:
    """Show the styles, flags, paper and licences of a model."""
    from hub.cli.flags import rows

    entry, model = method.entry, method.entry.model
    flags = [
        dict(zip(("flag", "range", "default", "description"), row, strict=True)) for row in rows(method.Parameters)
    ]
    if as_json:
        facts = entry.model_dump(mode="json", exclude={"root"})
        print_json(facts | {"styles": [s.model_dump() for s in method.styles.values()], "parameters": flags})
        return
    from rich.table import Table

    console = wide_console()
    print(f"{entry.name}: {entry.model.title}\n{entry.model.summary}\n")
    paper = entry.method.paper
    print(f"paper     {paper.authors} {paper.year}: {paper.title}, {paper.url}")
    print(f"tasks     {', '.join(entry.tasks)}; pictures of any size, tiling {entry.method.tiling}")
    print(f"licences  code {entry.method.code_license}, weights {', '.join(model.licenses) or 'none needed'}")
    if model.files:
        first, one = model.files[0], len(model.files) == 1
        where = f"{first.repo_id}@{first.revision}" if first.revision else "bundled only"
        size = f"{sum(file.bytes or 0 for file in model.files) / 1e6:.2f} MB"
        print(
            f"weights   {size if one else f'{len(model.files)} files of {size} in all'}, sha256 {model.sha256}, {where}"
        )
    if method.styles:
        print()
        table = Table(whole_column("style"), "title", "artist", "year", box=None, pad_edge=False)
        for style in method.styles.values():
            table.add_row(style.name, style.title, style.artist, style.year)
        console.print(table)
    print()
    table = Table(whole_column("flag"), "range", "default", "what it does", box=None, pad_edge=False)
    for flag in flags:
        table.add_row(*flag.values())
    console.print(table)


def show(picture: Annotated[Path, typer.Argument(help="A picture that stylehub made.")], as_json: Json = False) -> None:
    """Show how a picture was made, and the command that makes it again."""
    from hub.images import read_recipe
    from hub.provenance import command, python_line

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
