"""Styles that users add to a model: learnt from one painting, kept as a small file, found again by ``hub.load``.

Such a file holds what a method's ``adopt`` takes, and in its metadata the style and the sha256 of the weights that it
was learnt on, since it means nothing to any other.
"""

import json
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hub.errors import ImageError, ParameterError, StylehubError, UnknownName, WeightsError
from hub.files import already_exists, example_photo, user_styles
from hub.names import resolve
from hub.progress import Progress, ProgressCallback
from hub.registry import NAME

if TYPE_CHECKING:
    from hub.images import Source
    from hub.method import Method, Style

PREVIEW_EVERY = 20  # steps

logger = logging.getLogger(__name__)


def add_style(
    model: "str | Path | Method",
    painting: "Source",
    name: str,
    *,
    title: str = "",
    artist: str = "",
    year: str = "",
    out: str | Path | None = None,
    overwrite: bool = False,
    device: str | None = None,
    progress: ProgressCallback | None = None,
    **settings: Any,
) -> Path:
    """Teach ``model`` the style of ``painting`` and return the file, which ``hub.load(model)`` finds by itself.

    Args:
        model: a name or folder, as for ``hub.load``, or a method loaded in float32.
        name: lower-case letters, digits and hyphens; not the name of a style that the model has.
        out: another place for the file than the user's folder; ``hub.load(model, styles=[out])`` loads it from there.
        progress: called after every step, now and then with a preview; raise ``hub.errors.Cancelled`` in it to stop.
        settings: of the method's recipe, such as ``content`` (photos to practise on; by default the example photo),
            ``vgg`` (a perceptual network as safetensors; by default the best at hand) and ``steps``.

    Raises ``StylehubError`` before anything is written; the file appears whole or not at all.
    """
    from hub.images import is_flat, read_image
    from hub.loading import load
    from hub.method import Style
    from hub.parameters import validate
    from hub.training import Run, facts
    from hub.weights import write_safetensors

    if not re.fullmatch(NAME, name) or len(name) > 64:
        raise ParameterError(
            f"{name[:80]!r} is no name for a style; use up to 64 lower-case letters, digits and hyphens, such as my-style."
        )
    method = load(model, device=device, dtype="float32", styles=[]) if isinstance(model, str | Path) else model
    place = method.device
    recipe_class = recipe_of(method)
    if name in method.styles:
        raise ParameterError(f"{method.entry.name} has a style called {name!r} already; choose another name.")
    for known in method.styles:
        if known.endswith(f"-{name}"):
            raise ParameterError(
                f"{name!r} is short for {known!r} of {method.entry.name} already; choose another name."
            )
    path = Path(out) if out else _home(method) / f"{name}.safetensors"
    if path.suffix != ".safetensors":
        raise ParameterError(f"A style is a .safetensors file, not {path.name}; choose another name.")
    if path.exists() and not overwrite:
        raise ParameterError(already_exists(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f"There can be no folder {path.parent} ({error.strerror}); choose another one.") from None
    picture = read_image(painting).rgb
    if is_flat(picture):
        raise ImageError("The painting has one colour only, which is no style to learn; choose another picture.")

    checked = validate(recipe_class.Settings, _with_defaults(settings)).on(place)
    recipe = recipe_class(checked, place, method, picture)
    run = Run(recipe, place)
    for done, numbers in run.steps():
        if progress:
            due = done % PREVIEW_EVERY == 0 or done == checked.steps
            progress(Progress(done, checked.steps, numbers, recipe.sheet(run.average.module) if due else None))
    style = Style(name=name, title=title, artist=artist, year=year)
    config = {
        "method": method.entry.method_id,
        "model": method.entry.name,
        "adds_to": method.weights_sha256,
        "style": style.model_dump(),
        "training": facts(checked) | {"perceptual_network": recipe.perceptual_network},
    }
    write_safetensors(path, recipe.row(run.average.module), {"config": json.dumps(config)})
    return path


def recipe_of(method: "Method") -> Any:
    """The class of the recipe that teaches ``method``. Raises ``StylehubError`` when there is none."""
    from hub.loading import plugin_class

    if method.entry.method.adding is None:
        raise StylehubError(f"{method.entry.name} cannot be taught further styles.")
    return plugin_class(method.entry, method.entry.method.adding)


def adopt_styles(method: "Method", styles: Sequence[str | Path] | None) -> None:
    """Give ``method`` the added ``styles``: names in the user's folder or files; None: all in that folder.

    Raises ``UnknownName``, ``WeightsError`` or ``StylehubError`` for a style that was asked for; one of the folder
    that does not fit is left out with a warning.
    """
    if isinstance(styles, str | Path):
        styles = [styles]
    if styles is None:
        for path in sorted(_home(method).glob("*.safetensors")) if method.entry.method.adding else ():
            try:
                adopt_file(method, path)
            except StylehubError as error:
                logger.warning("%s is left out: %s", path.stem, error)
        return
    for style in styles:
        adopt_file(method, _find(method, style))


def adopt_file(method: "Method", path: Path) -> "Style":
    """Give ``method`` the style in ``path``, and return it. Raises ``WeightsError`` when it belongs to other weights."""
    from hub.method import Style
    from hub.weights import read_metadata, read_safetensors, sha256_of

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


def _home(method: "Method") -> Path:
    # A folder or a repository is no name for a folder; its styles are kept where the user says.
    return user_styles("".join(c if c.isalnum() or c in "-_." else "_" for c in method.entry.name))


def _find(method: "Method", style: str | Path) -> Path:
    if isinstance(style, Path) or style.endswith(".safetensors") or os.sep in style:
        if not (path := Path(style).expanduser()).is_file():
            raise UnknownName(f"There is no style file {path}; check the path.")
        return path
    there = {path.stem: path for path in _home(method).glob("*.safetensors")}
    if not there:
        raise UnknownName(f"No style was added to {method.entry.name} yet; `stylehub add-style` learns one.")
    return there[resolve(style, there, "added style")]


def _with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    if settings.get("content") is None:
        settings = settings | {"content": [str(example_photo())]}
    return settings
