"""What every bundled model makes of the test picture, as it was released: the pictures in ``data/golden``.

``tests/test_golden.py`` compares with them; ``python -m tools.golden`` records them anew.
"""

from pathlib import Path

from PIL import Image

import hub
from hub.method import Method
from tests.conftest import make_photo
from tests.support.paths import DATA

GOLDEN = DATA / "golden"
ITERATIONS = 4


def paint(method: Method) -> Image.Image:
    """The test picture by ``method``: by the first style that it knows by name, else with the turned picture as the style."""
    photo = make_photo()
    style = next(iter(method.styles)) if method.styles else photo.rotate(90, expand=True).resize((160, 192))
    iterations = {"iterations": ITERATIONS} if method.entry.method.iterative else {}
    picture: Image.Image = method(photo, style=style, **iterations)
    return picture


def golden(model: str) -> Path:
    return GOLDEN / f"{model}.png"


def record() -> None:
    """Write the golden picture of every model, in float32 on the CPU."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for entry in hub.list():
        paint(hub.load(entry.name, device="cpu", dtype="float32")).save(golden(entry.name))
