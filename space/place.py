"""The controls for where a style applies: only those that act for the chosen place are on the page."""

import json
from importlib.util import find_spec
from typing import Any

import gradio as gr

EVERYWHERE = "everywhere"
_BY_DEPTH = ("far", "near", "layer")
# The places for which a control acts; a control that is not named here acts everywhere but in ``EVERYWHERE``.
ACTS: dict[str, tuple[str, ...]] = {
    "layer": ("layer",),
    "angle": ("across",),
    "map": (*_BY_DEPTH, "mask"),
    "inverted": (*_BY_DEPTH, "mask"),
    "depth": _BY_DEPTH if find_spec("transformers") else (),  # without it there is only one depth network
}


def acts(name: str, where: str) -> bool:
    """Whether the control ``name`` does something at the place ``where``."""
    return where in ACTS[name] if name in ACTS else where != EVERYWHERE


def unfold(where: gr.Dropdown, others: dict[str, Any]) -> None:
    """Show those of ``others`` that act for the value of ``where``, from now on and whenever it changes."""
    choices = [choice[1] if isinstance(choice, tuple) else choice for choice in where.choices]
    table = {str(choice): [acts(name, str(choice)) for name in others] for choice in choices}
    for name, control in others.items():
        control.visible = acts(name, str(where.value))
    where.change(
        None,
        inputs=[where],
        outputs=list(others.values()),
        js=f"(where) => ({json.dumps(table)}[where]).map(visible => ({{visible, __type__: 'update'}}))",
        show_progress="hidden",
        api_visibility="private",
    )
