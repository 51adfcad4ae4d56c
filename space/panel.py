"""The controls of one model for one task, and the events that paint."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gradio as gr

from hub.parameters import FieldSpec, field_specs
from hub.registry import Entry
from hub.spatial import GROUP
from space import paintings
from space.controls import Control, control
from space.examples import PAIRS, pair_strip
from space.handlers import Handlers
from space.page import LIMITS, LONG, PHOTO_CHANGED, SHORT, Page, paints
from space.place import unfold
from space.values import by_name, parameters_of
from space.words import word

# Default working size of an iterative method, which would need hours for a full-size photo.
WORKING_SIZE = 384
WHERE = "where"
StyleControl = Callable[[FieldSpec], gr.HTML]


@dataclass
class Panel:
    """The components and events of a panel, for a task that connects more to them; ``inputs`` by their API names."""

    entry: Entry
    page: Page
    inputs: dict[str, Any]
    task: str
    api_name: str
    style: gr.HTML | None = None
    names: list[gr.Dropdown] = field(default_factory=list)
    settled: list[Any] = field(default_factory=list)
    chosen: list[Any] = field(default_factory=list)  # events that Gradio cannot listen to together with others
    place: list[Any] = field(default_factory=list)  # events of the controls for where the style applies
    maps: Any = None  # for depth, space above the controls for the place
    below: Any = None  # space under the controls
    repaint: gr.Button | None = None  # clicked by the page when the photo changes

    def add(self, spec: FieldSpec, start: Any = None) -> list[Any]:
        """Add the control of ``spec``, if the app has one; return the events of a finished change."""
        if (made := control(spec, start)) is None:
            return []
        self.inputs[spec.name] = made
        events = _settled(made)
        self.settled.extend(events)
        return events

    def add_slots(self, spec: FieldSpec, picture: gr.Image) -> None:
        """Add the slots for the paintings of ``spec``; ``picture`` is the first."""
        slots = paintings.slots(self.entry, spec, picture)
        self.inputs.update(slots.inputs)
        self.settled.extend(slots.settled)
        self.chosen.extend(slots.chosen)
        self.names.extend(slots.names)


def build_panel(
    handlers: Handlers, page: Page, entry: Entry, task: str, style_control: StyleControl | None, api_name: str
) -> Panel:
    """Lay out and connect ``entry``. ``style_control`` makes the control for a parameter that takes styles by name.

    An iterative method paints only at a click; others paint after every change.
    """
    panel = Panel(entry, page, {"photo": page.photo}, task, api_name)
    fields = list(field_specs(parameters_of(entry)))
    starts = {"size": WORKING_SIZE} if entry.method.iterative else {}
    named = [f for f in fields if style_control and by_name(entry, task, f)]
    pictures = [f for f in fields if f.kind == "pictures" and f not in named and not f.group]
    for spec in pictures:
        picture = paintings.first_painting(spec)
        strip = pair_strip(task) if task in PAIRS and spec is pictures[0] else None
        panel.add_slots(spec, picture)
        if strip:
            names = panel.inputs.get(f"{spec.name}_name")
            chosen = strip.connect(page.photo, picture, empties=(names,) if names else ())
            chosen(None, inputs=[page.photo], js=PHOTO_CHANGED, show_progress="hidden", api_visibility="private")
    for spec in named:
        assert style_control is not None
        panel.inputs[spec.name] = panel.style = style_control(spec)
    if entry.method.iterative:
        paint = gr.Button(word("paint"), variant="primary", size="md")
        paints(page, paint.click, handlers.show(entry, task, quiet=False), panel.inputs, long=True)
    with gr.Accordion(word("adjust"), open=False, elem_classes=["drawer"]):
        _add_plain(panel, fields, starts)
        for group in dict.fromkeys(f.group for f in fields if f.group and not (f.group == GROUP and task == "depth")):
            _add_group(panel, group, fields, opened=False)
    if task == "depth":
        panel.maps = gr.Row(elem_classes=["maps"])
        _add_group(panel, GROUP, fields, opened=True)
    panel.below = gr.Column(elem_classes=["below"])
    # The API has its own event without the page's state, since Gradio's MCP server fails on a state as output.
    gr.Button(visible=False).click(
        handlers.paint(entry, task),
        inputs_kwargs=panel.inputs,
        outputs=page.answer,
        concurrency_id=LONG,
        concurrency_limit=LIMITS[LONG],
        api_name=api_name,
    )
    if not entry.method.iterative:
        _paint_at_changes(handlers, panel, task)
    return panel


def _paint_at_changes(handlers: Handlers, panel: Panel, task: str) -> None:
    panel.repaint = gr.Button("Paint again", elem_classes=["repaint"])
    panel.settled.append(panel.repaint.click)
    for event in ("pick", "settle"):
        if panel.style is not None and _fires(panel.style, event):
            panel.chosen.append(getattr(panel.style, event))
    for listen in (partial(gr.on, panel.settled), *panel.chosen):
        connect(handlers, panel, listen, task)


def connect(handlers: Handlers, panel: Panel, listen: Callable[..., Any], task: str) -> None:
    """Let an event paint with the values of ``panel``."""
    paints(panel.page, listen, handlers.show(panel.entry, task), panel.inputs)


def when_shown() -> gr.HTML:
    """A component whose event ``need`` fires when the panel comes on the page."""
    return gr.HTML(html_template="", js_on_load='trigger("need")', apply_default_css=False, elem_classes=["there"])


def fill_styles(handlers: Handlers, panel: Panel) -> None:
    """Fill the style control when it is shown, and again when the photo changes."""
    if panel.style is None:
        return
    events = [panel.style.need, *([panel.repaint.click] if panel.repaint else [])]
    for event in events:
        fill(event, handlers.styles(panel.entry, panel.task), [panel.style], [panel.page.photo])


def fill(
    listen: Callable[..., Any], handler: Callable[..., Any], outputs: list[Any], inputs: list[Any] | None = None
) -> None:
    """Let an event fill ``outputs``, which waits for no large painting of others."""
    listen(
        handler,
        inputs=inputs,
        outputs=outputs,
        show_progress="hidden",
        concurrency_id=SHORT,
        concurrency_limit=LIMITS[SHORT],
        api_visibility="private",
    )


def _add_plain(panel: Panel, fields: list[FieldSpec], starts: dict[str, Any]) -> None:
    """The controls that belong to no group; optional and advanced ones go into "More", below the rest."""
    plain = [f for f in fields if not f.group and f.kind != "path" and f.name not in panel.inputs]
    seldom = [f for f in plain if f.name not in starts and (f.advanced or (f.default is None and not f.required))]
    for spec in plain:
        if spec not in seldom:
            panel.add(spec, starts.get(spec.name))
    if seldom:
        with gr.Accordion(word("more"), open=False):
            for spec in seldom:
                panel.add(spec)


def _add_group(panel: Panel, group: str, fields: list[FieldSpec], *, opened: bool) -> None:
    before = list(panel.inputs)
    with gr.Accordion(group, open=opened):
        for spec in fields:
            if spec.group != group:
                continue
            if spec.kind == "pictures":
                panel.add_slots(spec, paintings.first_painting(spec))
            elif spec.role in paintings.STYLES and paintings.by_name_too(panel.entry, spec):
                panel.inputs[spec.name] = listed = paintings.name_list(spec.title, spec.description)
                panel.names.append(listed)
                panel.settled.append(listed.input)
            else:
                panel.place += panel.add(spec)
    added = {name: made for name, made in panel.inputs.items() if name not in before}
    if group == GROUP and (where := added.pop(WHERE, None)) is not None:
        unfold(where, added)


def _fires(html: gr.HTML, event: str) -> bool:
    return f'trigger("{event}")' in (html.js_on_load or "")


def _settled(made: Control) -> list[Any]:
    """The events after a visitor has finished changing ``made``, by pointer or by keyboard."""
    for names in (("submit", "blur"), ("input",)):
        if all(hasattr(made, name) for name in names):
            return [getattr(made, name) for name in names]
    raise TypeError(f"{type(made).__name__} has no event for a change")
