"""What to make, chosen from one flat list; below it the models for it, as a quality, each with its controls."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gradio as gr

from hub.registry import Entry, list_models
from space.handlers import Handlers
from space.page import Page
from space.panel import Panel
from space.words import word

_QUALITIES = ("fast", "better", "best")
# The columns of the chosen model are on the page, and every other choice follows.
_SHOW_ONE = """(chosen) => [
  ...%s.map(name => ({visible: name === chosen, __type__: 'update'})),
  ...%s.map(names => ({value: names.includes(chosen) ? chosen : null, __type__: 'update'})),
]"""


@dataclass
class Choices:
    """What a visitor chooses before a style: the task, and for each task the model, by one control or two.

    ``tasks`` are the columns of each task, ``cards`` those of each model for each task: one choice is on the page.
    """

    task: gr.Radio
    models: dict[str, list[Any]] = field(default_factory=dict)
    tasks: dict[str, list[gr.Column]] = field(default_factory=dict)
    cards: dict[str, dict[str, list[gr.Column]]] = field(default_factory=dict)

    def controls(self) -> list[Any]:
        """All that ``chosen`` may change."""
        columns = [c for each in (self.tasks, *self.cards.values()) for made in each.values() for c in made]
        return [self.task, *(control for each in self.models.values() for control in each), *columns]

    def chosen(self, task: str, model: str) -> dict[Any, Any]:
        """What to change on the page for a choice that no visitor has made by hand."""
        changes: dict[Any, Any] = {self.task: task}
        for control in self.models[task]:
            known = [value for _, value in control.choices]
            changes[control] = gr.update(value=model if model in known else None)
        for columns, name in ((self.tasks, task), (self.cards[task], model)):
            changes |= {c: gr.update(visible=each == name) for each, made in columns.items() for c in made}
        return changes


def offered(task: str | None = None) -> list[Entry]:
    """The models that the app shows."""
    return [entry for entry in list_models(task) if entry.model.offered]


def choose_task(tasks: Sequence[str]) -> Choices:
    """Lay out the choice among ``tasks``."""
    radio = gr.Radio(
        [(word(task), task) for task in tasks],
        value=tasks[0],
        label=word("what to make"),
        show_label=False,
        container=False,
        elem_classes=["tasks"],
    )
    return Choices(radio)


def build_tasks(handlers: Handlers, page: Page, tasks: Mapping[str, Any], choices: Choices) -> list[Panel]:
    """Lay out all of ``tasks``, of which one is on the page at a time."""
    panels: list[Panel] = []
    columns: dict[str, list[gr.Column]] = {}
    for task, build in tasks.items():
        with gr.Column(visible=not columns, elem_classes=["task"]) as column:
            columns[task] = [column]
            panels += _build_models(handlers, page, task, build, offered(task), choices)
    choices.tasks = columns
    _show_one(choices.task, columns, [])
    return panels


def _build_models(
    handlers: Handlers, page: Page, task: str, build: Any, entries: list[Entry], choices: Choices
) -> list[Panel]:
    """The models for ``task``, the first of the registry in front, and the choice among several."""
    named = qualities(entries)
    controls: list[Any] = choices.models.setdefault(task, [])
    if len(named) > 1:
        controls.append(
            gr.Radio(named, value=entries[0].name, label=word("quality"), elem_classes=["quality"], scale=0)
        )
    panels: list[Panel] = []
    columns: dict[str, list[gr.Column]] = {}
    for entry in entries:
        with gr.Column(visible=not columns, elem_classes=["model"]) as column:
            columns[entry.name] = [column]
            panels += _build_model(handlers, page, task, build, entry)
    with gr.Accordion(word("about"), open=False, elem_classes=["about"]):
        if len(entries) > 1:
            titles = [(f"{entry.model.title} ({entry.name})", entry.name) for entry in entries]
            controls.append(gr.Dropdown(titles, value=entries[0].name, label=word("model"), filterable=False))
        for entry in entries:
            with gr.Column(visible=entry is entries[0]) as card:
                columns[entry.name].append(card)
                gr.Markdown(_card(entry))
    choices.cards[task] = columns
    for control in controls:
        _show_one(control, columns, [other for other in controls if other is not control])
    return panels


def qualities(entries: list[Entry]) -> list[tuple[Any, str]]:
    """The choice in front: a word for each quality, and its first model; the others are found by their names.

    Where no model has a quality, the titles of all.
    """
    words: dict[str, Entry] = {}
    for entry in entries:
        words.setdefault(entry.model.quality or "", entry)
    named: list[tuple[Any, str]] = [(word(quality), words[quality].name) for quality in _QUALITIES if quality in words]
    return named or [(entry.model.title, entry.name) for entry in entries]


def _show_one(choice: Any, columns: Mapping[str, Sequence[gr.Column]], others: Sequence[Any]) -> None:
    """Let ``choice`` show its columns, and let ``others`` say the same where they can."""
    names = [name for name, each in columns.items() for _ in each]
    known = [[value for _, value in other.choices] for other in others]
    partial(choice.input, show_progress="hidden", api_visibility="private")(
        None,
        inputs=[choice],
        outputs=[*(column for each in columns.values() for column in each), *others],
        js=_SHOW_ONE % (json.dumps(names), json.dumps(known)),
    )


def _build_model(handlers: Handlers, page: Page, task: str, build: Any, entry: Entry) -> list[Panel]:
    try:
        return [build(handlers, page, entry, f"{entry.slug}_{task}")]
    except Exception as error:  # a plugin does not load, or has done something else wrong; the other models still work
        if entry.source == "stylehub":
            raise
        logging.getLogger("stylehub.space").warning("%s", error)
        gr.Markdown(f"This model cannot be shown. {error}")
        return []


def _card(entry: Entry) -> str:
    paper, licences = entry.method.paper, ", ".join(entry.model.licenses)
    return (
        f"**{entry.name}**, {entry.model.title}. {entry.model.summary} After [{paper.title}]({paper.url}), "
        f"{paper.authors}, {paper.year}. Code {entry.method.code_license}"
        f"{f', weights {licences}' if licences else ''}."
    )
