"""The tab for one style: a photo, a wall of pictures to choose from, the result."""

from hub.registry import Entry
from space.panel import Panel, build_panel, finish
from space.studio import Studio
from space.wall import style_wall


def build_single(studio: Studio, entry: Entry, api_name: str) -> Panel:
    """One model's panel."""
    panel = build_panel(studio, entry, "single", style_wall, api_name)
    finish(studio, panel)
    return panel
