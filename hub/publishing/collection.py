"""The styles that a user has added to models: kept as files in the user's folder, shared as files or repositories."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from PIL import Image

from hub.checking.description import LICENSE
from hub.entries import NAME
from hub.errors import ParameterError, StylehubError, UnknownName, WeightsError
from hub.files import already_exists, user_data, write_whole
from hub.images import encode_image
from hub.loading import load
from hub.method import Method
from hub.names import resolve
from hub.parameters import validate
from hub.publishing.push import Push, PushError
from hub.registry import info
from hub.styles import (
    FILE_NAME,
    LARGEST,
    AddedStyle,
    adopt_file,
    encode_preview,
    fetch_style,
    home,
    preview_of,
    read_style,
)
from hub.weights import read_metadata, read_safetensors, write_safetensors


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


def add(source: str | Path, model: str | Method | None = None, *, overwrite: bool = False, **fetching: Any) -> Kept:
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
    method = load(model or info_by_name(made_for), device="cpu", styles=[]) if not isinstance(model, Method) else model
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
    raise UnknownName(f"The style is for {model!r}, which is no name of an installed model; say which with --model.")


def remove(kept: Kept) -> None:
    """Delete the file, and its picture beside it. Raises ``StylehubError``."""
    try:
        for path in (kept.path, kept.path.with_suffix(".jpg")):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise StylehubError(f"{kept.path} cannot be deleted ({error.strerror}); delete it yourself.") from None


def style_of_vector(path: Path, about: Mapping[str, str]) -> AddedStyle:
    """The style that the vector at ``path`` becomes, named after the file. Raises ``ParameterError``."""
    name = re.sub("[^a-z0-9]+", "-", path.stem.lower())[:64].strip("-") or "painting"
    return validate(AddedStyle, {"name": name, **about})


def sign_vector(method: Method, path: Path, style: AddedStyle, preview: Image.Image) -> None:
    """Write into the style vector at ``path`` what others must know of it, so that it can be kept as a style.

    A file that is something else, such as a network that was written for a painting, stays as it is.
    """
    metadata = read_metadata(path)
    config = json.loads(metadata["config"])
    if "vector_of" not in config:
        return
    config |= {"model": method.entry.name, "adds_to": method.weights_sha256, "style": style.model_dump()}
    write_safetensors(path, read_safetensors(path), {"config": json.dumps(config), "preview": encode_preview(preview)})


def of_style(path: Path, to: str | None) -> Push:
    """The push of a style file: the file, a card, a small picture. Raises ``PushError`` without a licence or repository."""
    style, model, _ = read_style(path)
    if to is None:
        raise PushError(f"{path} names no repository; give one with --to owner/name.")
    if not LICENSE.fullmatch(style.license):
        what = f"the licence {style.license!r}, which is none that SPDX knows" if style.license else "no licence"
        raise PushError(f"{path} has {what}; make it again with --license, such as --license CC-BY-4.0.")
    files: dict[str, Path | bytes] = {FILE_NAME: path, "README.md": _card(style, model, to).encode()}
    if (picture := preview_of(path)) is not None:
        files["preview.jpg"] = encode_image(picture, "jpeg")
    return Push(to, files, f"style {style.name} for {model}")


def _card(style: AddedStyle, model: str, to: str) -> str:
    front = {
        "license": style.license.lower(),
        "library_name": "stylehub",
        "pipeline_tag": "image-to-image",
        "tags": ["style-transfer", model],
    }
    title = style.title or style.name
    painting = ", ".join(part for part in (style.artist, title, style.year) if part)
    by = [f"By {style.author}."] if style.author else []
    source = [f"The painting: {style.source}."] if style.source else []
    return "\n".join(
        [
            f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n",
            f"# {title}\n",
            f"A style for `{model}` of stylehub: {painting}.",
            *by,
            *source,
            "\n```sh",
            f"stylehub styles add hf://{to}@COMMIT",
            f"stylehub stylize {model} photo.jpg --style {style.name}",
            "```\n",
        ]
    )
