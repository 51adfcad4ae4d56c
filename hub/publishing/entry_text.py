"""Change some fields of a ``registry.yaml`` and nothing else: comments, order and quotes stay."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from hub.errors import RegistryError
from hub.files import write_whole


def set_fields(path: Path, keys: Sequence[str], fields: Mapping[str, str | int]) -> None:
    """Write ``fields`` into the mapping at ``keys`` of the file at ``path``; a field that is missing is added.

    Raises ``RegistryError`` where the mapping is not written as one line for each field, and ``OSError``.
    """
    write_whole(path, with_fields(path, keys, fields).encode())


def with_fields(path: Path, keys: Sequence[str], fields: Mapping[str, str | int]) -> str:
    """The text that ``set_fields`` writes. Raises ``RegistryError``."""
    text = path.read_bytes().decode()
    lines, ending = text.splitlines(), "\r\n" if "\r\n" in text else "\n"
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
    added = []
    for name, value in fields.items():
        written = f'{" " * inner}{name}: "{value}"' if isinstance(value, str) else f"{' ' * inner}{name}: {value}"
        found = [i for i in range(start, end) if re.match(rf" {{{inner}}}{re.escape(name)}:", lines[i])]
        if found:
            lines[found[0]] = written
        else:
            added.append(written)
    lines[start:start] = added
    text = ending.join([*lines, ""])
    if not _holds(text, keys, fields):
        raise RegistryError(f"{path} cannot be changed at {' '.join(keys)}; write every field on a line of its own.")
    return text


def _holds(text: str, keys: Sequence[str], fields: Mapping[str, str | int]) -> bool:
    try:
        found = yaml.safe_load(text)
        for key in keys:
            found = found[key]
    except (yaml.YAMLError, KeyError, TypeError):
        return False
    return isinstance(found, dict) and all(found.get(name) == value for name, value in fields.items())


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
