"""A style that a model has learnt, and the styles that a user has added to it: small files, found again by ``hub.load``.

Such a file holds what a method's ``adopt`` takes. Its metadata name the style and the sha256 of the weights that it was
learnt on, since it means nothing to any other weights.
"""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from hub.errors import StylehubError, UnknownName, WeightsError
from hub.files import user_styles
from hub.names import resolve
from hub.weights import read_metadata, read_safetensors, sha256_of

if TYPE_CHECKING:
    from hub.method import Method

logger = logging.getLogger(__name__)


class Style(BaseModel):
    """A style that a model has learnt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str = ""
    artist: str = ""
    year: str = ""


def adopt_styles(method: "Method", styles: Sequence[str | Path] | None) -> None:
    """Give ``method`` the added ``styles``: names in the user's folder or files; None: all in that folder.

    Raises ``UnknownName``, ``WeightsError`` or ``StylehubError`` for a style that was asked for; one of the folder
    that does not fit is left out with a warning.
    """
    if isinstance(styles, str | Path):
        styles = [styles]
    if styles is None:
        for path in sorted(home(method).glob("*.safetensors")) if method.entry.method.adding else ():
            try:
                adopt_file(method, path)
            except StylehubError as error:
                logger.warning("%s is left out: %s", path.stem, error)
        return
    for style in styles:
        adopt_file(method, _find(method, style))


def adopt_file(method: "Method", path: Path) -> Style:
    """Give ``method`` the style in ``path``, and return it. Raises ``WeightsError`` when it belongs to other weights."""
    try:
        config = json.loads(read_metadata(path)["config"])
        style, base, model = Style.model_validate(config["style"]), config["adds_to"], str(config["model"])
    except (KeyError, TypeError, ValueError, ValidationError, RecursionError):
        raise WeightsError(f"{path} is no style of `stylehub add-style`; check the path.") from None
    if base != method.weights_sha256:
        what = f"other weights of {model}" if model == method.entry.name else model
        again = (
            f"learn it again with `stylehub add-style --model {method.entry.name}`"
            if method.entry.method.adding
            else f"{method.entry.name} cannot be taught styles"
        )
        raise WeightsError(f"{path} was learnt on {what}; {again}.")
    if style.name in method.styles:
        raise WeightsError(f"{path} is called {style.name!r}, as a style that {method.entry.name} has already.")
    method.adopt(style, read_safetensors(path))
    method.added[style.name] = sha256_of(path)
    return style


def home(method: "Method") -> Path:
    # A folder or a repository is no name for a folder; its styles are kept where the user says.
    return user_styles("".join(c if c.isalnum() or c in "-_." else "_" for c in method.entry.name))


def _find(method: "Method", style: str | Path) -> Path:
    if isinstance(style, Path) or style.endswith(".safetensors") or os.sep in style:
        if not (path := Path(style).expanduser()).is_file():
            raise UnknownName(f"There is no style file {path}; check the path.")
        return path
    there = {path.stem: path for path in home(method).glob("*.safetensors")}
    if not there:
        raise UnknownName(f"No style was added to {method.entry.name} yet; `stylehub add-style` learns one.")
    return there[resolve(style, there, "added style")]
