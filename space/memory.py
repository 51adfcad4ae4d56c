"""What the server keeps in memory of each visitor, and of each call of a program: little, and of a bounded number of them."""

from collections import deque
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.state_holder import StateHolder

MOST = 2000  # visitors in memory; who comes back after that many others chooses again
CALLS = 100  # calls of programs, of which few are worked on at once
_EVENTS = 100  # of the last events in Gradio's own statistics, which it computes anew after each event
_HEX = 32  # letters of the id of a call, which is its session too; those of the page and of clients have other lengths


class Sessions(StateHolder):
    """The sessions of ``demo``, which hold only what differs from the page that all share; those of calls soon go.

    Gradio copies the description of every component into each session, for links to a session's state, which this page
    does not offer. On a page of a thousand components that takes 1.7 MB and 0.2 s of the processor, at each call.
    """

    def __init__(self, demo: gr.Blocks) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.set_blocks(demo)
        self.blocks: Any = SimpleNamespace(default_config=demo.default_config, blocks={})
        self._calls: deque[str] = deque()

    def update(self, session_id: str) -> None:
        """``session_id`` is used now."""
        new = len(session_id) == _HEX and session_id not in self._calls
        super().update(session_id)
        if new:
            with self.lock:
                self._calls.append(session_id)
                if len(self._calls) > CALLS:
                    gone = self._calls.popleft()
                    self.session_data.pop(gone, None)
                    self.time_last_used.pop(gone, None)


def keep_little(demo: gr.Blocks) -> None:
    """Let ``demo``, which has been launched, hold ``Sessions``, and little of its statistics."""
    demo.app.state_holder = Sessions(demo)
    demo._queue.ANALYTICS_MAX_EVENTS = _EVENTS
