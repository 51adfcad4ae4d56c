"""Build the page from the registry, and serve it.

A new model needs no change here: its entry names its tasks, and its parameters define its controls.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

if not __package__:  # a Space runs this as a file; the repository is one folder up
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from hub.threads import give_way
    from space.arenas import share_freed

    give_way()
    share_freed()

from space import zero_gpu  # isort: skip  # before anything that imports torch
import gradio as gr
from gradio.events import api
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from hub import __version__
from hub.errors import StylehubError
from hub.registry import Entry
from space import previews
from space.any import build_any
from space.depth import build_depth
from space.errors import one_sentence
from space.events import adopt
from space.first import First, FirstPaint
from space.fusion import build_fusion
from space.handlers import Handlers
from space.learn import LOCAL
from space.memory import MOST, keep_little
from space.models import Models
from space.page import SHORT, Page, build_page, connect_page, script
from space.panel import Panel
from space.photo import MAX_MB
from space.plugins import leave_out_hanging
from space.programs import build_programs
from space.realistic import build_realistic
from space.reopening import connect_mine
from space.single import build_single
from space.tasks import build_tasks, choose_task, offered
from space.temporary import HOUR, KEPT, keep_private
from space.theme import CSS, Gallery
from space.words import catalogue, word

_QUEUE = 64  # visitors who may wait; any more are asked to come back

# A builder lays out the controls of one model for its task.
Builder = Callable[[Handlers, Page, Entry, str], Panel]


# What a visitor can choose to make. Tasks that are not named here are not shown.
TASKS: dict[str, Builder] = {
    "single": build_single,
    "fusion": build_fusion,
    "arbitrary": build_any,
    "depth": build_depth,
    "photo": build_realistic,
}


def build(models: Models | None = None, *, learns: bool = False, service: Any = None) -> gr.Blocks:
    """The page for every model of the registry. Weights are loaded only when a visitor needs them.

    ``learns``: visitors can add their own paintings, for everybody who uses this app. ``service``: a
    ``space.jobs.service.Service``, for long jobs and the gallery.
    """
    handlers = Handlers(models or Models(), learns)
    demo: gr.Blocks
    with gr.Blocks(title="stylehub", analytics_enabled=False, delete_cache=(HOUR, KEPT), fill_width=False) as demo:
        with gr.Column(elem_classes=["masthead"]):
            gr.HTML("<h1>stylehub</h1>", apply_default_css=False)
            gr.Markdown(word("lead"), elem_classes=["lead"])
        with gr.Row(elem_classes=["both"]):
            shown = {task: made for task, made in TASKS.items() if offered(task)}
            choices = choose_task([*shown])
            with gr.Column(scale=7, min_width=300, elem_classes=["see"]):
                page = build_page()
            with gr.Column(scale=5, min_width=300, elem_classes=["choose"]):
                panels = build_tasks(handlers, page, shown, choices)
        build_programs(panels)
        if service is not None:
            from space.site.build import build_site

            build_site(demo, service, handlers, page, panels, {entry.name: entry for entry in offered()}, set(TASKS))
        gr.Markdown(word("privacy") if service is None else word("privacy site"), elem_classes=["about"])
        connect_page(page, handlers, {entry.name: entry for entry in offered()})
        connect_mine(page, handlers, choices, panels, {task: offered(task) for task in shown})
        first = next((panel for panel in panels if panel.style is not None), None)
        if first is not None and first.style is not None:
            demo.load(
                handlers.first(first.entry),
                outputs=[*page.painted, first.style],
                show_progress="hidden",
                queue=False,
                api_visibility="private",
            )
        for entry in offered():
            if "style-names" in entry.method.inputs and set(entry.tasks) & set(TASKS):
                api(_list_styles(handlers, entry), api_name=f"{entry.slug}_styles", concurrency_id=SHORT)
        demo.unload(handlers.stop)  # the visitor has left
    demo.queue(max_size=_QUEUE, default_concurrency_limit=4)
    return demo


def prepare(models: Models, first: First) -> None:
    """Paint what the page shows first, before the first visitor comes."""
    first.prepare()
    for entry in offered(next(iter(TASKS))):
        with suppress(StylehubError):
            method = models.get(entry.name)
            previews.example(method, models.accelerator.short)
            previews.styles(method, models.accelerator.small)


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
    host: str | None = None,
    port: int | None = None,
    *,
    share: bool = False,
    mcp: bool = False,
    block: bool = True,
    service: Any = None,
    root_path: str | None = None,
    auth: list[tuple[str, str]] | None = None,
) -> tuple[gr.Blocks, str]:
    """Build the page and serve it; returns the page and its address. Raises ``StylehubError``.

    Args:
        host: None: this machine only, or GRADIO_SERVER_NAME.
        port: None: the first free port from 7860, or GRADIO_SERVER_PORT.
        share: let Gradio create a public address; nothing else here uses the network.
        mcp: offer the endpoints to agents too; needs the extra ``stylehub[mcp]``.
        block: run until interrupted.
        service: a ``space.jobs.service.Service``, for long jobs and the gallery.
        root_path: where a reverse proxy shows the app, if not at its top.
        auth: names and passwords of who may use it. None: everybody.
    """
    keep_private()
    leave_out_hanging()
    models = Models()
    if zero_gpu.AVAILABLE:  # worker processes inherit models loaded now, and forget models that they load later
        for entry in offered():
            if set(entry.tasks) & set(TASKS):
                with suppress(StylehubError):  # a broken plugin; the page says so
                    models.get(entry.name)
    host = host or os.environ.get("GRADIO_SERVER_NAME")
    bypass_proxy(host)
    alone = host in LOCAL and not share and not zero_gpu.AVAILABLE and not root_path  # no proxy lets others in
    demo = build(models, learns=alone, service=service)
    watch = None
    options: dict[str, Any] = {"routes": [Route("/health", _health)]}
    if service is not None:
        from space.site.watch import Watch

        watch = Watch(service)
        watch.page = demo
        options = {"routes": watch.routes, "middleware": watch.middleware}
    first = First(models, next(iter(offered(next(iter(TASKS)))), None))
    options["middleware"] = [*options.get("middleware", ()), Middleware(FirstPaint, first=first)]
    try:
        _, local, public = demo.launch(
            server_name=host,
            server_port=port,
            share=share,
            mcp_server=mcp,
            prevent_thread_lock=True,
            show_error=True,
            max_file_size=f"{MAX_MB if service is None else max(MAX_MB, service.place.settings.zip_mb)}mb",
            theme=Gallery(),
            css_paths=[CSS],
            i18n=catalogue(),
            js=script(),
            footer_links=["api"],
            run_history=False,
            ssr_mode=False,
            quiet=True,
            root_path=root_path,
            auth=auth,
            app_kwargs=options,
            state_session_capacity=MOST,
            _frontend=False,  # does only without a check that gives up after 3 s, as on a busy machine
        )
    except OSError as error:
        raise StylehubError(f"The app cannot start ({error}); try another --host or --port.") from None
    keep_little(demo)
    if watch is not None:
        adopt("uvicorn", "uvicorn.error")
    address: str = public or local
    print(f"stylehub is at {address}  (Ctrl-C stops it)", flush=True)
    if block:
        Thread(target=prepare, args=[models, first], name="stylehub-prepare", daemon=True).start()
        try:
            demo.block_thread()
        finally:
            demo.close(verbose=False)
    return demo, address


def _health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "version": __version__})


if __name__ == "__main__":
    serve()
