"""The fields of a pydantic model, described for flags, controls and tables, with the role of each."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from inspect import get_annotations
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer
from pydantic.fields import FieldInfo

# Roles tell the hub and the app which parameter holds the style, the colour table, a painted mask or the state.
Role = Literal["style", "second style", "stroke", "table", "photo mask", "style mask", "checkpoint"]
_BY_NAME: dict[str, Role] = {"style": "style", "other": "second style"}  # for methods that declare no roles


def with_role(role: Role, default: Any = ..., *, group: str = "", **constraints: Any) -> Any:
    """A ``Field`` with a role, so that other code need not know its name; ``...`` means required."""
    return Field(default, json_schema_extra={"role": role, "group": group}, **constraints)


def field_of(model: type[BaseModel], role: Role) -> str | None:
    """The name of the field of ``model`` with ``role``; None without such a field."""
    declared_roles = {_extra(field).get("role"): name for name, field in model.model_fields.items()}
    by_name = next((name for name, known in _BY_NAME.items() if known == role and name in model.model_fields), None)
    return declared_roles.get(role, by_name)


def value_of(values: BaseModel, role: Role) -> Any:
    """The value of the field with ``role``; None without such a field."""
    name = field_of(type(values), role)
    return None if name is None else getattr(values, name)


def advanced(default: Any, **constraints: Any) -> Any:
    """A ``Field`` that few users change; the app hides it under "More"."""
    return Field(default, json_schema_extra={"advanced": True}, **constraints)


def inherited(model: type[BaseModel], name: str, default: Any, **texts: str) -> Any:
    """The field ``name`` of ``model`` with another ``default``, and with other ``texts`` if given, for a subclass."""
    field = copy(model.model_fields[name])
    field.default = default
    field.json_schema_extra = _extra(field) | {"inherited": True}
    for attribute, text in texts.items():
        setattr(field, attribute, text)
    return field


@dataclass(frozen=True)
class FieldSpec:
    """One field of a pydantic model, for a command-line flag, a control of the app or a row of a table."""

    name: str
    kind: Literal["flag", "integer", "number", "text", "choice", "path", "list", "shares", "pictures", "map"]
    default: Any
    required: bool
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    title: str
    description: str
    advanced: bool = False
    group: str = ""
    role: str = ""

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")


def field_specs(model: type[BaseModel]) -> Iterator[FieldSpec]:
    """The fields of ``model`` in their order, fields in a group last."""
    for name, field in sorted(model.model_fields.items(), key=lambda item: bool(_extra(item[1]).get("group"))):
        kind, choices = _kind(field.annotation)
        yield FieldSpec(
            name=name,
            kind=kind,
            default=None if field.is_required() else field.get_default(call_default_factory=True),
            required=field.is_required(),
            minimum=_bound(field, "ge", "gt"),
            maximum=_bound(field, "le", "lt"),
            choices=choices,
            title=field.title or name.replace("_", " ").capitalize(),
            description=field.description or "",
            advanced=_extra(field).get("advanced") is True,
            group=str(_extra(field).get("group", "")),
            role=str(_extra(field).get("role") or _BY_NAME.get(name, "")),
        )


def check_fields(model: type[BaseModel], of_all: type[BaseModel]) -> None:
    """Raise ``TypeError`` for a field that ``model`` declares anew though ``of_all`` has it, or of a type without a flag."""
    for name in get_annotations(model):
        if (field := model.model_fields.get(name)) is None:
            continue
        if name in of_all.model_fields and not _extra(field).get("inherited"):
            raise TypeError(
                f"The parameter {name!r} of {model.__name__} is one that every method has; choose another name, or change "
                f"its default alone with inherited({of_all.__name__}, {name!r}, ...)"
            )
        try:
            _kind(field.annotation)
        except TypeError as error:
            raise TypeError(f"The parameter {name!r} of {model.__name__} is declared wrongly: {error}") from None


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _parse_shares(value: Any) -> Any:
    """``"a=0.6, b"`` as ``{"a": 0.6, "b": 1.0}``."""
    if not isinstance(value, str):
        return value
    pairs = [part.strip().rpartition("=") if "=" in part else (part.strip(), "", "1") for part in value.split(",")]
    try:
        return {name: float(share) for name, _, share in pairs}
    except ValueError:
        raise ValueError("should be names with shares, such as a=0.6, b=0.4") from None


# A path of which the provenance metadata hold only the file name.
FilePath = Annotated[Path, PlainSerializer(lambda path: path.name)]
# Names with their shares or weights, as a mapping or as text.
Shares = Annotated[dict[str, float], BeforeValidator(_parse_shares)]


_KINDS = {bool: "flag", int: "integer", float: "number", Path: "path", str: "text"}


def _kind(annotation: Any) -> tuple[Any, tuple[str, ...]]:
    """The kind and the choices. Raises ``TypeError`` for a type that has no flag and no control."""
    union = get_origin(annotation) in (Union, UnionType)
    options = [a for a in get_args(annotation) if a is not type(None)] if union else [annotation]
    options = [get_args(option)[0] if get_origin(option) is Annotated else option for option in options]
    plain = options[0]
    if get_origin(plain) is Literal:
        return "choice", tuple(map(str, get_args(plain)))
    if any(get_origin(option) is dict for option in options):
        return "shares", ()
    for option in options:
        if kind := getattr(option, "declared_kind", None):  # a type of ours names its own control
            return kind, ()
    if get_origin(plain) is list:
        return "list", ()
    if plain not in _KINDS:
        raise TypeError(
            f"the type {getattr(plain, '__name__', plain)} has no flag and no control; use bool, int, float, str, Path, "
            "Literal, list, or Shares, Pictures or Map of the hub"
        )
    return _KINDS[plain], ()


def _bound(field: FieldInfo, *names: str) -> float | None:
    constraints = list(field.metadata)
    for option in get_args(field.annotation):  # of a union, such as words or Annotated[int, Field(ge=64)]
        if get_origin(option) is Annotated:
            constraints += [c for extra in get_args(option)[1:] for c in getattr(extra, "metadata", ())]
    for constraint in constraints:
        for name in names:
            if (value := getattr(constraint, name, None)) is not None:
                return float(value)
    return None
