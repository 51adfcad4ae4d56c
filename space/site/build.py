"""What a site adds to the page: its endpoints, "as a long job" below each slow model, one's own jobs, the gallery."""

from collections.abc import Mapping, Sequence

import gradio as gr

from hub.registry import Entry
from space.handlers import Handlers
from space.jobs.service import Service
from space.page import Page
from space.panel import Panel
from space.site.endpoints import Endpoints, connect_endpoints
from space.site.gallery_panel import GalleryHandlers, build_gallery
from space.site.jobs_panel import build_jobs, connect_arrival


def build_site(
    demo: gr.Blocks,
    service: Service,
    handlers: Handlers,
    page: Page,
    panels: Sequence[Panel],
    entries: Mapping[str, Entry],
    tasks: set[str],
) -> None:
    """Lay it out below the page ``demo`` that is being built, and connect it."""
    # First, since Gradio gives a name to whoever takes it first.
    connect_endpoints(Endpoints(service, handlers.reader, entries, tasks))
    jobs = build_jobs(service, handlers, page, panels, entries)
    connect_arrival(demo, jobs, service)
    if service.place.gallery is not None:
        build_gallery(GalleryHandlers(service, handlers, entries, tasks), page, jobs.token)
