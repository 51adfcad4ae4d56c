"""The styles that a user has added to models, as files in the user's folder. Listing them does not import torch."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hub.entries import NAME
from hub.errors import ParameterError, StylehubError, UnknownName, WeightsError
from hub.files import already_exists, user_data, write_whole
from hub.loading import load
from hub.names import resolve
from hub.registry import info
from hub.styles import LARGEST, AddedStyle, adopt_file, fetch_style, home, read_style

if TYPE_CHECKING:
    from hub.method import Method


class Kept(NamedTuple):
    """A style file, and the model that it is for."""

    path: Path
    model: str
    style: AddedStyle


def collection() -> Iterator[Kept]:
    """Every style in the user's folder that can be read."""
    for path in sorted((user_data() / "styles").glob("*/*.safetensors")):
        try:
            style, model, _ = read_style(path)
        except StylehubError:
            continue
        yield Kept(path, model, style)


def find(name: str, model: str | None = None) -> Kept:
    """The style ``name`` of the user's. Raises ``UnknownName``, also where two models have one of this name."""
    kept = [one for one in collection() if model in (None, one.model)]
    full = resolve(name, {one.style.name for one in kept}, "added style")
    same = [one for one in kept if one.style.name == full]
    if len(same) > 1:
        raise UnknownName(f"{' and '.join(one.model for one in same)} have a style {full!r}; say which with --model.")
    return same[0]


def add(source: str | Path, model: "str | Method | None" = None, *, overwrite: bool = False, **fetching: Any) -> Kept:
    """Keep the style of a file, or of ``hf://owner/repo@commit``, for its model; ``hub.load`` then finds it.

    Raises ``WeightsError`` if it was made on other weights or does not fit, ``ParameterError`` if there is one of its name.
    """
    path = fetch_style(str(source), **fetching) if str(source).startswith("hf://") else Path(source).expanduser()
    if not path.is_file():
        raise UnknownName(f"The style file {path} does not exist; check the path.")
    if path.stat().st_size > LARGEST:
        raise WeightsError(f"{path} has more than {LARGEST // 1_000_000} MB, which no style has.")
    style, made_for, _ = read_style(path)
    if not re.fullmatch(NAME, style.name) or len(style.name) > 64:  # it becomes the name of a file
        raise WeightsError(
            f"{path} names its style {style.name[:80]!r}; a name has lower-case letters, digits and hyphens."
        )
    # Only the user may name a folder or a repository to load; a file names an installed model.
    name = info_by_name(made_for) if model is None else model
    method = load(name, device="cpu", styles=[]) if isinstance(name, str) else name
    target = home(method) / f"{style.name}.safetensors"
    if target.exists() and not overwrite:
        raise ParameterError(already_exists(target))
    adopt_file(method, path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, path.read_bytes())
    except OSError as error:
        raise StylehubError(
            f"{target} cannot be written ({error.strerror}); XDG_DATA_HOME moves your folder."
        ) from None
    return Kept(target, method.entry.name, style)


def info_by_name(model: str) -> str:
    """``model`` if it is the name of an installed model. Raises ``UnknownName``."""
    if re.fullmatch(NAME, model):
        return info(model).name
    raise UnknownName(f"The style is for {model!r}, which is not installed; name an installed model with --model.")


def remove(kept: Kept) -> None:
    """Delete the file, and its picture beside it. Raises ``StylehubError``."""
    try:
        for path in (kept.path, kept.path.with_suffix(".jpg")):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise StylehubError(f"{kept.path} cannot be deleted ({error.strerror}); delete it yourself.") from None
