"""Make the weights of a model again, by the commands of its recipe.

python -m tools.remake --list
python -m tools.remake cin-25styles --data data --weights weights
"""

import json
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.errors import ParameterError, StylehubError
from hub.files import write_whole
from hub.names import resolve
from hub.publishing import bundle as put_into_the_package
from tools.recipes import PROGRAMS, RUNS, Recipe, Sample, read_recipe, recipes

STATE = "remake.json"  # in the folder of a run: what it was begun with, and how many of its commands are done
STARTED_BY = dict(zip(PROGRAMS, ([sys.executable, "-m", "hub"], [sys.executable]), strict=True))


def run(recipe: Recipe, data: Path, weights: Path, out: Path, steps: int | None = None) -> None:
    """Run the commands of ``recipe`` in ``out``, from the one where an earlier run of them stopped."""
    state = out / STATE
    plan: dict[str, Any] = {"commands": recipe.commands, "steps": steps}
    begun: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {**plan, "done": 0}
    if {key: begun[key] for key in plan} != plan:
        raise ParameterError(f"{out} was begun with other commands, see {state}; give another folder with --out.")
    out.mkdir(parents=True, exist_ok=True)
    write_whole(state, json.dumps(begun, indent=2).encode())
    write_files(recipe, data, out)
    commands = recipe.filled(data, weights, out, steps)
    for number, words in enumerate(commands):
        if number < begun["done"]:
            print(f"# done: {shlex.join(words)}")
            continue
        print(shlex.join(words), flush=True)
        status = subprocess.run([*STARTED_BY[words[0]], *words[1:]], check=False).returncode
        if status:
            raise StylehubError(
                f"Command {number + 1} of {len(commands)} (`{' '.join(words[:3])} ...`) ended with status {status}, for the "
                "reason above; mend that and give the same command again, which goes on from there."
            )
        write_whole(state, json.dumps({**plan, "done": number + 1}, indent=2).encode())
    print(f"made: {out / 'weights'}")


def write_files(recipe: Recipe, data: Path, out: Path) -> None:
    """What the commands find in their run: factors as JSON, a picture out of a shard."""
    for name, content in recipe.files.items():
        if not isinstance(content, Sample):
            (out / name).write_text(json.dumps(content))
            continue
        try:
            with tarfile.open(data / content.shard) as tar:
                (out / name).write_bytes(tar.extractfile(content.member).read())  # type: ignore[union-attr]
        except (KeyError, tarfile.TarError) as error:
            raise ParameterError(
                f"{data / content.shard} gives no {content.member} ({error}); give the folder of the right shards with --data."
            ) from None


def remake(
    model: Annotated[str, typer.Argument(help="What to make, of --list.")] = "",
    data: Annotated[Path, typer.Option(help="The folder with content/, styles/ ...")] = Path("data"),
    weights: Annotated[Path, typer.Option(help="The folder with the networks to learn by.")] = Path("weights"),
    out: Annotated[Path | None, typer.Option(help="The folder of this run; runs/MODEL when left out.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands only.")] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="No more steps a training: a trial.")] = None,
    bundle: Annotated[bool, typer.Option("--bundle", help="Put the weights into the package at the end.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List what there are recipes of.")] = False,
) -> None:
    """Make the weights of a model again, by the commands of its recipe; a run that stopped goes on."""
    known = recipes()
    if list_:
        for name, path in known.items():
            recipe = read_recipe(path)
            print(f"{name:<36} from {', '.join([*recipe.data, *recipe.weights, *recipe.models, *recipe.runs])}")
        return
    model = resolve(model, known, "recipe")
    recipe = read_recipe(known[model])
    if bundle and steps:
        raise ParameterError("A trial with --steps does not ship; leave out --steps or --bundle.")
    # A trial has a folder of its own, so that the real run does not go on from it.
    out = out or RUNS / (f"{model}-{steps}-steps" if steps else model)
    if recipe.note:
        print(f"# {recipe.note}")
    if dry_run:
        for name, content in recipe.files.items():
            print(f"# {out / name} is {content}")
        print("\n".join(map(shlex.join, recipe.filled(data, weights, out, steps))))
        return
    for option, file in recipe.needed():
        folder = {"data": data, "weights": weights}[option]
        if not (folder / file).exists():
            raise ParameterError(
                f"{folder} has no {file}, which {model} is made from; say where it is with --{option}."
            )
    for file in recipe.runs.values():
        if not (RUNS / file).exists():
            earlier = file.partition("/")[0]
            raise ParameterError(
                f"{model} goes on from {RUNS / file}; make that first, with `python -m tools.remake {earlier}`."
            )
    run(recipe, data, weights, out, steps)
    if bundle:
        put_into_the_package(out / "weights", model)


def main(words: list[str] | None = None) -> None:
    """The command; what a user can mend is one sentence and exit status 1."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(remake)
    try:
        app(words)
    except StylehubError as error:
        sys.exit(f"remake: {error}")


if __name__ == "__main__":
    main()
