"""In each tab: the same from a program, in Python and by curl, drawn from the endpoint's declared parameters."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

import gradio as gr

from hub.parameters import field_specs
from space.panel import Panel
from space.values import by_name, parameters_of
from space.words import word

ADDRESS = "ADDRESS"  # the page puts its own here
_FILL = f"(...texts) => texts.map(text => text.replaceAll('{ADDRESS}', location.origin + location.pathname))"
_FILE = {"path": "FILE", "meta": {"_type": "gradio.FileData"}}


def build_programs(panels: Sequence[Panel]) -> None:
    """Add the examples below the controls of each panel."""
    for panel in panels:
        with panel.below, gr.Accordion(word("program"), open=False, elem_classes=["again"]) as box:
            shown: list[Any] = [
                gr.Textbox(
                    text, label=label, interactive=False, buttons=["copy"], lines=3, max_lines=14, elem_classes=["code"]
                )
                for label, text in (("Python", python_example(panel)), ("curl", curl_example(panel)))
            ]
        box.expand(None, inputs=shown, outputs=shown, js=_FILL, show_progress="hidden", api_visibility="private")


def python_example(panel: Panel) -> str:
    """A program that paints ``photo.jpg``."""
    pictures, names = _needed(panel)
    lines = ["from gradio_client import Client, handle_file", "", f'app = Client("{ADDRESS}")']
    if names:
        lines.append(f'styles = [style["name"] for style in app.predict(api_name="/{panel.entry.slug}_styles")]')
    given = ['photo=handle_file("photo.jpg")', *(f'{name}=handle_file("{name}.jpg")' for name in pictures)]
    for name in names:
        given.append(f"{name}={{styles[0]: 0.6, styles[1]: 0.4}}" if _blends(panel) else f"{name}=styles[0]")
    lines += [f'answer = app.predict({", ".join(given)}, api_name="/{panel.api_name}")']
    return "\n".join([*lines, "print(answer[1])  # the file with the picture"])


def curl_example(panel: Panel) -> str:
    """The same for a shell: a call gives an id, the second request waits for the answer."""
    pictures, names = _needed(panel)
    lines = [f"app={ADDRESS}gradio_api"]
    lines.append("""file() { curl -sF "files=@$1" "$app/upload" | cut -d'"' -f2; }""")
    lines.append(
        """call() { id=$(curl -s "$app/call/v2/$1" -H 'Content-Type: application/json' -d "$2" | cut -d'"' -f4)\n"""
        """         curl -sN "$app/call/v2/$1/$id"; }"""
    )
    values: dict[str, Any] = {name: _FILE | {"path": f"$(file {name}.jpg)"} for name in ("photo", *pictures)}
    if names:
        lines.append(f"""styles=$(call {panel.entry.slug}_styles '{{}}' | grep -o '"name": "[^"]*' | cut -d'"' -f4)""")
        lines.append("set -- $styles")
    for name in names:
        values[name] = {"$1": 0.6, "$2": 0.4} if _blends(panel) else "$1"
    body = json.dumps(values).replace('"', '\\"')
    lines.append(f'call {shlex.quote(panel.api_name)} "{body}" |')
    lines.append("""  grep -o 'http[^"]*-painted.png' | tail -1 | xargs curl -so painted.png""")
    return "\n".join(lines)


def _needed(panel: Panel) -> tuple[list[str], list[str]]:
    """The parameters without which nothing is painted: those that take a picture, and those that take names."""
    pictures: list[str] = []
    names: list[str] = []
    for field in field_specs(parameters_of(panel.entry)):
        if field.role == "style" and field.name in panel.inputs:
            (names if by_name(panel.entry, panel.task, field) else pictures).append(field.name)
    return pictures, names


def _blends(panel: Panel) -> bool:
    return panel.task == "fusion"
