"""Curves as an SVG picture, on a logarithmic scale."""

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN, KEY = 720, 400, 50, 230
COLOURS = ("#0b6fb8", "#d1495b", "#2e8b57", "#7b4fa3", "#b8860b", "#555555")


class Curve(NamedTuple):
    """Points ``(x, y)`` with ``y`` above 0."""

    name: str
    points: Sequence[tuple[float, float]]


def draw_curves(curves: Sequence[Curve], title: str, below: str) -> str:
    """The text of an SVG file with ``title`` on top and the name of the horizontal axis ``below``."""
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [math.log10(max(y, 1e-9)) for curve in curves for _, y in curve.points]
    low, high = min(ys) - 0.05, max(ys) + 0.05
    right, bottom = WIDTH - KEY, HEIGHT - MARGIN

    def place(x: float, y: float) -> str:
        across = MARGIN + (x - min(xs)) / ((max(xs) - min(xs)) or 1) * (right - MARGIN)
        up = bottom - (y - low) / (high - low) * (bottom - MARGIN)
        return f"{across:.1f},{up:.1f}"

    def text(x: float, y: float, words: str, more: str = "") -> str:
        return f'<text x="{x}" y="{y}" {more}>{escape(words)}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(MARGIN, 24, title, 'font-size="14"'),
        f'<path d="M{MARGIN},{MARGIN} V{bottom} H{right}" fill="none" stroke="#888"/>',
        text(right, HEIGHT - 16, f"{below}: {min(xs):g} to {max(xs):g}", 'text-anchor="end"'),
    ]
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        parts.append(text(MARGIN - 6, bottom - share * (bottom - MARGIN) + 4, f"{10**value:.3g}", 'text-anchor="end"'))
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(place(x, math.log10(max(y, 1e-9))) for x, y in curve.points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(text(right + 12, MARGIN + 20 * number + 10, curve.name, f'fill="{colour}"'))
    return "\n".join([*parts, "</svg>", ""])
