"""What documents are drawn with: tables, marks, and the results of measurements.

A drawn part lies between ``<!-- name -->`` and ``<!-- /name -->``.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from benchmarks.__main__ import TABLES
from hub.cli.flags import rows
from hub.registry import PACKAGE_ROOT
from hub.spatial import SpatialParameters

MARK = re.compile(r"^<!-- ([\w-]+) -->$", re.MULTILINE)
PLACE = {flag for flag, *_ in rows(SpatialParameters)}


def table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table. A bar inside of a cell is escaped, also between backticks: GitHub would split the cell there."""
    drawn = []
    for line in (headings, *lines):
        cells = (cell.replace("|", r"\|") for cell in line)
        drawn.append("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|")
    return "\n".join([drawn[0], "|" + "---|" * len(headings), *drawn[1:]])


def table_of(model: type[BaseModel], without: Collection[str] = ()) -> str:
    """The fields of ``model`` as flag and keyword."""
    return table(
        ("flag", "keyword", "range", "default", "what it does"),
        [
            (f"`{flag}`", f"`{flag[2:].replace('-', '_')}`", bounds, default, description)
            for flag, bounds, default, description in rows(model)
            if flag not in without
        ],
    )


def result_of(name: str) -> dict[str, Any]:
    """A committed result of ``python -m benchmarks``."""
    path = PACKAGE_ROOT / "benchmarks" / "results" / f"{name}.json"
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def measured_table(name: str, weights: Mapping[str, str | None] = {}) -> str:
    """A committed result, drawn as ``python -m benchmarks`` draws it; of these ``weights`` by model."""
    result = result_of(name)
    for model, sha256 in weights.items():
        if result["models"][model]["weights"] != sha256:
            raise SystemExit(f"{name}.json was measured on other weights of {model}; measure it again")
    drawn: str = import_module(TABLES[name.partition("-")[0]]).render(result)
    return drawn


def fill(text: str, parts: Mapping[str, str]) -> str:
    """``text`` with what lies between the marks of each part replaced."""
    for part, content in parts.items():
        before, begin, rest = text.partition(f"<!-- {part} -->\n")
        _, end, after = rest.partition(f"<!-- /{part} -->")
        if not begin or not end:
            raise SystemExit(f"there is no <!-- {part} --> ... <!-- /{part} --> to fill")
        text = f"{before}{begin}{content}\n{end}{after}"
    return text
