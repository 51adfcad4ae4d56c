"""Settings that come back: from a link, after a reload, or from one's own results."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from hub.errors import ImageError, StylehubError
from hub.registry import Entry
from space.errors import said_on_the_page
from space.handlers import Handlers
from space.jobs.archive import pack
from space.link import opened, settings_of
from space.page import SAVE, Page
from space.panel import Panel
from space.photo import upload_of
from space.result import Shown
from space.tasks import Choices
from space.temporary import temporary_folder
from space.values import file_name

# After the settings are back: paint with them, once their controls are on the page.
_REPAINT = "() => { window.stylehub?.repaint(); }"


def connect_mine(
    page: Page, handlers: Handlers, choices: Choices, panels: list[Panel], offered: dict[str, list[Entry]]
) -> None:
    """Let the browser keep what was painted, and let settings come back from it or from a link."""
    entries = {entry.name: entry for each in offered.values() for entry in each}
    quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
    page.slider.change(_made(handlers, entries), inputs=[page.shown], outputs=[page.mine], **quietly)
    controls = {(panel.entry.name, panel.task): panel.inputs for panel in panels}
    outputs = [*choices.controls(), page.notice]
    outputs += [made for inputs in controls.values() for name, made in inputs.items() if name != "photo"]
    # Gradio's script tells every component that ever showed progress of every step of any later work. Without a place of
    # its own, the hundreds of outputs would show it, and the page would be busy with them for seconds at each step.
    alone: dict[str, Any] = quietly | {"show_progress_on": [page.notice]}
    back = page.mine.open(_reopened(handlers, choices, controls, offered, page.notice), outputs=outputs, **alone)
    back.success(None, js=_REPAINT, **quietly)
    packed = page.mine.pack(said_on_the_page(_packed, 2), outputs=[page.file, page.notice], **quietly)
    packed.success(None, js=SAVE, inputs=[page.file], **quietly)


def _packed(event: gr.EventData) -> tuple[str | None, str]:
    """A zip of the uploaded files that the page names. Raises ``ImageError``."""
    asked = getattr(event, "_data", None) or {}
    paths = asked.get("files") if isinstance(asked, dict) else None
    files = [upload_of("picture", FileData(path=str(path))) for path in (paths if isinstance(paths, list) else [])]
    if not files:
        raise ImageError("The pictures did not arrive; try again.")
    archive = temporary_folder() / "stylehub.zip"
    pack([Path(path) for path in files if path], archive)
    return str(archive), ""


def _made(handlers: Handlers, entries: Mapping[str, Entry]) -> Callable[..., Any]:
    def made(shown: Shown | None) -> Any:
        """What the browser keeps of the picture that is shown."""
        if shown is None or not shown.done or shown.files is None or shown.model not in entries:
            return gr.skip()
        entry = entries[shown.model]
        settings = settings_of(entry, shown.task, shown.values)
        style = settings.get("style") or settings.get("style_name") or ""
        known = handlers.reader.known(entry)
        title = known[style].title if style in known else ""
        before, after = shown.files
        return gr.update(
            value={
                "before": before,
                "after": after,
                "settings": settings,
                "title": title or entry.model.title,
                "photo": file_name(str(shown.values.get("photo") or "")),
                "keep": not shown.first,
            }
        )

    return made


def _reopened(
    handlers: Handlers,
    choices: Choices,
    controls: Mapping[tuple[str, str], Mapping[str, Any]],
    offered: dict[str, list[Entry]],
    notice: Any,
) -> Callable[..., Any]:
    def reopened(event: gr.EventData) -> Any:
        """The controls as a link or a kept result says."""
        asked = getattr(event, "_data", None) or {}
        words = asked.get("settings") if isinstance(asked, dict) else None
        try:
            entry, task, values = opened(handlers.reader, offered, words if isinstance(words, dict) else {})
        except StylehubError as error:
            return {notice: str(error)}
        except Exception:
            return {notice: "This link cannot be read; copy it again."}
        updates = {**choices.chosen(task, entry.name), notice: ""}
        for name, made in controls[entry.name, task].items():
            if name != "photo":
                updates[made] = gr.update(value=values.get(name, getattr(made, "value", None)))
        return updates

    return reopened
