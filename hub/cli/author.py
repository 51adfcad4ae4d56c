"""`stylehub new` and `bundle`: begin a method of your own, and put trained weights beside it."""

import shlex
from pathlib import Path
from typing import Annotated, cast

import typer

from hub.errors import ParameterError


def new(
    folder: Annotated[Path, typer.Argument(help="The new folder; its name becomes the name of the method.")],
    task: Annotated[str, typer.Option(help="single, fusion, arbitrary, depth or photo.")] = "single",
    weights: Annotated[
        bool, typer.Option("--weights", help="With a network, its training, and training data.")
    ] = False,
    package: Annotated[bool, typer.Option("--package", help="As a package that can be installed.")] = False,
) -> None:
    """Begin a method of your own: stylehub new my-method.

    The folder works at once: the method, its entry, its card and its test.
    """
    from typing import get_args

    from hub.entries import Task
    from hub.names import resolve
    from hub.scaffold import Task as NewTask
    from hub.scaffold import new

    try:
        code = new(folder, task=cast(NewTask, resolve(task, get_args(Task), "task")), weights=weights, package=package)
    except OSError as error:
        raise ParameterError(f"{folder} cannot be written ({error.strerror or error}); choose another place.") from None
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    print("\n".join(str(path) for path in files))
    shown = shlex.quote(str(folder if folder.is_absolute() else f"./{folder}"))
    name, trust = (folder.name, "") if package else (shown, " --trust")
    style = "" if task == "single" else " --style painting.jpg"
    print(f"\ninstall it:  pip install -e {shown}" if package else "")
    print(f"try it:      stylehub stylize {name} photo.jpg{style}{trust}")
    if weights:
        print(f"train it:    {(code / 'weights' / 'README.md')} has the commands; the weights are not trained yet")
    print(f"check it:    stylehub check {name}{trust}")


def bundle(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="What a training has exported: runs/x/weights.")],
    model: Annotated[str, typer.Argument(metavar="MODEL", help="./folder, a model, model/style, or a shared part.")],
) -> None:
    """Put trained weights beside their method, with their size and sha256 in its registry.yaml."""
    from hub.publishing import bundle

    file = bundle(weights, model)
    print(f"{file}: {file.stat().st_size / 1e6:.2f} MB")
