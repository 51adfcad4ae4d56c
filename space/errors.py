"""Errors for visitors: one sentence, never a traceback."""

import functools
import html
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from hub.errors import StylehubError

SURPRISE = "Something went wrong on the server; try again, perhaps with a smaller photo."

log = logging.getLogger("stylehub.space")


def one_sentence(handler: Callable[..., Any]) -> Callable[..., Any]:
    """``handler`` with its errors turned into ``gr.Error``; unexpected errors are logged in full."""

    @functools.wraps(handler)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with _told(handler):
            return handler(*args, **kwargs)

    @functools.wraps(handler)
    def guarded_steps(*args: Any, **kwargs: Any) -> Any:
        with _told(handler):
            yield from _something(handler(*args, **kwargs))

    return guarded_steps if inspect.isgeneratorfunction(handler) else guarded


def said_on_the_page(handler: Callable[..., Any], outputs: int) -> Callable[..., Any]:
    """``handler`` for the page alone: the last of its ``outputs`` is the notice, which says its errors."""

    def answer(error: Exception) -> tuple[Any, ...]:
        if isinstance(error, StylehubError | gr.Error):
            said = error.message if isinstance(error, gr.Error) else str(error)
        else:
            log.error("in %s", getattr(handler, "__name__", handler), exc_info=error)
            said = SURPRISE
        return *(gr.skip() for _ in range(outputs - 1)), said

    @functools.wraps(handler)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except Exception as error:
            return answer(error)

    @functools.wraps(handler)
    def guarded_steps(*args: Any, **kwargs: Any) -> Any:
        try:
            yield from _something(handler(*args, **kwargs))
        except Exception as error:
            yield answer(error)

    return guarded_steps if inspect.isgeneratorfunction(handler) else guarded


def _something(steps: Iterator[Any]) -> Iterator[Any]:
    """``steps``, or that nothing changes: Gradio empties what a generator without a step would fill."""
    step: Any = None
    for step in steps:
        yield step
    if step is None:
        yield gr.skip()


@contextmanager
def _told(handler: Callable[..., Any]) -> Iterator[None]:
    try:
        yield
    except StylehubError as error:
        # The page shows messages as HTML, and this one may quote an untrusted file.
        raise gr.Error(html.escape(str(error), quote=False), duration=8, print_exception=False) from None
    except gr.Error:
        raise
    except Exception:
        log.exception("in %s", getattr(handler, "__name__", handler))
        raise gr.Error(SURPRISE, print_exception=False) from None
