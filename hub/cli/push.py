"""`stylehub push`: weights, configuration and card to the model hub."""

import os
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.console import print_json
from hub.cli.options import Endpoint, Json
from hub.errors import ParameterError


def push(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A model, a shared part, ./folder, or a style (.safetensors).")
    ] = None,
    to: Annotated[str | None, typer.Option(help="The repository owner/name. Default: that of the entry.")] = None,
    space: Annotated[
        str | None, typer.Option(help="Push the app to this Space (owner/name) instead of a model.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the commit, and make none.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Add to a repository that exists already.")] = False,
    token: Annotated[
        str | None, typer.Option(help="A token with the right to write. Default: that of `hf auth login`.")
    ] = None,
    endpoint: Endpoint = None,
    as_json: Json = False,
) -> None:
    """Push a model to the model hub in one commit: stylehub push ./my-method --to owner/name.

    Weights, configuration and card are pushed, never code. The commit is written into registry.yaml.
    """
    from hub.publishing.push import of_model, send
    from hub.publishing.space import of_space
    from hub.publishing.style_file import of_style

    if (name is None) == (space is None) or (space and to):
        raise ParameterError("Give the name of a model, with --to if need be, or --space owner/name alone.")
    if space:
        planned = of_space(space)
    elif name and name.endswith(".safetensors"):
        planned = of_style(Path(name).expanduser(), to)
    else:
        planned = of_model(name or "", to)
    sizes = {
        path: len(file) if isinstance(file, bytes) else file.stat().st_size for path, file in planned.files.items()
    }
    facts = {
        "repository": planned.repo_id,
        "kind": planned.kind,
        "message": planned.message,
        "files": sizes,
        "left_out": planned.left_out,
    }
    if not as_json:
        print(f"{planned.kind} {planned.repo_id}: {planned.message}")
        for path, size in sizes.items():
            print(f"  {path}  {size:,} bytes")
        for path in planned.left_out:
            print(f"  {path} is left out: it may be code, or lies behind a link")
    if dry_run:
        print_json(facts) if as_json else print("Nothing was pushed; leave out --dry-run.")
        return
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    commit = send(planned, token=token, endpoint=endpoint, overwrite=overwrite)
    if as_json:
        print_json(facts | {"commit": commit})
    elif name and name.endswith(".safetensors"):
        print(f"pushed; others take it with: stylehub styles add hf://{planned.repo_id}@{commit}")
    elif planned.place:
        print(f"pushed: hf://{planned.repo_id}@{commit}; {planned.place.registry} has the commit")
    else:
        print(f"pushed: {planned.repo_id} at commit {commit}")
