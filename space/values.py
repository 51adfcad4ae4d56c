"""What a visitor has given: the photo and the parameters, read from the values of the controls or of an API call."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from PIL import Image

from hub.errors import ParameterError
from hub.method import Style
from hub.names import resolve
from hub.parameters import FieldSpec, field_of, field_specs
from hub.pictures import Pictures
from hub.registry import Entry
from hub.revision import draft_size
from hub.spatial import Map
from space import paintings
from space.controls import given
from space.models import Models
from space.photo import read, read_draft, read_reduced


def parameters_of(entry: Entry) -> Any:
    """The ``Parameters`` class of ``entry``'s method, without loading weights. Raises ``RegistryError``."""
    from hub.plugins import plugin_class

    return plugin_class(entry).Parameters


def draft_of(entry: Entry, parameters: Mapping[str, Any] = MappingProxyType({})) -> int | None:
    """The short side of the draft with ``parameters``, or with the defaults; None: the method makes no draft."""
    kind = parameters_of(entry)
    name = field_of(kind, "stroke")
    return draft_size(parameters.get(name, kind.model_fields[name].default)) if name else None


def by_name(entry: Entry, task: str, field: FieldSpec) -> bool:
    """Whether the page for ``task`` offers styles by name, even if the method takes pictures too."""
    return field.role == "style" and task in ("single", "fusion") and "style-names" in entry.method.inputs


def split(values: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The photo's path, and the parameters without empty ones."""
    return values.get("photo"), given({name: value for name, value in values.items() if name != "photo"})


def file_name(path: str) -> str:
    """The last part of ``path``."""
    return path.rpartition("/")[2]


def needs_map(parameters: Mapping[str, Any]) -> bool:
    """Whether the visitor chose ``where="mask"`` but has not given a mask yet."""
    return parameters.get("where") == "mask" and "map" not in parameters


def missing(entry: Entry, task: str, parameters: Mapping[str, Any]) -> str | None:
    """The title of the first required parameter that is not there."""
    for field in field_specs(parameters_of(entry)):
        slots = field.kind == "pictures" and not by_name(entry, task, field)
        there = paintings.any_chosen(entry, field, parameters) if slots else field.name in parameters
        if field.required and not there:
            return field.title
    return None


def incomplete(entry: Entry, task: str, values: Mapping[str, Any]) -> bool:
    """Whether something other than the photo is still to be chosen."""
    _, parameters = split(values)
    return needs_map(parameters) or missing(entry, task, parameters) is not None


def api_names(entry: Entry, task: str) -> dict[str, bool]:
    """The parameters of an endpoint after the photo, and whether each is required."""
    names: dict[str, bool] = {}
    for field in field_specs(parameters_of(entry)):
        if field.kind == "pictures" and not by_name(entry, task, field):
            names |= dict.fromkeys(paintings.api_names(entry, field), False)
            # If the method knows styles by name, a name may replace the first picture.
            names[field.name] = field.required and not paintings.by_name_too(entry, field)
        else:
            names[field.name] = field.required
    return names


class Reader:
    """Opens the pictures among the values, and finds styles by their names."""

    def __init__(self, models: Models) -> None:
        self.models = models

    def asked(
        self, entry: Entry, task: str, values: Mapping[str, Any]
    ) -> tuple[Image.Image, dict[str, Any], str | None]:
        """The photo, the parameters and the photo's name. Raises ``ImageError``, ``ParameterError``."""
        path, _ = split(values)
        content = read(path)
        return content, self.parameters(entry, task, values), file_name(path) if path else None

    def reduced(
        self, entry: Entry, task: str, values: Mapping[str, Any], side: int
    ) -> tuple[Image.Image, tuple[int, int], dict[str, Any], str]:
        """The photo with a long side of at most ``side`` pixels, its full size, fitting parameters, and its name."""
        path, _ = split(values)
        content, full = read_reduced(path, side)
        parameters = self._fitted(entry, self.parameters(entry, task, values), content.size, full)
        return content, full, parameters, file_name(path or "")

    def draft(
        self, entry: Entry, task: str, values: Mapping[str, Any], side: int
    ) -> tuple[Image.Image, tuple[int, int], dict[str, Any]]:
        """The photo as small as the painting begins: as a draft if the method has one, or ``side`` pixels long."""
        path, given_parameters = split(values)
        short = draft_of(entry, given_parameters)
        content, full = read_draft(path, short) if short else read_reduced(path, side)
        return content, full, self._fitted(entry, self.parameters(entry, task, values), content.size, full)

    def _fitted(
        self, entry: Entry, parameters: dict[str, Any], small: tuple[int, int], full: tuple[int, int]
    ) -> dict[str, Any]:
        """``parameters`` with a working size for a photo of the size ``small`` instead of ``full``."""
        if not str(size := parameters.get("size", "")).isdecimal():
            return parameters
        # With large strokes the working size says where the painting begins, otherwise how large the strokes are.
        begins = draft_of(entry, parameters) is not None
        same = int(size) if begins else round(int(size) * min(small) / min(full))
        return parameters | {"size": max(32, min(same, min(small)))}

    def parameters(self, entry: Entry, task: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters with opened pictures. Raises ``ImageError``, ``ParameterError``."""
        _, parameters = split(values)
        if lacking := missing(entry, task, parameters):
            raise ParameterError(f"Choose the {lacking.lower()} first.")
        self.open_pictures(entry, task, parameters)
        return parameters

    def open_pictures(self, entry: Entry, task: str, parameters: dict[str, Any]) -> None:
        """Open the pictures among ``parameters``: uploads, or styles by name where names are offered.

        A visitor's text is never used as a path on the server.
        """
        for field in field_specs(parameters_of(entry)):
            if field.kind == "map" and field.name in parameters:
                path = parameters[field.name]
                parameters[field.name] = Map(read(path, field.title.lower()), file_name(path))
            if field.kind != "pictures":
                continue
            if not by_name(entry, task, field):
                names = paintings.api_names(entry, field)
                slots = {name: parameters.pop(name) for name in names if name in parameters}
                if paintings.any_chosen(entry, field, slots):
                    parameters[field.name] = paintings.chosen(entry, field, slots, lambda: self.known(entry))
            elif (value := parameters.get(field.name)) is not None:
                shares = value if isinstance(value, Mapping) else {value: 1.0}
                try:
                    parameters[field.name] = Pictures(
                        [resolve(str(name), self.known(entry), "style") for name in shares], list(shares.values())
                    )
                except (TypeError, ValueError) as error:
                    raise ParameterError(f"The parameter {field.name!r} {error}.") from None

    def known(self, entry: Entry) -> Mapping[str, Style]:
        """The styles of ``entry`` by their names."""
        return self.models.get(entry.name).styles
