"""Numbers on the command line, refused in one sentence when they make no sense."""

from argparse import ArgumentTypeError


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def amount(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def frame(text: str) -> tuple[int, int]:
    """Width and height in pixels, written 1920x1080."""
    width, _, height = text.partition("x")
    return count(width), count(height)
