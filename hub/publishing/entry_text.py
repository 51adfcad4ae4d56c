"""Change some fields of a ``registry.yaml`` and nothing else: comments, order and quotes stay."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from hub.errors import RegistryError
from hub.files import write_whole


def set_fields(path: Path, keys: Sequence[str], fields: Mapping[str, str | int]) -> None:
    """Write ``fields`` into the mapping at ``keys`` of the file at ``path``; a field that is missing is added.

    Raises ``RegistryError`` where the mapping is not written as one line for each field.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    start, end, indent = 0, len(lines), -1
    for key in keys:
        inside = [
            i for i in range(start, end) if re.match(rf" {{{indent + 1},}}{re.escape(key)}:( &\w+)?( *#.*)?$", lines[i])
        ]
        if not inside:
            raise RegistryError(f"{path} has no lines below {' '.join(keys)}; write every field on a line of its own.")
        start, indent = inside[0] + 1, _indent(lines[inside[0]])
        end = next((i for i in range(start, end) if lines[i].strip() and _indent(lines[i]) <= indent), end)
    inner = next((_indent(line) for line in lines[start:end] if line.strip()), indent + 2)
    for name, value in fields.items():
        written = f'{" " * inner}{name}: "{value}"' if isinstance(value, str) else f"{' ' * inner}{name}: {value}"
        there = [i for i in range(start, end) if re.match(rf" {{{inner}}}{re.escape(name)}:", lines[i])]
        if there:
            lines[there[0]] = written
        else:
            lines.insert(start, written)
            end += 1
    text = "\n".join(lines) + "\n"
    found = yaml.safe_load(text)
    for key in keys:
        found = found[key]
    if any(found.get(name) != value for name, value in fields.items()):
        raise RegistryError(f"{path} cannot be changed at {' '.join(keys)}; write every field on a line of its own.")
    write_whole(path, text.encode())


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
