"""The parameters of every method, declared once for Python, the command line, the app and the cards.

A method subclasses ``Parameters`` and adds its own fields. Flags, controls and tables are generated from the fields:
titles, ranges, defaults and descriptions.
"""

from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from hub.errors import ParameterError
from hub.fields import (
    FieldSpec,
    FilePath,
    Shares,
    advanced,
    check_fields,
    field_of,
    field_specs,
    inherited,
    value_of,
    with_role,
)
from hub.spatial import SpatialParameters

__all__ = (
    "FieldSpec", "FilePath", "Parameters", "Shares", "StrokeParameters", "advanced", "field_of", "field_specs",
    "inherited", "validate", "value_of", "with_role",
)  # fmt: skip

Model = TypeVar("Model", bound=BaseModel)


class Parameters(SpatialParameters):
    """The parameters that every method takes besides the pictures."""

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

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Check the fields of a method where its class is made. Raises ``TypeError`` that names the field at fault."""
        check_fields(cls, Parameters)


class StrokeParameters(Parameters):
    """The parameters of a painting method, whose strokes can keep their size on a larger photo."""

    stroke: Literal["fine", "medium", "large"] | Annotated[int, Field(ge=64, le=16384)] = with_role(
        "stroke",
        "medium",
        title="Strokes",
        description="Size of the strokes. medium and large paint a small draft and revise it at larger sizes, so that a "
        "photo of any size gives the same painting. A number is the short side of the draft in pixels (medium: 512, "
        "large: 256). fine paints once at the full size.",
    )


def validate(model: type[Model], values: dict[str, Any]) -> Model:
    """``model(**values)``. Raises ``ParameterError`` with one sentence instead of pydantic's report."""
    try:
        return model(**values)
    except ValidationError as error:
        # pydantic reports every branch of a union; the deepest report belongs to the branch that almost matched.
        first = max(error.errors(include_url=False), key=lambda e: len(e["loc"]))
        name = str(first["loc"][0]) if first["loc"] else "the parameters"
        if first["type"] == "extra_forbidden":
            near = get_close_matches(name, model.model_fields, n=1)
            known = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(model.model_fields)}."
            raise ParameterError(f"There is no parameter {name!r}; {known}") from None
        if first["type"] == "missing":
            raise ParameterError(f"Give the parameter {name!r}: {model.model_fields[name].description}") from None
        reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        spec = next((spec for spec in field_specs(model) if spec.name == name), None)
        if spec and spec.choices and spec.minimum is not None:  # words or a number: pydantic names one of the two
            words = ", ".join(spec.choices)
            reason = f"should be {words}, or a whole number from {spec.minimum:g} to {spec.maximum:g}"
        named = spec and spec.kind != "pictures" and spec.role in ("style", "second style")
        if named and isinstance(first["input"], list | tuple):
            reason = "should be one style, or several with their shares, such as {'a': 0.6, 'b': 0.4}"
        given = "so" if isinstance(first["input"], list | tuple | dict) else " ".join(repr(first["input"]).split())[:80]
        raise ParameterError(f"The parameter {name!r} cannot be {given}: it {reason}.") from None
