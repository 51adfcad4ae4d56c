"""The tab for any painting: a photo, a painting beside it, the result."""

from hub.registry import Entry
from space.panel import Panel, build_panel, finish
from space.studio import Studio


def build_any(studio: Studio, entry: Entry, api_name: str) -> Panel:
    """One model's panel; the painting is one of the controls that it declares (see ``space/controls.py``)."""
    panel = build_panel(studio, entry, "arbitrary", None, api_name)
    finish(studio, panel)
    return panel
