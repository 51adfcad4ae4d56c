"""What a site adds to the page: its endpoints, "as a long job" below each slow model, one's own jobs, the gallery."""

from collections.abc import Mapping, Sequence

from hub.registry import Entry
from space.handlers import Handlers
from space.jobs.service import Service
from space.page import Page
from space.panel import Panel
from space.site.endpoints import Endpoints, connect_endpoints


def build_site(
    service: Service,
    handlers: Handlers,
    page: Page,
    panels: Sequence[Panel],
    entries: Mapping[str, Entry],
    tasks: set[str],
) -> None:
    """Lay it out below the page that is being built, and connect it."""
    connect_endpoints(Endpoints(service, handlers.reader, entries, tasks))
