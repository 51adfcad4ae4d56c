"""The tab for one style: a photo, a wall of pictures to choose from, the result."""

from typing import Any

from hub.registry import Entry
from space.learn import wall_that_learns
from space.panel import Panel, build_panel, finish
from space.studio import Studio
from space.wall import style_wall


def build_single(studio: Studio, entry: Entry, api_name: str) -> Panel:
    """One model's panel."""
    learning: list[Any] = []
    wall = wall_that_learns(studio, entry, learning) if studio.learns and entry.method.adding else style_wall
    panel = build_panel(studio, entry, "single", wall, api_name)
    panel.running += learning
    finish(studio, panel)
    return panel
