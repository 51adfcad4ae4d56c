"""The styles of a model, and the style files that a user adds to it; ``hub.load`` finds these files.

A style file holds the tensors for a method's ``adopt``. Its metadata name the style and the sha256 of the weights that
it was learnt on, because it works with these weights only.
"""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hub.errors import StylehubError, UnknownName, WeightsError
from hub.files import user_data
from hub.names import one_line, resolve
from hub.weights import REPOSITORY, fetch_repository, read_metadata, read_safetensors, sha256_of

if TYPE_CHECKING:
    from hub.method import Method

LARGEST = 50_000_000  # bytes of a style file
LONGEST = 500  # characters of a text in a style file that are shown
FILE_NAME = "style.safetensors"  # of a style in a repository

logger = logging.getLogger(__name__)


class Style(BaseModel):
    """A style that a model has learnt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str = Field(default="", description="The painting's title.")
    artist: str = Field(default="", description="The painting's artist.")
    year: str = Field(default="", description="The painting's year.")


class AddedStyle(Style):
    """A style that somebody has added, with what others must know to use it."""

    author: str = Field(default="", description="Who makes the file.")
    license: str = Field(default="", description="The licence of the file, such as CC-BY-4.0; needed to push it.")
    source: str = Field(default="", description="Where the painting is from, such as an address.")

    @field_validator("*")
    @classmethod
    def _shown(cls, text: str) -> str:
        """The file may come from anywhere."""
        return one_line(text)[:LONGEST]


def adopt_styles(method: "Method", styles: Sequence[str | Path] | None) -> None:
    """Add ``styles`` to ``method``: names in the user's folder, or files; None: all styles in that folder.

    Raises ``UnknownName``, ``WeightsError`` or ``StylehubError`` for a style named in ``styles``. With None, a style
    that does not fit is skipped with a warning.
    """
    if isinstance(styles, str | Path):
        styles = [styles]
    if styles is None:
        for path in sorted(home(method).glob("*.safetensors")):
            try:
                adopt_file(method, path)
            except StylehubError as error:
                logger.warning("The style %s is skipped: %s", path.stem, error)
        return
    for style in styles:
        adopt_file(method, _find(method, style))


def read_style(path: Path) -> tuple[AddedStyle, str, str | None]:
    """The style in a file, the model that it is for, and the sha256 of its weights, if any. Raises ``WeightsError``."""
    try:
        config = json.loads(read_metadata(path)["config"])
        return AddedStyle.model_validate(config["style"]), str(config["model"]), config["adds_to"]
    except (KeyError, TypeError, ValueError, ValidationError, RecursionError):
        raise WeightsError(
            f"{path} holds no style; `stylehub add-style` and `stylehub vector` write such files."
        ) from None


def adopt_file(method: "Method", path: Path) -> Style:
    """Add the style in ``path`` to ``method`` and return it. Raises ``WeightsError`` if it belongs to other weights."""
    style, model, base = read_style(path)
    if base != method.weights_sha256:
        what = f"other weights of {model}" if model == method.entry.name else model
        again = (
            f"learn it again with `stylehub add-style --model {method.entry.name}`"
            if method.entry.method.adding
            else f"{method.entry.name} cannot learn styles"
        )
        raise WeightsError(f"{path} was learnt on {what}; {again}.")
    if taken := known_as(method, style.name):
        what = f"already has a style {taken!r}, so {style.name!r} is taken"
        raise WeightsError(f"{method.entry.name} {what}; learn {path} under another name.")
    method.adopt(style, read_safetensors(path))
    method.added[style.name] = sha256_of(path)
    return style


def known_as(method: "Method", name: str) -> str | None:
    """The style that ``name`` already means for ``method``: one of this name, or one that ends in it."""
    return next((known for known in method.styles if known == name or known.endswith(f"-{name}")), None)


def fetch_style(address: str, **fetching: Any) -> Path:
    """The style file of the repository ``hf://owner/repo@<40 hex>``. Raises ``UnknownName`` or ``WeightsError``."""
    match = REPOSITORY.fullmatch(address)
    if match is None:
        raise UnknownName(f"{address!r} has no full commit; write hf://owner/repo@ and its 40 hexadecimal digits.")
    return fetch_repository(match["repo"], match["revision"], [FILE_NAME], largest=LARGEST, **fetching) / FILE_NAME


def home(method: "Method") -> Path:
    """The folder for what the user adds to ``method``."""
    # The name of an entry may be a path, also one of dots alone, or a repository, which cannot name a folder.
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in method.entry.name)
    return user_data() / "styles" / (name if name.strip(".") else "_")


def _find(method: "Method", style: str | Path) -> Path:
    if str(style).startswith("hf://"):
        return fetch_style(str(style), **method.fetching)
    if isinstance(style, Path) or style.endswith(".safetensors") or os.sep in style:
        if not (path := Path(style).expanduser()).is_file():
            raise UnknownName(f"The style file {path} does not exist; check the path.")
        return path
    known = {path.stem: path for path in home(method).glob("*.safetensors")}
    if not known:
        raise UnknownName(f"{method.entry.name} has no added styles; learn one with `stylehub add-style`.")
    return known[resolve(style, known, "added style")]
