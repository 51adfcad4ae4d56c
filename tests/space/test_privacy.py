"""Nothing leaves the machine, and the example is served from wherever the package is."""

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")


from tests.support.paths import ROOT


def test_the_page_asks_nobody_else(page: tuple[Any, str]) -> None:
    """What a browser really asks for is in test_browser.py; this needs none."""
    from space.theme import Gallery

    assert page[0].analytics_enabled is False
    assert Gallery()._stylesheets == [], "a font from somewhere else"
    for path in [*(ROOT / "space").glob("*.js"), ROOT / "space" / "style.css"]:
        assert not re.search(r"https?:|@import|//[a-z]+\.", path.read_text()), path


def test_the_example_photo_is_served_wherever_the_package_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo_file: Path
) -> None:
    """Gradio serves files of the working folder and of its own uploads only."""
    from gradio.utils import get_upload_folder

    from space import examples

    monkeypatch.setattr(examples, "photos", lambda: {"valley": photo_file})
    assert examples.upload("../valley") is None
    copy = Path(examples.upload("valley") or "")
    assert copy.is_relative_to(get_upload_folder())
    assert copy.read_bytes() == photo_file.read_bytes()
