"""Controls for declared parameters, by their type only."""

import math
from collections.abc import Mapping
from typing import Any

import gradio as gr

from hub.parameters import FieldSpec
from space.photo import photo_input
from space.words import choices

Control = gr.components.Component


def control(field: FieldSpec, start: Any = None) -> Control | None:
    """The control for ``field``; None for pictures, which have their own control, and for paths on the server.

    ``start``: the first value, if it differs from the method's default.
    """
    common: dict[str, Any] = {"label": field.title, "info": field.description}
    match field.kind:
        case "flag":
            return gr.Checkbox(value=bool(field.default), **common)
        case "integer" | "number":
            return _number(field, start, common)
        case "choice":
            return gr.Dropdown(choices=choices(field.choices), value=field.default, **common)
        case "list":
            listed = field.default or []
            return gr.Dropdown(choices=listed, value=listed, multiselect=True, allow_custom_value=True, **common)
        case "text":
            return gr.Textbox(value=field.default, **common)
        case "shares":
            return gr.Textbox(value=_as_text(field.default), **common)
        case "map":
            return photo_input(title=field.title, height=190)
        case "path" | "pictures":
            return None


def _as_text(shares: Mapping[str, float] | None) -> str | None:
    """Shares as ``hub.parameters.Shares`` reads them back."""
    return ", ".join(f"{name}={share:g}" for name, share in shares.items()) if shares else None


def _number(field: FieldSpec, start: Any, common: dict[str, Any]) -> Control:
    whole = field.kind == "integer"
    if field.default is None:
        return _number_or_nothing(field, start, common)
    if field.minimum is None or field.maximum is None or _too_fine(field.default, field.minimum, field.maximum):
        precision = 0 if whole else None
        return gr.Number(
            value=field.default, minimum=field.minimum, maximum=field.maximum, precision=precision, **common
        )
    step = 1 if whole else 10 ** math.floor(math.log10((field.maximum - field.minimum) / 100))
    return gr.Slider(field.minimum, field.maximum, value=field.default, step=step, **common)


def _too_fine(default: float, minimum: float, maximum: float) -> bool:
    """Whether a slider is too coarse: more than a thousand values, or a default very near its edge."""
    span = maximum - minimum
    return span > 1000 or 0 < default - minimum < span / 50


def _number_or_nothing(field: FieldSpec, start: Any, common: dict[str, Any]) -> Control:
    """A box that may stay empty; Gradio's own box for numbers sends 0 when it is empty."""
    box = gr.Textbox(value=start, placeholder="automatic", max_lines=1, **common)
    schema: dict[str, Any] = {"type": "integer" if field.kind == "integer" else "number"}
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    box.api_info = lambda: schema  # type: ignore[method-assign]
    return box


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` without empty ones, so that the method's defaults apply.

    A browser sends an empty list if no name is chosen.
    """
    return {name: value for name, value in values.items() if value is not None and value not in ("", {}, [])}
