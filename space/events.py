"""What happens on a site, as lines of its log: text, or one JSON object each. No line tells of a visitor.

``event`` and ``timed`` write such a line: a word for what happened, and plain facts. An error is told by its kind and
place in the code, without its message, which may quote a file name.
"""

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from hub.errors import Cancelled, StylehubError

_TOP = "stylehub"
log = logging.getLogger(_TOP)


def event(name: str, *, level: int = logging.INFO, **facts: str | float | None) -> None:
    """Log that ``name`` happened. ``facts`` are plain values; nothing that a visitor wrote or is."""
    log.log(level, "%s", name, extra={"event": name, "facts": {k: v for k, v in facts.items() if v is not None}})


@contextmanager
def timed(name: str, *, model: str) -> Iterator[None]:
    """Log ``name`` at the end of the block: how long it took, and its outcome: done, stopped, refused or failed."""
    began = time.perf_counter()
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except (Cancelled, GeneratorExit):
        outcome = "stopped"
        raise
    except StylehubError:
        outcome = "refused"
        raise
    finally:
        event(name, model=model, seconds=round(time.perf_counter() - began, 3), outcome=outcome)


def log_to_stderr(format: Literal["text", "json"]) -> None:
    """Let this process log to standard error: events and warnings of ours, warnings of libraries."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if format == "json" else _Text("%(asctime)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(logging.INFO)


def adopt(*names: str) -> None:
    """Let the libraries ``names``, which have set up a log of their own, log as this process does."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """The facts of an event; of any other record none."""
    found: dict[str, Any] = getattr(record, "facts", {})
    return found


class _Text(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return " ".join([super().formatMessage(record), *(f"{k}={v}" for k, v in facts_of(record).items())])

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return super().formatException(ei) if os.environ.get("STYLEHUB_TRACEBACK") else "\n".join(_where(ei))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{when}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "from": record.name,
            "event": getattr(record, "event", None) or "message",
        }
        if line["event"] == "message":
            line["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            line["error"], *line["at"] = _where(record.exc_info)
        return json.dumps(line | facts_of(record), ensure_ascii=False, default=str)


def _where(info: Any) -> list[str]:
    """The kind of an error, then the lines of code that it came through."""
    frames = traceback.extract_tb(info[2])
    return [info[0].__name__, *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)]
