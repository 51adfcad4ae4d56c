"""Results on disk as JSON, and on the screen as Markdown that a document can quote."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hub.files import write_whole

RESULTS = Path(__file__).resolve().parent / "results"


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write ``result`` as JSON, whole or not at all; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(result, indent=2, ensure_ascii=False) + "\n").encode())


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with its columns aligned, so that it reads well in a terminal too."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    drawn = ["| " + " | ".join(f"{c:{w}}" for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([drawn[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *drawn[1:]])


def dtypes(result: dict[str, Any]) -> str:
    """Every model of a result and what it computes in, in one line."""
    return ", ".join(f"`{name}` in {facts['dtype']}" for name, facts in result["models"].items())


def where(result: dict[str, Any]) -> str:
    """The machine of a result in one line, for below its table."""
    m = result["machine"]
    place = f"{m['gpu']}, {m['cpu']}" if m["gpu"] else m["cpu"]
    busy = f"; the machine was busy, load average {m['load_average']}" if m["load_average"] > 0.5 else ""
    place += f", {m['instructions']}" if m.get("instructions") else ""  # older results do not have them
    return f"{place}, {m['threads']} threads, torch {m['versions']['torch']}, {m['date']}{busy}."
