"""The queue between the site and its workers: huey with SQLite, or with Redis for workers on other machines.

A message says only that there is work. Which job comes next, and whether it is still to be done, the store knows: a
message that is lost or comes twice does no harm. Messages are JSON, since huey's own form, pickle, can run code.
"""

import json
from collections.abc import Callable
from typing import Any, cast

from hub.errors import StylehubError
from space.site.settings import Settings

try:
    from huey import RedisHuey, SqliteHuey
    from huey.registry import Message
    from huey.serializer import Serializer
except ModuleNotFoundError:
    raise StylehubError("Long jobs need huey: pip install 'stylehub[site]'.") from None


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Messages as JSON."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data._asdict() if isinstance(data, Message) else data).encode()

    def _deserialize(self, data: bytes) -> Any:
        found = json.loads(data)
        return Message(**found) if isinstance(found, dict) else found


class Queue:
    """The messages, and the work that one message stands for."""

    def __init__(self, settings: Settings, work: Callable[[], None] = lambda: None) -> None:
        how: dict[str, Any] = {"results": False, "serializer": JsonSerializer()}
        if settings.redis:
            try:
                self.huey = RedisHuey("stylehub", url=settings.redis, **how)
            except Exception as error:  # the client is missing, or the address is wrong
                raise StylehubError(f"Redis at {settings.redis} cannot be used: {error}") from None
        else:
            self.huey = SqliteHuey("stylehub", filename=str(settings.folder / "queue.sqlite3"), timeout=20, **how)

        def next_job() -> None:  # huey names a task after its module, which must be the same in all processes
            work()

        self._message = self.huey.task(name="work")(next_job)

    def wake(self) -> None:
        """Tell a worker that there is work. If that fails, a keeper does it later."""
        self._message()

    def __len__(self) -> int:
        return cast("int", self.huey.pending_count())

    def consume(self, *, poll: float = 1.0) -> Any:
        """Huey's consumer, with one thread for one job at a time; ``run`` it."""
        return self.huey.create_consumer(
            workers=1, periodic=False, initial_delay=0.1, max_delay=poll, graceful_signal="TERM"
        )
