"""The parameters that every method shares, declared once for Python, the command line, the app and the cards.

A method subclasses ``Parameters`` and adds its own fields. Every face is drawn from the fields: their titles, ranges,
defaults and descriptions.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, ValidationError
from pydantic.fields import FieldInfo

from hub.errors import ParameterError
from hub.spatial import SpatialParameters

Model = TypeVar("Model", bound=BaseModel)


def advanced(default: Any, **constraints: Any) -> Any:
    """A ``Field`` that few change: the app keeps it out of sight until asked for more."""
    return Field(default, json_schema_extra={"advanced": True}, **constraints)


def inherited(model: type[BaseModel], name: str, default: Any, **texts: str) -> Any:
    """The field ``name`` of ``model`` for a subclass that begins with another ``default``, or says it in other ``texts``."""
    field = copy(model.model_fields[name])
    field.default = default
    for attribute, text in texts.items():
        setattr(field, attribute, text)
    return field


class Parameters(SpatialParameters):
    """What any method takes beside the pictures."""

    strength: float = Field(
        1.0, ge=0, le=1, title="Strength", description="How much of the style: 0 is the photo itself, 1 the full style."
    )
    keep_color: bool = Field(
        False, title="Keep the photo's colours", description="Take lightness from the result and colour from the photo."
    )
    size: int | None = Field(
        None,
        ge=32,
        le=16384,
        title="Working size",
        description="Short side in pixels at which the style is applied; smaller gives larger strokes. The result has "
        "the photo's own size either way. Empty: the photo's own.",
    )


@dataclass(frozen=True)
class Declared:
    """One field of a pydantic model as the faces need it: a command-line flag, a slider, a row of a table."""

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

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")


def declared(model: type[BaseModel]) -> Iterator[Declared]:
    """The fields of ``model`` in their order, those of a group behind the others."""

    def extra(field: FieldInfo) -> dict[str, Any]:
        return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}

    for name, field in sorted(model.model_fields.items(), key=lambda item: "group" in extra(item[1])):
        kind, choices = _kind(field.annotation)
        yield Declared(
            name=name,
            kind=kind,
            default=None if field.is_required() else field.get_default(call_default_factory=True),
            required=field.is_required(),
            minimum=_bound(field, "ge", "gt"),
            maximum=_bound(field, "le", "lt"),
            choices=choices,
            title=field.title or name.replace("_", " ").capitalize(),
            description=field.description or "",
            advanced=extra(field).get("advanced") is True,
            group=str(extra(field).get("group", "")),
        )


def _parse_shares(value: Any) -> Any:
    """``"a=0.6, b"`` as ``{"a": 0.6, "b": 1.0}``."""
    if not isinstance(value, str):
        return value
    pairs = [part.strip().rpartition("=") if "=" in part else (part.strip(), "", "1") for part in value.split(",")]
    try:
        return {name: float(share) for name, _, share in pairs}
    except ValueError:
        raise ValueError("should be names with shares, such as a=0.6, b=0.4") from None


# A file beside the picture; a record tells its name, not its folder.
File = Annotated[Path, PlainSerializer(lambda path: path.name)]

# Names with their shares or weights; a field of this type takes them as text too.
Shares = Annotated[dict[str, float], BeforeValidator(_parse_shares)]


def validate(model: type[Model], values: dict[str, Any]) -> Model:
    """``model(**values)``; raises ``ParameterError`` with one sentence instead of pydantic's report."""
    try:
        return model(**values)
    except ValidationError as error:
        # A value that fits no branch of a union is reported once a branch: the deepest is the one that nearly fitted.
        first = max(error.errors(include_url=False), key=lambda e: len(e["loc"]))
        name = str(first["loc"][0]) if first["loc"] else "the parameters"
        if first["type"] == "extra_forbidden":
            near = get_close_matches(name, model.model_fields, n=1)
            known = f"did you mean {near[0]}?" if near else f"there are {', '.join(model.model_fields)}."
            raise ParameterError(f"There is no parameter {name!r}; {known}") from None
        if first["type"] == "missing":
            raise ParameterError(f"The parameter {name!r} is needed: {model.model_fields[name].description}") from None
        reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        given = "so" if isinstance(first["input"], list | tuple | dict) else " ".join(repr(first["input"]).split())[:80]
        raise ParameterError(f"The parameter {name!r} cannot be {given}: it {reason}.") from None


def _kind(annotation: Any) -> tuple[Any, tuple[str, ...]]:
    options = [a for a in get_args(annotation) if a is not type(None)] if _is_union(annotation) else [annotation]
    options = [get_args(option)[0] if get_origin(option) is Annotated else option for option in options]
    plain = options[0]
    if get_origin(plain) is Literal:
        return "choice", tuple(map(str, get_args(plain)))
    if any(get_origin(option) is dict for option in options):
        return "shares", ()
    for option in options:
        if kind := getattr(option, "declared_kind", None):  # a type that has a control of its own says so
            return kind, ()
    if get_origin(plain) is list:
        return "list", ()
    return {bool: "flag", int: "integer", float: "number", Path: "path"}.get(plain, "text"), ()


def _is_union(annotation: Any) -> bool:
    from types import UnionType

    return get_origin(annotation) in (Union, UnionType)


def _bound(field: FieldInfo, *names: str) -> float | None:
    for constraint in field.metadata:
        for name in names:
            if (value := getattr(constraint, name, None)) is not None:
                return float(value)
    return None
