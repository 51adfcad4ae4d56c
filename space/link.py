"""The settings of a painting as the words of a link, and back. What comes back is untrusted and checked.

Pictures are not in a link: neither the photo nor uploaded paintings, masks and maps.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hub.errors import ParameterError
from hub.names import resolve
from hub.parameters import FieldSpec, Shares, field_specs
from hub.registry import Entry
from space import paintings
from space.values import Reader, by_name, parameters_of

_LONGEST = 4000  # letters, enough for every style of a large model
_Word = Annotated[str, Field(max_length=_LONGEST)]
_SHARES: TypeAdapter[dict[str, float]] = TypeAdapter(Shares)
_SHARE: TypeAdapter[float] = TypeAdapter(Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)])


class Link(BaseModel):
    """What every link says; its other words are parameters of the model."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, _Word] = Field(init=False)

    task: _Word
    model: _Word


def settings_of(entry: Entry, task: str, values: Mapping[str, Any]) -> dict[str, str]:
    """The words of a link for ``values`` of the page: what differs from the defaults, without pictures."""
    words = {"task": task, "model": entry.name}
    specs = {spec.name: spec for spec in field_specs(parameters_of(entry))}
    known = _words_of_slots(entry, task)
    for name, value in values.items():
        spec = specs.get(name)
        if value in (None, "", [], {}) or (spec is None and name not in known):
            continue
        if spec is not None and (_is_picture(entry, task, spec) or spec.default in (value, str(value))):
            continue
        if spec is None and name.endswith("_share") and float(value) == 1:
            continue
        words[name] = _text(value)
    return words


def opened(reader: Reader, offered: Mapping[str, list[Entry]], words: Mapping[str, Any]) -> tuple[Entry, str, Any]:
    """The model, the task and the values of its controls. Raises ``ParameterError`` or ``UnknownName``.

    ``offered``: the models of each task that the page has.
    """
    try:
        link = Link.model_validate(dict(words))
    except ValidationError:
        raise ParameterError("This link does not say which task and model it is for; copy it again.") from None
    entry = next((entry for entry in offered.get(link.task, []) if entry.name == link.model), None)
    if entry is None:
        raise ParameterError(f"This link is for {_short(link.model)}, which this page does not have.")
    specs = {spec.name: spec for spec in field_specs(parameters_of(entry))}
    slots = _words_of_slots(entry, link.task)
    values: dict[str, Any] = {}
    for name, text in (link.model_extra or {}).items():
        try:
            if name in slots:
                values[name] = _SHARE.validate_python(text) if name.endswith("_share") else _style(reader, entry, text)
            elif name in specs and not _is_picture(entry, link.task, specs[name]):
                values[name] = _value(reader, entry, link.task, specs[name], text)
            else:
                raise ParameterError(f"This link has a setting {_short(name)} that {entry.name} does not know.")
        except (ValidationError, ValueError):
            raise ParameterError(f"This link says {_short(name)}={_short(text)}, which is not possible.") from None
    return entry, link.task, values


def _value(reader: Reader, entry: Entry, task: str, spec: FieldSpec, text: str) -> Any:
    """``text`` as the value of a control, checked by the method's own model."""
    if spec.role in paintings.STYLES and "style-names" in entry.method.inputs:
        if not (task == "fusion" and spec.role == "style"):
            return _style(reader, entry, text)
        shares = {_style(reader, entry, name): share for name, share in _SHARES.validate_python(text).items()}
        for share in shares.values():
            _SHARE.validate_python(share)
        return shares
    model = parameters_of(entry)
    value: Any = [part for part in text.split(",") if part] if spec.kind == "list" else text
    checked = model.model_construct()
    model.__pydantic_validator__.validate_assignment(checked, spec.name, value)
    read = getattr(checked, spec.name)
    return read if isinstance(read, bool | int | float | str | list) else text


def _style(reader: Reader, entry: Entry, name: str) -> str:
    return resolve(name, reader.known(entry), "style")


def _words_of_slots(entry: Entry, task: str) -> set[str]:
    """The names and shares beside the pictures of a painting, which a link may say."""
    fields = [f for f in field_specs(parameters_of(entry)) if f.kind == "pictures" and not by_name(entry, task, f)]
    return {word for f in fields for word in paintings.api_names(entry, f) if word.endswith(("_name", "_share"))}


def _is_picture(entry: Entry, task: str, spec: FieldSpec) -> bool:
    return spec.kind in ("map", "path") or (spec.kind == "pictures" and not by_name(entry, task, spec))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}={share:g}" for name, share in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(text: str) -> str:
    return repr(" ".join(text.split())[:60])
