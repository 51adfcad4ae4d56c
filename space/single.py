"""The controls for one famous painting, chosen from a gallery."""

from hub.registry import Entry
from space.handlers import Handlers
from space.learn import gallery_that_learns
from space.page import Page
from space.panel import Panel, build_panel, fill_styles
from space.style_gallery import style_gallery


def build_single(handlers: Handlers, page: Page, entry: Entry, api_name: str) -> Panel:
    """One model's controls."""
    learns = handlers.learns and entry.method.adding
    gallery = (
        gallery_that_learns(handlers, page, entry)
        if learns
        else lambda field: style_gallery(field, handlers.look(entry))
    )
    panel = build_panel(handlers, page, entry, "single", gallery, api_name)
    fill_styles(handlers, panel)
    return panel
