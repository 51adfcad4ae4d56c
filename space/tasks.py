"""What to make, chosen from one flat list; below it the models for it, as a quality, each with its controls."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

import gradio as gr

from hub.registry import Entry, list_models
from space.handlers import Handlers
from space.page import Page
from space.panel import Panel
from space.words import word

_QUALITIES = ("fast", "better", "best")
# Only the chosen one of several columns is on the page.
_SHOW_ONE = "(chosen) => [%s].map(name => ({visible: name === chosen, __type__: 'update'}))"


def offered(task: str | None = None) -> list[Entry]:
    """The models that the app shows."""
    return [entry for entry in list_models(task) if entry.model.offered]


def build_tasks(handlers: Handlers, page: Page, tasks: Mapping[str, Any]) -> list[Panel]:
    """Lay out all of ``tasks``, of which one is on the page at a time."""
    choice = gr.Radio(
        [(word(task), task) for task in tasks],
        value=next(iter(tasks)),
        label=word("what to make"),
        show_label=False,
        container=False,
        elem_classes=["tasks"],
    )
    panels: list[Panel] = []
    columns: dict[str, gr.Column] = {}
    for task, build in tasks.items():
        with gr.Column(visible=not columns, elem_classes=["task"]) as columns[task]:
            panels += _build_models(handlers, page, task, build, offered(task))
    _one_of(choice, columns)
    return panels


def _build_models(handlers: Handlers, page: Page, task: str, build: Any, entries: list[Entry]) -> list[Panel]:
    """The models for ``task``, the first of the registry in front, and the choice among several."""
    make = partial(_build_model, handlers, page, task, build)
    if len(entries) == 1:
        return make(entries[0])
    panels: list[Panel] = []
    columns: dict[str, gr.Column] = {}
    choice = gr.Radio(qualities(entries), value=entries[0].name, label=word("quality"), elem_classes=["quality"])
    for entry in entries:
        with gr.Column(visible=not columns, elem_classes=["model"]) as columns[entry.name]:
            panels += make(entry)
    _one_of(choice, columns)
    return panels


def qualities(entries: list[Entry]) -> list[tuple[Any, str]]:
    """What the choice among models shows, and the model of each: a quality, or the title of a model that has none."""
    words: dict[str, Entry] = {}
    for entry in entries:
        words.setdefault(entry.model.quality or "", entry)
    named: list[tuple[Any, str]] = [(word(quality), words[quality].name) for quality in _QUALITIES if quality in words]
    others = [entry for entry in entries if entry.name not in {name for _, name in named}]
    return named + [(entry.model.title, entry.name) for entry in others]


def _one_of(choice: gr.Radio, columns: Mapping[str, gr.Column]) -> None:
    choice.change(
        None,
        inputs=[choice],
        outputs=list(columns.values()),
        js=_SHOW_ONE % ", ".join(repr(name) for name in columns),
        show_progress="hidden",
        api_visibility="private",
    )


def _build_model(handlers: Handlers, page: Page, task: str, build: Any, entry: Entry) -> list[Panel]:
    try:
        panel = build(handlers, page, entry, f"{entry.slug}_{task}")
    except Exception as error:  # a plugin does not load, or has done something else wrong; the other models still work
        if entry.source == "stylehub":
            raise
        logging.getLogger("stylehub.space").warning("%s", error)
        gr.Markdown(f"This model cannot be shown. {error}")
        return []
    paper, licences = entry.method.paper, ", ".join(entry.model.licenses)
    with gr.Accordion(word("about"), open=False, elem_classes=["about"]):
        gr.Markdown(
            f"**{entry.name}**, {entry.model.title}. {entry.model.summary} After [{paper.title}]({paper.url}), "
            f"{paper.authors}, {paper.year}. Code {entry.method.code_license}"
            f"{f', weights {licences}' if licences else ''}."
        )
    return [panel]
