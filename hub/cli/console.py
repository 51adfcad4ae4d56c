"""Output of the commands: progress bars, tables, JSON."""

import codecs
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image
    from rich.progress import Progress as Bars
    from rich.table import Column

    from hub.progress import Progress, ProgressCallback


@contextmanager
def progress_bar(hidden: bool) -> "Iterator[Bars]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal) as bar:
        yield bar


def updating(bar: "Bars", task: Any, latest: "list[Image.Image] | None" = None) -> "ProgressCallback":
    """Update the bar and its losses, and keep the ``latest`` preview; without a terminal print a line every 10 seconds."""
    from methods.parts.pace import Pace

    name, pace = bar.tasks[task].description, Pace()

    def update(p: "Progress") -> None:
        losses = "".join(f"  {what} {value:.3f}" for what, value in p.losses.items() if "/" not in what)
        bar.update(task, completed=p.step, total=p.of, description=name + losses)
        if p.losses and not bar.console.is_terminal and pace.due(seconds=10):
            print(f"stylehub: {name}, {p.step}/{p.of}{losses}", file=sys.stderr, flush=True)
        if latest is not None and p.preview is not None:
            latest[:] = [p.preview]

    return update


def wide_console() -> Any:
    """Where tables are printed; what is in brackets is text, not markup."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 200, markup=False, emoji=False)


def whole_column(title: str) -> "Column":
    """A column that is never cut, for names."""
    from rich.table import Column

    return Column(title, no_wrap=True)


def print_json(value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a name that the terminal cannot show
        text = json.dumps(value, indent=2)
    print(text)


def show_every_name() -> None:
    """Print file names that the terminal cannot show as their bytes or with escapes, instead of failing."""
    codecs.register_error("stylehub", _shown)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="stylehub")


def _shown(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)  # bytes that are no text, as they are on the disk
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)
