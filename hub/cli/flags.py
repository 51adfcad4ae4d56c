"""Command-line flags generated from the fields of a pydantic model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hub.errors import ParameterError, UnknownName
from hub.names import resolve
from hub.parameters import FieldSpec, field_specs


def parse(model: type[BaseModel], words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Split ``words`` into values for ``model`` and the remaining words.

    Flags are ``--name value`` or ``--name=value``, ``--flag`` and ``--no-flag``. A list repeats the flag or uses commas;
    shares are ``--style name=0.6 --style other=0.4``. Raises ``UnknownName`` or ``ParameterError``.
    """
    options = {field.option: field for field in field_specs(model)}
    negatives = {"--no-" + field.option[2:]: field for field in options.values() if field.kind == "flag"}
    found: dict[str, list[str]] = {}
    flags: dict[str, Any] = {}
    rest: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("-") or word == "-" or _is_number(word):
            rest.append(word)
            continue
        option, equals, value = word.partition("=")
        if option in negatives:
            flags[negatives[option].name] = False
            continue
        if option not in options:
            try:
                option = "--" + resolve(option.lstrip("-"), {o[2:] for o in options}, "option")
            except UnknownName as error:
                raise UnknownName(f"{error} If it is a file, write ./{word}.") from None
        field = options[option]
        if field.kind == "flag" and not equals:
            flags[field.name] = True
            continue
        if not equals:
            if not queue:
                raise ParameterError(f"{option} needs a value: {field.description}")
            value = queue.pop(0)
        found.setdefault(field.name, []).append(value)
    by_name = {field.name: field for field in options.values()}
    return flags | {name: _value(by_name[name], values) for name, values in found.items()}, rest


def rows(model: type[BaseModel]) -> list[tuple[str, str, str, str]]:
    """(flag, range, default, description) of every field, for the help text and the table in a model card."""
    return [(f.option, _range(f), "needed" if f.required else _default(f), f.description) for f in field_specs(model)]


def _value(field: FieldSpec, values: list[str]) -> Any:
    if field.kind == "shares":
        pairs = [
            part.rpartition("=") if "=" in part else (part, "", "") for value in values for part in value.split(",")
        ]
        if len(pairs) == 1 and not pairs[0][1]:
            return pairs[0][0]
        try:
            shares: dict[str, float] = {}
            for name, equals, share in pairs:
                shares[name] = shares.get(name, 0.0) + (float(share) if equals else 1.0)
            return shares
        except ValueError:
            raise ParameterError(f"{field.option} takes names with shares, such as {field.option} name=0.6.") from None
    if field.kind == "pictures":
        pictures = [_path_with_share(value) for value in values]
        return pictures if len(pictures) > 1 or pictures[0][1] != 1 else pictures[0][0]
    if field.kind == "list":
        return [part for value in values for part in value.split(",") if part]
    if len(values) > 1:
        raise ParameterError(f"{field.option} is given {len(values)} times; give it once.")
    return values[0]


def _path_with_share(word: str) -> tuple[str, float]:
    path, equals, share = word.rpartition("=")
    if equals and not _is_number(share) and Path(path).is_file() and not Path(word).is_file():
        raise ParameterError(f"The share of {path} cannot be {share!r}: give a number, such as {path}=0.5.")
    return (path, float(share)) if equals and _is_number(share) else (word, 1.0)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _range(field: FieldSpec) -> str:
    if field.choices:
        number = [] if field.minimum is None else [f"{field.minimum:g}..{field.maximum:g}"]
        return "|".join([*field.choices, *number])
    if field.kind == "shares":
        return "name or name=share"
    if field.kind == "pictures":
        return "file or file=share"
    if field.kind == "map":
        return "file"
    if field.minimum is None and field.maximum is None:
        return "" if field.kind == "flag" else field.kind
    low, high = ("" if bound is None else f"{bound:g}" for bound in (field.minimum, field.maximum))
    return f"{low}..{high}"


def _default(field: FieldSpec) -> str:
    if field.kind == "flag" and field.default is not None:
        return "on" if field.default else "off"
    if isinstance(field.default, list):
        return ",".join(map(str, field.default))
    if isinstance(field.default, dict):
        return ",".join(f"{name}={share:g}" for name, share in field.default.items())
    return "" if field.default is None else str(field.default)
