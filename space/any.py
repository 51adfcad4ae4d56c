"""The controls for any painting as the style image."""

from hub.registry import Entry
from space.handlers import Handlers
from space.page import Page
from space.panel import Panel, build_panel, fill, when_shown


def build_any(handlers: Handlers, page: Page, entry: Entry, api_name: str) -> Panel:
    """One model's controls; the painting is one of its declared parameters."""
    panel = build_panel(handlers, page, entry, "arbitrary", None, api_name)
    if panel.names:
        fill(when_shown().need, handlers.names(entry, len(panel.names)), [*panel.names])
    return panel
