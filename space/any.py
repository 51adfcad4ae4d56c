"""The tab for any painting as the style image."""

from hub.registry import Entry
from space.handlers import Handlers
from space.panel import Panel, build_panel, finish


def build_any(handlers: Handlers, entry: Entry, api_name: str) -> Panel:
    """One model's panel; the painting is one of its declared parameters."""
    panel = build_panel(handlers, entry, "arbitrary", None, api_name)
    finish(handlers, panel)
    return panel
