"""Record what the bundled weights make of the test picture: tests/test_cin.py compares with it.

python -m tools.golden
"""

import hub
from tests.conftest import make_photo
from tests.test_cin import GOLDEN, GOLDEN_STYLES


def main() -> None:
    """Write the golden pictures, in float32 on the CPU."""
    GOLDEN.mkdir(exist_ok=True)
    style = hub.load("cin-25styles", device="cpu", dtype="float32")
    for name in GOLDEN_STYLES:
        style(make_photo(), style=name).save(GOLDEN / f"golden-{name}.png")


if __name__ == "__main__":
    main()
