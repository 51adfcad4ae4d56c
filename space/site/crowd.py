"""The queue of the page is for all: who has many calls in it must let some of them be done first."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import gradio as gr
from starlette.responses import JSONResponse

_SAID = "You have {own} calls that wait; ask again when some of them are done."


class Crowd:
    """Refuses a visitor's call with status 429 while ``most`` of that visitor wait. An ASGI application around ``app``.

    ``page`` gives the page, once there is one; ``calls`` tells which paths are calls.
    """

    def __init__(self, app: Any, page: Callable[[], gr.Blocks | None], calls: Callable[[str], bool], most: int) -> None:
        self.app, self.page, self.calls, self.most = app, page, calls, most

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Any, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and self.calls(scope["path"]):
            own = self._waiting((scope.get("client") or [""])[0])
            if own >= self.most:
                await JSONResponse({"detail": _SAID.format(own=own)}, 429)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _waiting(self, host: str) -> int:
        """The calls of ``host`` that wait."""
        queue = getattr(self.page(), "_queue", None)
        if queue is None:
            return 0
        waiting = (event for line in queue.event_queue_per_concurrency_id.values() for event in line.queue)
        return sum(event.request.client is not None and event.request.client.host == host for event in waiting)
