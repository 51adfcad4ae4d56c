"""Style files for others: what they must know of a style vector is written into it, and a style becomes a repository."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import yaml
from PIL import Image

from hub.checking.description import in_spdx
from hub.images import encode_image
from hub.method import Method
from hub.parameters import validate
from hub.publishing.preview import encode_preview, preview_of
from hub.publishing.push import Push, PushError
from hub.styles import FILE_NAME, AddedStyle, read_style
from hub.weights import read_metadata, read_safetensors, write_safetensors


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
    if not in_spdx(style.license):
        what = f"the licence {style.license!r}, which SPDX does not know" if style.license else "no licence"
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
            shlex.join(["stylehub", "stylize", model, "photo.jpg", "--style", style.name]),
            "```\n",
        ]
    )
