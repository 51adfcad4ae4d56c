"""What the server keeps of visitors and of calls."""

from typing import Any

from space.sessions import MOST
from tests.support.app import SINGLE, raw


def test_a_call_leaves_little_behind(page: tuple[Any, str], uploaded: dict[str, Any]) -> None:
    demo = page[0]
    holder = demo.app.state_holder
    before = set(holder.session_data)
    for strength in (0.5, 1.0):
        assert "event: complete" in raw(page, SINGLE, photo=uploaded, style="udnie", strength=strength, size=32)
    left = [holder.session_data[name] for name in set(holder.session_data) - before]
    assert len(left) == 2
    # The components of the endpoint, of all that the page has.
    assert all(0 < len(session.config_values) < len(demo.default_config.blocks) / 20 for session in left)
    assert holder.capacity == MOST
