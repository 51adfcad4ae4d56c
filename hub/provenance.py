"""Read the provenance metadata (the recipe) of a picture, and tell the command that makes it again."""

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import ExifTags

from hub.errors import StylehubError
from hub.fields import field_of
from hub.folders import require_consent
from hub.images.metadata import COMMENT_PREFIX, MAX_RECIPE
from hub.images.opening import MAX_PIXELS, opened
from hub.plugins import plugin_class
from hub.registry import info


def read_recipe(source: Path | bytes) -> dict[str, Any] | None:
    """The recipe that ``hub.save`` stored in a picture; None for a picture without one.

    Foreign or damaged metadata count as no recipe. Raises ImageError if the picture cannot be read.
    """
    with opened(source, max_pixels=MAX_PIXELS) as (image, _), suppress(Exception):
        exif = image.getexif()
        comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
        if exif.get(ExifTags.Base.Software) == "stylehub" and isinstance(comment, bytes):
            text = comment.removeprefix(COMMENT_PREFIX)
            recipe = json.loads(text) if len(text) <= MAX_RECIPE else None
            return recipe if isinstance(recipe, dict) else None
    return None


def command(recipe: Mapping[str, Any]) -> str:
    """The shell command that makes the picture of ``recipe`` again."""
    words = ["stylehub", "stylize", str(recipe.get("model", "?")), _file(recipe.get("photo"), "PHOTO")]
    if "strength_map" in recipe:
        words += ["--strength-map", _file(recipe["strength_map"], "MAP")]
    if recipe.get("bits") == 16:
        words += ["--bits", "16"]
    if recipe.get("trust"):
        words += ["--trust"]
    return shlex.join(words + flags(_parameters(recipe)))


def python_line(recipe: Mapping[str, Any]) -> str:
    """The same as one line of Python."""
    arguments = {"strength_map": _file(recipe["strength_map"], "MAP")} if "strength_map" in recipe else {}
    arguments |= _parameters(recipe)
    photo, model = repr(_file(recipe.get("photo"), "PHOTO")), repr(recipe.get("model", "?"))
    trust = ", trust=True" if recipe.get("trust") else ""
    given = "".join(f", {name}={value!r}" for name, value in arguments.items())
    if recipe.get("bits") == 16:
        return (
            f"import hub; photo = hub.read_deep({photo}); "
            f"out = hub.load({model}{trust}, dtype='float32')(photo.visible{given}); "
            "hub.save_deep(out, 'painted.png', alpha=photo.alpha, metadata=photo.metadata)"
        )
    return f"import hub; hub.save(hub.load({model}{trust})({photo}{given}), 'painted.png')"


def _parameters(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of ``recipe``; paintings older than the parameter ``stroke`` have fine strokes.

    Only for these the method's code is imported. Newer ones name the contract that they were made by.
    """
    recorded = recipe.get("parameters")
    given = dict(recorded) if isinstance(recorded, Mapping) else {}
    if "contract" in recipe:
        return given
    with suppress(StylehubError):
        entry = info(str(recipe.get("model")))
        if entry.external:
            require_consent(Path(entry.source), False)  # the metadata may come from anywhere
        name = field_of(plugin_class(entry).Parameters, "stroke")
        if name:
            given.setdefault(name, "fine")
    return given


def _file(name: str | None, unknown: str) -> str:
    """A file name that cannot be read as a flag; ``unknown`` if the picture had no name."""
    return f"./{name}" if name and name.startswith("-") else name or unknown


def flags(parameters: Mapping[str, Any]) -> list[str]:
    """``parameters`` as command-line flags; ``hub.cli.flags.parse`` reads them back."""
    words: list[str] = []
    for name, value in parameters.items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        elif isinstance(value, Mapping):
            for key, share in value.items():
                words += [option, f"{key}={share:g}"]
        elif value is not None:
            words += [option, str(value)]
    return words
