"""The rules of calling, over a model that a test has loaded."""

from pathlib import Path
from typing import Any

from PIL import Image

from hub.checking import CALLS, Case, LeftOut
from hub.method import Method


def check_contract(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """Apply every rule to ``method``, called with ``parameters`` (what it needs, such as a style)."""

    def load_again(**_: Any) -> Method:
        raise NotImplementedError  # only the rules of devices load a model again

    case = Case(method, parameters, photo, folder, load_again)
    for rule in CALLS:
        try:
            rule(case)
        except LeftOut:
            continue
