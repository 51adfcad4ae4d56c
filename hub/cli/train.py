"""`stylehub train`: train a method's weights."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.errors import ParameterError
from hub.threads import give_way_to_all

if TYPE_CHECKING:
    from hub.progress import Progress
from hub.cli.console import progress_bar, whole_column, wide_console
from hub.cli.options import TRUST, Device, Trust

OUT = "The folder of this run; an interrupted run continues."
BACKGROUND = "Run at the lowest priority, after all other work on the machine."


def train(
    method: Annotated[str, typer.Argument(help="A method that can be trained, such as cin, or ./folder.")] = "",
    words: Annotated[list[str] | None, typer.Argument(metavar="FLAGS...", help="The training settings.")] = None,
    out: Annotated[Path, typer.Option("--out", help=OUT)] = Path("runs/train"),
    device: Device = "auto",
    background: Annotated[bool, typer.Option("--background", help=BACKGROUND)] = False,
    trust: Trust = False,
    help_: Annotated[bool, typer.Option("--help", help="Show this method's settings.")] = False,
) -> None:
    """Train a method: stylehub train cin --content shards/ --styles paintings/ --vgg vgg16.safetensors --out runs/cin."""
    from hub.cli.flags import parse, rows
    from hub.entries import folder_entry, is_path
    from hub.folders import require_consent
    from hub.names import resolve
    from hub.parameters import validate
    from hub.plugins import named_class, plugin_class
    from hub.registry import list_models, parts

    target = ""  # where `stylehub bundle` puts the weights of a method of others
    shared = {name: part.training for name, part in parts().items() if part.training}
    known = {e.method_id: e for e in list_models()}
    trainable = sorted({name for name, e in known.items() if e.method.training} | {*shared})
    if not method:
        print(
            f"usage: stylehub train METHOD --out FOLDER FLAGS...\n`stylehub train METHOD --help` lists the flags of: {', '.join(trainable)}"
        )
        raise typer.Exit(0 if help_ else 2)
    if method in shared:
        recipe_class = named_class(shared[method])
    else:
        if is_path(method):
            entry = folder_entry(method)
        else:
            entry = known.get(method) or known[resolve(method, trainable, "method to train")]
        if entry.method.training is None:
            raise ParameterError(f"{method} cannot be trained; choose one of {', '.join(trainable)}.")
        if entry.external:
            require_consent(Path(entry.source), trust)
        else:
            method = entry.method_id
        target = method if entry.external else entry.name if entry.source != "stylehub" else ""
        recipe_class = plugin_class(entry, entry.method.training)
    if help_:
        from rich.table import Table

        table = Table(whole_column("flag"), "range", "default", "what it does", box=None, pad_edge=False)
        for row in [
            ("--out", "path", "runs/train", OUT),
            ("--device", "", "auto", "auto, cpu, cuda, mps."),
            ("--background", "", "off", BACKGROUND),
            ("--trust", "", "off", TRUST),
            *rows(recipe_class.Settings),
        ]:
            table.add_row(*row)
        print(f"usage: stylehub train {method} FLAGS...\n")
        wide_console().print(table)
        return
    from hub.runtime import choose_device
    from hub.trainer import train as run
    from methods.parts.pace import Pace

    if background:
        give_way_to_all()
    values, rest = parse(recipe_class.Settings, words or [])
    if rest:
        raise ParameterError(f"{rest[0]!r} is not a flag; `stylehub train {method} --help` lists the flags.")
    place = choose_device(device)
    settings = validate(recipe_class.Settings, values).on(place)
    recipe = recipe_class(settings, place)
    pace = Pace()
    with progress_bar(False) as bar:
        task = bar.add_task("train", total=settings.steps)

        def advance(p: "Progress") -> None:
            pace.update(p.step, p.of)
            losses = " ".join(f"{name} {value:.3f}" for name, value in p.losses.items() if "/" not in name)
            bar.update(task, completed=p.step, description=losses)
            if not sys.stderr.isatty() and (p.step % 50 == 0 or p.step == p.of):
                speed = f"{60 * pace.rate:.3g} steps/min{pace.left}"
                print(f"{p.step}/{p.of} {losses}; {speed}", file=sys.stderr, flush=True)

        try:
            weights = run(recipe, out, place, advance)
        except KeyboardInterrupt:
            print(f"stylehub: stopped; the same command continues from the checkpoint in {out}.", file=sys.stderr)
            raise typer.Exit(130) from None
    shown = str(weights if weights.is_absolute() else f"./{weights}")
    trial = f"; try it with `{shlex.join(['stylehub', 'stylize', shown, 'PHOTO', '...'])}`"
    if target:
        trial = f"; put it beside the method with `{shlex.join(['stylehub', 'bundle', str(weights), target])}`"
    elif method in shared:
        trial = ""
    print(f"trained: {weights}{trial}; losses: `{shlex.join(['tensorboard', '--logdir', str(out)])}`")
