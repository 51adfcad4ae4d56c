"""What of a result may be shared: its pixels, and how it was made without the name of any file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from hub.errors import StylehubError
from hub.fields import FieldSpec, field_specs
from hub.images import encode_image, read_image
from hub.plugins import plugin_class
from hub.provenance import read_recipe
from hub.registry import info

THUMBNAIL = 400  # long side in pixels
_OURS = ("stylehub", "contract", "model", "weights")


def shareable(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """``recipe`` without the photo's name, and without parameters that name files or describe the photo's place.

    Raises ``StylehubError`` for a recipe of a model that is not here.
    """
    fields = {field.name: field for field in field_specs(plugin_class(info(str(recipe.get("model")))).Parameters)}
    given = recipe.get("parameters")
    values = given if isinstance(given, Mapping) else {}
    kept = {name: value for name, value in values.items() if name in fields and not _names_a_file(fields[name], value)}
    return {name: recipe[name] for name in _OURS if name in recipe} | {"parameters": kept}


def style_field(recipe: Mapping[str, Any]) -> str:
    """The parameter that is the style; empty for a method without one."""
    parameters = plugin_class(info(str(recipe["model"]))).Parameters
    return next((field.name for field in field_specs(parameters) if field.role == "style"), "")


def runnable(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A shared ``recipe`` with a word for the painting, where that was a file, which is not shared."""
    role = style_field(recipe)
    return {**recipe, "parameters": ({role: "PAINTING"} if role else {}) | recipe["parameters"]}


def style_of(recipe: Mapping[str, Any]) -> str:
    """The name of the style with the largest share; empty for a painting of one's own."""
    style = recipe["parameters"].get(style_field(recipe))
    if isinstance(style, Mapping) and style:
        style = max(style, key=lambda name: style[name])
    return style if isinstance(style, str) else ""


def pictures_of(result: Path) -> tuple[bytes, bytes, Image.Image, dict[str, Any]]:
    """A result as it is shared: the picture and a thumbnail as JPEG, its pixels, and its recipe.

    Raises ``StylehubError`` for a picture that was not made here.
    """
    recipe = read_recipe(result)
    if recipe is None:
        raise StylehubError("Only a result of this site can be shared; this picture was not made here.")
    clean = shareable(recipe)
    pixels = read_image(result).rgb
    small = pixels.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    picture = encode_image(pixels, "jpeg", quality=95, recipe=clean, keep_metadata="none")
    return picture, encode_image(small, "jpeg", quality=85, keep_metadata="none"), pixels, clean


def _names_a_file(field: FieldSpec, value: Any) -> bool:
    if field.kind in ("path", "map"):
        return True
    if field.kind != "pictures":
        return False
    names = list(value) if isinstance(value, Mapping) else [value]
    return any(not isinstance(name, str) or "." in name or name == "PICTURE" for name in names)
