"""One command for every table: ``python -m benchmarks`` runs all that need no material, ``... TABLE --help`` explains one.

Each table is a module with ``add_options(parser)``, ``measure(options)``, which returns plain data, and
``render(result)``, which draws that data as Markdown.
"""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.numbers import count
from benchmarks.results import RESULTS, write_result
from hub.errors import StylehubError
from hub.files import already_exists
from hub.threads import give_way

TABLES = {
    "peer": "benchmarks.peer",
    "megapixels": "benchmarks.megapixels",
    "batch": "benchmarks.batch",
    "gpu": "benchmarks.gpu",
    "papers": "benchmarks.papers",
    "quality": "benchmarks.quality",
    "optimisation": "benchmarks.optimisation",
    "gap": "benchmarks.gap",
    "depth": "benchmarks.depth",
    "segmentation": "benchmarks.segmentation",
    "photo": "benchmarks.photo",
    "photo_affine": "benchmarks.photo_affine",
    "operators": "benchmarks.operators",
    "arbitrary": "benchmarks.arbitrary",
    "strokes": "benchmarks.strokes",
    "metanet": "benchmarks.metanet",
    "load": "benchmarks.space_load",
    "arrival": "benchmarks.arrival",
    "large": "benchmarks.large",
    "kills": "benchmarks.kills",
    "contention": "benchmarks.contention",
    "fuzz": "benchmarks.fuzz",
    "pictures": "benchmarks.pictures",
}
NEED_NOTHING = ("peer", "megapixels", "batch", "gpu", "papers", "contention")


def main(arguments: list[str] | None = None) -> None:
    """Measure, print tables, write JSON. An error a user can mend is one sentence and exit status 1."""
    give_way()
    words = sys.argv[1:] if arguments is None else arguments
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help")):
        words = ["all", *words]
    parser = _parser()
    table = parser.parse_args(words).table
    try:
        if table == "show":
            _show(parser.parse_args(words).output)
        elif table == "all":
            _run({name: parser.parse_args([name, *words[1:]]) for name in NEED_NOTHING}, skip=True)
        else:
            _run({table: parser.parse_args(words)}, skip=False)
    except (StylehubError, OSError) as error:
        sys.exit(f"benchmarks: {error}")


def _run(chosen: dict[str, argparse.Namespace], *, skip: bool) -> None:
    """Measure the tables of ``chosen``; with ``skip``, one that cannot be measured here does not stop the others."""
    for name, options in chosen.items():
        target = _target(options.output, name)
        if target.exists() and not options.overwrite:
            raise StylehubError(already_exists(target))

    import torch

    from benchmarks.machine import describe_machine

    threads = next(iter(chosen.values())).threads
    if threads:
        torch.set_num_threads(threads)
    machine = describe_machine()
    if machine["load_average"] > 0.5:
        print(
            f"This machine is busy (load average {machine['load_average']}), so take the times as preliminary.",
            file=sys.stderr,
        )
    for name, options in chosen.items():
        try:
            result = {"table": name, "machine": machine, **_module(name).measure(options)}
        except StylehubError as error:
            if not skip:
                raise
            print(f"{name}: left out. {error}\n", file=sys.stderr)
            continue
        write_result(_target(options.output, name), result)
        print(f"{_module(name).render(result)}\n", flush=True)


def _show(folder: Path) -> None:
    """Print the tables of results that were measured before; ``TABLE-NAME.json`` is one of another machine."""
    for name in TABLES:
        for path in (_target(folder, name), *sorted(folder.glob(f"{name}-*.json"))):
            if path.is_file():
                result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                print(f"{_module(name).render(result)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument(
        "-o", "--output", type=Path, default=RESULTS, metavar="FOLDER", help="where TABLE.json goes and pictures too"
    )
    common = argparse.ArgumentParser(add_help=False, parents=[folder])
    common.add_argument("--threads", type=count, help="CPU threads; as many as torch takes when left out")
    common.add_argument("--overwrite", action="store_true", help="replace results that exist")
    commands = parser.add_subparsers(dest="table", metavar="TABLE")
    commands.add_parser("all", parents=[common], help=f"the tables that need no material: {', '.join(NEED_NOTHING)}")
    commands.add_parser("show", parents=[folder], help="print what was measured before, measure nothing")
    for name in TABLES:
        module = _module(name)
        text = module.__doc__ or ""
        command = commands.add_parser(
            name,
            parents=[common],
            description=text,
            help=text.partition("\n")[0],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_options(command)
    return parser


def _module(name: str) -> ModuleType:
    return import_module(TABLES[name])


def _target(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


if __name__ == "__main__":
    main()
