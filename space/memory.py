"""What the server keeps in memory of each visitor, and of each call of a program: little, and of a bounded number of them."""

from types import SimpleNamespace

import gradio as gr

MOST = 2000  # sessions in memory; who comes back after that many others chooses again
_EVENTS = 100  # of the last events in Gradio's own statistics, which it computes anew after each event


def keep_little(demo: gr.Blocks) -> None:
    """Let the sessions of ``demo``, which has been launched, hold only what differs from the page that all share.

    Gradio copies the description of every component into each session, for links to a session's state, which this page
    does not offer. On a page of a thousand components that takes 1.7 MB and 0.2 s of the processor, at each call.
    """
    demo.app.state_holder.blocks = SimpleNamespace(default_config=demo.default_config, blocks={})  # type: ignore[assignment]
    demo._queue.ANALYTICS_MAX_EVENTS = _EVENTS
