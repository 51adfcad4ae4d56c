"""The panel of one model on one tab: photo, controls, result and their events."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from hub.parameters import FieldSpec, field_specs
from hub.registry import Entry
from space import paintings
from space.controls import Control, control
from space.handlers import Handlers, by_name
from space.photo import example_upload, photo_input
from space.result import ResultPanel, result_panel

# One queue for one accelerator: all computation on all tabs waits in it.
ACCELERATOR = "accelerator"
# Default working size of an iterative method, which would need hours for a full-size photo.
WORKING_SIZE = 384


@dataclass
class Panel:
    """The components and events of a panel, for a tab that connects more to them; ``inputs`` by their API names."""

    entry: Entry
    inputs: dict[str, Any]
    style: gr.HTML | None
    names: list[gr.Dropdown]
    result: ResultPanel
    painted: gr.State
    running: list[Any]
    place: list[Any]  # events of the controls for where the style applies
    below: gr.Column  # space under the controls
    beside: gr.Column  # space under the result


def build_panel(
    handlers: Handlers,
    entry: Entry,
    task: str,
    style_control: Callable[[FieldSpec, str], gr.HTML] | None,
    api_name: str,
) -> Panel:
    """Lay out and connect ``entry``. ``style_control`` makes the control for a parameter that takes styles by name.

    An iterative method paints only at a click; others paint after every change.
    """
    result_id = f"result-{entry.name}-{task}"
    inputs: dict[str, Any] = {}
    style: gr.HTML | None = None
    settled: list[Any] = []
    chosen: list[Any] = []
    place: list[Any] = []
    names: list[gr.Dropdown] = []
    with gr.Row(elem_classes=["panel", *(["iterative"] if entry.method.iterative else [])]):
        with gr.Column(scale=5, min_width=300, elem_classes=["choose"]):
            fields = list(field_specs(handlers.parameters(entry)))
            starts = {"size": WORKING_SIZE} if entry.method.iterative else {}
            named = [f for f in fields if style_control and by_name(entry, task, f)]
            pictures = [f for f in fields if f.kind == "pictures" and f not in named and not f.group]
            with gr.Row(elem_classes=["pictures"]):
                inputs["photo"] = photo = photo_input(f"photo-{entry.name}-{task}")
                first = [(field, paintings.first_painting(field)) for field in pictures]
            use_example = gr.Button("Use the example photo", size="sm", elem_classes=["quiet"])

            def add_slots(field: FieldSpec, picture: gr.Image) -> None:
                slots = paintings.slots(entry, field, picture)
                inputs.update(slots.inputs)
                settled.extend(slots.settled)
                chosen.extend(slots.chosen)
                names.extend(slots.names)

            for field, picture in first:
                add_slots(field, picture)
            for field in named:
                assert style_control is not None
                inputs[field.name] = style = style_control(field, result_id)
            # Optional and advanced fields go into "More", below the rest.
            seldom = [
                f
                for f in fields
                if f.name not in starts
                and (f.advanced or (f.default is None and not f.required))
                and f.kind != "path"
                and not f.group
            ]
            for field in fields:
                if field.name not in inputs and field not in seldom and not field.group:
                    _add(field, inputs, settled, starts.get(field.name))
            if seldom:
                with gr.Accordion("More", open=False):
                    for field in seldom:
                        _add(field, inputs, settled)
            for group in dict.fromkeys(f.group for f in fields if f.group):
                with gr.Accordion(group, open=task == "depth"):
                    for field in fields:
                        if field.group != group:
                            continue
                        if field.kind == "pictures":
                            add_slots(field, paintings.first_painting(field))
                        elif field.role in paintings.STYLES and paintings.by_name_too(entry, field):
                            inputs[field.name] = listed = paintings.name_list(field.title, field.description)
                            names.append(listed)
                            settled.append(listed.input)
                        else:
                            place += _add(field, inputs, settled)
            below = gr.Column()
        with gr.Column(scale=7, min_width=300, elem_classes=["see"]):
            result = result_panel(result_id)
            beside = gr.Column()
    painted = gr.State(None)
    panel = Panel(entry, inputs, style, names, result, painted, [], place, below, beside)
    use_example.click(example_upload, outputs=[photo], queue=False, show_progress="hidden", api_visibility="private")
    connect(panel, result.paint.click, handlers.paint(entry, task), api_visibility="private")
    # The API has its own event without the page's state, since Gradio's MCP server fails on a state as output.
    gr.Button(visible=False).click(
        handlers.paint(entry, task, remember=False),
        inputs_kwargs=inputs,
        outputs=result.outputs,
        concurrency_id=ACCELERATOR,
        concurrency_limit=1,
        api_name=api_name,
    )
    if style is not None and _fires(style, "pick"):
        connect(panel, style.pick, handlers.paint(entry, task), api_visibility="private")
    if style is not None and _fires(style, "settle"):
        connect(panel, style.settle, handlers.paint(entry, task, quiet=True), api_visibility="private")
    if not entry.method.iterative:
        changed = partial(gr.on, [photo.change, *settled])
        for listen in (changed, *chosen):
            connect(panel, listen, handlers.paint(entry, task, quiet=True), api_visibility="private")
    return panel


def connect(panel: Panel, listen: Callable[..., Any], handler: Any, **options: Any) -> None:
    """Let an event run ``handler`` on the accelerator, into the panel's result."""
    panel.running.append(
        listen(
            handler,
            inputs_kwargs=panel.inputs,
            outputs=[*panel.result.outputs, panel.painted],
            show_progress_on=[panel.result.slider],
            concurrency_id=ACCELERATOR,
            concurrency_limit=1,
            trigger_mode="always_last",
            **options,
        )
    )


def finish(handlers: Handlers, panel: Panel) -> None:
    """Connect Stop, after all events that it stops exist."""
    panel.result.stop.click(handlers.stop, cancels=panel.running, queue=False, api_visibility="private")


def _add(field: FieldSpec, inputs: dict[str, Any], settled: list[Any], start: Any = None) -> list[Any]:
    """Add the control of ``field``, if the app has one; return the events that it adds to ``settled``."""
    if (made := control(field, start)) is None:
        return []
    inputs[field.name] = made
    event = _settled(made)
    settled.append(event)
    return [event]


def _fires(html: gr.HTML, event: str) -> bool:
    return f'trigger("{event}")' in (html.js_on_load or "")


def _settled(made: Control) -> Any:
    """The event after a visitor has finished changing ``made``."""
    for name in ("release", "submit", "input"):
        if hasattr(made, name):
            return getattr(made, name)
    raise TypeError(f"{type(made).__name__} has no event for a change")
