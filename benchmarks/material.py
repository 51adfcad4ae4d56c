"""What is measured: the models, what they must be told, and the photo at any size."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from hub.registry import PACKAGE_ROOT, list_models

if TYPE_CHECKING:
    from hub.method import Method


def add_models(parser: argparse.ArgumentParser) -> None:
    """The option ``--models``; every conditional network of the registry when it is left out."""
    every = [entry.name for entry in list_models() if entry.name.startswith("cin-")]
    parser.add_argument("--models", nargs="+", default=every, metavar="MODEL", help=f"default: {' '.join(every)}")


def label(model: str) -> str:
    """The name of a model as a result carries it: of a folder its own name, never where it lies."""
    return Path(model).name


def least_parameters(method: "Method", style: str | None = None) -> dict[str, Any]:
    """What ``method`` must be told before it paints: ``style``, or its first, when it knows styles by name."""
    return {"style": style or next(iter(method.styles))} if method.styles else {}


def photo(width: int, height: int, file: Path | None = None) -> Image.Image:
    """``file``, or the picture of the documents, cropped and scaled to ``width`` x ``height``."""
    from hub.images import read_image

    source = read_image(file or PACKAGE_ROOT / "examples" / "valley.jpg").rgb
    return ImageOps.fit(source, (width, height), Image.Resampling.BICUBIC)
