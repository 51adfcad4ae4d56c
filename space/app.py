"""Build the page from the registry, and serve it.

A new model needs no change here: its entry names its tasks, and its parameters define its controls.
"""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if not __package__:  # a Space runs this as a file; the repository is one folder up
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from hub.threads import give_way

    give_way()

from space import zero_gpu  # isort: skip  # before anything that imports torch
import gradio as gr
from gradio.events import api

from hub.errors import StylehubError
from hub.registry import Entry, list_models
from space.any import build_any
from space.depth import build_depth
from space.errors import one_sentence
from space.fusion import build_fusion
from space.handlers import Handlers
from space.learn import LOCAL
from space.models import Models
from space.panel import ACCELERATOR, Panel
from space.photo import MAX_FILE_SIZE
from space.realistic import build_realistic
from space.single import build_single
from space.theme import CSS, Gallery

_QUEUE = 64  # visitors who may wait; any more are asked to come back
_HOUR = 3600


@dataclass(frozen=True)
class Tab:
    """The tab for the models of one task."""

    title: str
    build: Callable[[Handlers, Entry, str], Panel]


# Tasks without a tab are not shown.
TABS = {
    "single": Tab("Single style", build_single),
    "fusion": Tab("Fusion", build_fusion),
    "arbitrary": Tab("Any painting", build_any),
    "depth": Tab("Depth-aware", build_depth),
    "photo": Tab("Photo-realistic", build_realistic),
}


def build(models: Models | None = None, *, learns: bool = False) -> gr.Blocks:
    """The page for every model of the registry. Weights are loaded only when a visitor needs them.

    ``learns``: visitors can add their own paintings, for everybody who uses this app.
    """
    handlers = Handlers(models or Models(), learns)
    demo: gr.Blocks
    with gr.Blocks(
        title="stylehub", analytics_enabled=False, delete_cache=(_HOUR, 6 * _HOUR), fill_width=False
    ) as demo:
        gr.HTML(
            "<h1>stylehub</h1><p>Choose a photo, click a picture, watch it being painted.</p>",
            elem_classes=["masthead"],
            apply_default_css=False,
        )
        first = True
        with gr.Tabs():
            for task, shown in TABS.items():
                entries = _offered(task)
                if not entries:
                    continue
                with gr.Tab(shown.title, id=task) as tab:
                    fills = _models(handlers, shown, task, entries)
                for fill in fills:
                    fill(tab.select)
                    if first:
                        fill(demo.load)
                first = False
        for entry in _offered():
            if "style-names" in entry.method.inputs and set(entry.tasks) & set(TABS):
                api(_list_styles(handlers, entry), api_name=f"{entry.slug}_styles", concurrency_id=ACCELERATOR)
        demo.unload(handlers.stop)  # the visitor has left
    demo.queue(max_size=_QUEUE, default_concurrency_limit=4)
    return demo


def _offered(task: str | None = None) -> list[Entry]:
    return [entry for entry in list_models(task) if entry.model.offered]


def _models(handlers: Handlers, tab: Tab, task: str, entries: list[Entry]) -> list[Callable[[Any], None]]:
    """Build one model in the tab, or several in inner tabs. Returns the fill functions of the one shown first."""
    if len(entries) == 1:
        return [fill for fill in [_model(handlers, tab, task, entries[0])] if fill]
    fills = []
    with gr.Tabs():
        for entry in entries:
            with gr.Tab(entry.model.title, id=f"{task}-{entry.name}") as inner:
                fill = _model(handlers, tab, task, entry)
            if fill:
                fill(inner.select)
                if entry is entries[0]:
                    fills.append(fill)
    return fills


def _model(handlers: Handlers, tab: Tab, task: str, entry: Entry) -> Callable[[Any], None] | None:
    """Build one model's panel; return a function that lets an event fill its styles."""
    try:
        panel = tab.build(handlers, entry, f"{entry.slug}_{task}")
    except Exception as error:  # a plugin does not load, or has done something else wrong; the other models still work
        if entry.source == "stylehub":
            raise
        logging.getLogger("stylehub.space").warning("%s", error)
        gr.Markdown(f"This model cannot be shown. {error}")
        return None
    paper, licences = entry.method.paper, ", ".join(entry.model.licenses)
    gr.Markdown(
        f"{entry.model.summary} After [{paper.title}]({paper.url}), {paper.authors}, {paper.year}. "
        f"Code {entry.method.code_license}{f', weights {licences}' if licences else ''}.",
        elem_classes=["about"],
    )
    fillers: list[tuple[Any, list[Any]]] = []
    if panel.style is not None:
        fillers.append((handlers.styles(entry), [panel.style]))
    if panel.names:
        fillers.append((handlers.names(entry, len(panel.names)), [*panel.names]))
    if not fillers:
        return None

    def fill(event: Any) -> None:
        for handler, filled in fillers:
            event(
                handler,
                outputs=filled,
                show_progress="minimal",
                concurrency_id=ACCELERATOR,
                concurrency_limit=1,
                api_visibility="private",
            )

    return fill


def _list_styles(handlers: Handlers, entry: Entry) -> Callable[[], list[dict[str, str]]]:
    def styles() -> list[dict[str, str]]:
        return [style.model_dump() for style in handlers.models.get(entry.name).styles.values()]

    styles.__name__ = f"{entry.slug}_styles"
    styles.__doc__ = f"The styles of {entry.name} with name, title, artist and year."
    return one_sentence(styles)


def bypass_proxy(host: str | None) -> None:
    """Let this process reach the app itself, and whatever else is on this machine, without the proxy of the environment."""
    local = {"localhost", "127.0.0.1", "::1", host or "localhost"}
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join([*filter(None, os.environ.get(name, "").split(",")), *sorted(local)])


def serve(
    host: str | None = None, port: int | None = None, *, share: bool = False, mcp: bool = False, block: bool = True
) -> tuple[gr.Blocks, str]:
    """Build the page and serve it; returns the page and its address. Raises ``StylehubError``.

    Args:
        host: None: this machine only, or GRADIO_SERVER_NAME.
        port: None: the first free port from 7860, or GRADIO_SERVER_PORT.
        share: let Gradio create a public address; nothing else here uses the network.
        mcp: offer the endpoints to agents too; needs the extra ``stylehub[mcp]``.
        block: run until interrupted.
    """
    models = Models()
    if zero_gpu.AVAILABLE:  # worker processes inherit models loaded now, and forget models that they load later
        for entry in _offered():
            if set(entry.tasks) & set(TABS):
                with suppress(StylehubError):  # a broken plugin; its panel says so
                    models.get(entry.name)
    host = host or os.environ.get("GRADIO_SERVER_NAME")
    bypass_proxy(host)
    demo = build(models, learns=host in LOCAL and not share and not zero_gpu.AVAILABLE)
    try:
        _, local, public = demo.launch(
            server_name=host,
            server_port=port,
            share=share,
            mcp_server=mcp,
            prevent_thread_lock=True,
            show_error=True,
            max_file_size=MAX_FILE_SIZE,
            theme=Gallery(),
            css_paths=[CSS],
            footer_links=["api"],
            run_history=False,
            ssr_mode=False,
            quiet=True,
        )
    except OSError as error:
        raise StylehubError(f"The app cannot start ({error}); try another --host or --port.") from None
    address: str = public or local
    print(f"stylehub is at {address}  (Ctrl-C stops it)", flush=True)
    if block:
        demo.block_thread()
    return demo, address


if __name__ == "__main__":
    serve()
