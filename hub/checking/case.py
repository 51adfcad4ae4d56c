"""One method to be checked: loaded, with what it needs to be called, and a photo."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
from PIL import Image

from hub.errors import StylehubError
from hub.method import Method
from hub.parameters import field_specs

ITERATIONS = 6  # fewer change too little to see


class Broken(StylehubError):
    """A rule of the contract that a method breaks; the message is a clause that says how."""


class LeftOut(StylehubError, SkipTest):  # which pytest and unittest count as skipped
    """A rule that says nothing about this method, and why."""


def require(truth: Any, otherwise: str) -> None:
    """Raise ``Broken`` with the text ``otherwise`` unless ``truth``."""
    if not truth:
        raise Broken(otherwise)


@dataclass(frozen=True)
class Case:
    """A ``method`` on the CPU, called with ``parameters`` (what it needs, such as a style) on ``photo``."""

    method: Method
    parameters: Mapping[str, Any]
    photo: Image.Image
    folder: Path  # for files that rules write
    load: Callable[..., Method]  # the same model with another device or dtype


def needed(method: Method, folder: Path) -> dict[str, Any]:
    """What ``method`` must be called with: the first of its styles, or a painting that is written into ``folder``."""
    wanted: dict[str, Any] = {}
    for field in field_specs(method.Parameters):
        if field.name == "iterations":
            wanted[field.name] = ITERATIONS
        elif field.role == "style" or field.required:
            if field.kind == "pictures":
                wanted[field.name] = folder / "painting.png"
            elif method.styles:
                wanted[field.name] = next(iter(method.styles))
    if folder / "painting.png" in wanted.values():
        darker = make_photo().rotate(90, expand=True).point([level * 3 // 4 for level in range(256)] * 3)
        darker.save(folder / "painting.png")
    return wanted


def make_photo() -> Image.Image:
    """A picture with edges, a gradient and texture, 96 x 80."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:80, 0:96]
    pixels = np.stack([x * 2.6, y * 3.1, 128 + 100 * np.sin(x / 5) * np.cos(y / 7)], axis=-1)
    pixels[20:50, 30:60] = (220, 40, 30)
    return Image.fromarray(np.clip(pixels + rng.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8))
