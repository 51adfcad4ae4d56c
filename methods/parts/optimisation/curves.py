"""The losses of an optimisation as a picture."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from hub.images import write_image

COLOURS = {"loss": "black", "content": "#1f6f8b", "style": "#c8553d", "variation": "#8f9e3f"}


def draw_curves(history: Sequence[Mapping[str, float]], path: Path, size: tuple[int, int] = (960, 540)) -> None:
    """Draw the series of ``history`` on a logarithmic axis into ``path``; replaces an existing file.

    Raises ``ImageError`` when ``path`` cannot be written.
    """
    width, height = size
    left, right, top, bottom = 80, 20, 20, 40
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    values = [v for losses in history for v in losses.values() if v > 0]
    low, high = (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))) if values else (-1, 0)
    high = max(high, low + 1)

    def place(step: int, value: float) -> tuple[float, float]:
        x = left + (width - left - right) * step / max(1, len(history) - 1)
        y = height - bottom - (height - top - bottom) * (math.log10(value) - low) / (high - low)
        return x, y

    for power in range(low, high + 1):
        y = place(0, 10.0**power)[1]
        draw.line([(left, y), (width - right, y)], fill="#dddddd")
        draw.text((10, y - 6), f"1e{power}", fill="black")
    for number, (name, colour) in enumerate(COLOURS.items()):
        points = [place(i, losses[name]) for i, losses in enumerate(history) if losses.get(name, 0) > 0]
        if len(points) > 1:
            draw.line(points, fill=colour, width=2)
        draw.text((left + 10 + 110 * number, height - 28), name, fill=colour)
    draw.text((width - 160, height - 28), f"{len(history)} iterations", fill="black")
    write_image(image, path, overwrite=True)
