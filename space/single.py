"""The tab for one style, chosen from a gallery."""

from typing import Any

from hub.registry import Entry
from space.handlers import Handlers
from space.learn import gallery_that_learns
from space.panel import Panel, build_panel, finish
from space.style_gallery import style_gallery


def build_single(handlers: Handlers, entry: Entry, api_name: str) -> Panel:
    """One model's panel."""
    learning: list[Any] = []
    wall = gallery_that_learns(handlers, entry, learning) if handlers.learns and entry.method.adding else style_gallery
    panel = build_panel(handlers, entry, "single", wall, api_name)
    panel.running += learning
    finish(handlers, panel)
    return panel
