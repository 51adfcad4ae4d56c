"""Add a style to a model: learn it from one painting and keep it as a small file."""

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import ImageError, ParameterError, StylehubError
from hub.files import already_exists, example_photo
from hub.images import read_image
from hub.loading import load
from hub.method import Method
from hub.parameters import validate
from hub.plugins import plugin_class
from hub.progress import Progress, ProgressCallback
from hub.publishing.preview import encode_preview
from hub.registry import NAME, list_models
from hub.styles import AddedStyle, home, known_as
from hub.trainer.loop import Trainer
from hub.training.settings import facts
from hub.weights import write_safetensors
from methods.parts.paintings import is_flat

if TYPE_CHECKING:
    from hub.images import Source

PREVIEW_EVERY = 20  # steps


def add_style(
    model: str | Path | Method,
    painting: "Source",
    name: str,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    device: str | None = None,
    progress: ProgressCallback | None = None,
    **about_and_settings: Any,
) -> Path:
    """Teach ``model`` the style of ``painting`` and return the style file; ``hub.load(model)`` finds it.

    Args:
        model: a name or folder, as for ``hub.load``, or a method loaded in float32.
        name: lower-case letters, digits and hyphens; the model must not have a style of this name.
        out: a file outside the user's folder; ``hub.load(model, styles=[out])`` loads it.
        progress: called after every step, sometimes with a preview; raise ``hub.errors.Cancelled`` in it to stop.
        about_and_settings: the fields of ``hub.styles.AddedStyle``, such as ``title``, which go into the file; and the
            settings of the method's training task, such as ``content`` (training photos; default: the example photo),
            ``vgg`` (a perceptual network as safetensors; default: the best available) and ``steps``.

    Raises ``StylehubError`` before anything is written; the file is written atomically.
    """
    if not re.fullmatch(NAME, name) or len(name) > 64:
        raise ParameterError(
            f"{name[:80]!r} cannot be a style name; use lower-case letters, digits and hyphens, 64 at most."
        )
    settings = dict(about_and_settings)
    method = load(model, device=device, dtype="float32", styles=[]) if isinstance(model, str | Path) else model
    place = method.device
    recipe_class = training_of(method)
    if taken := known_as(method, name):
        what = f"already has a style {taken!r}, so {name!r} is taken"
        raise ParameterError(f"{method.entry.name} {what}; choose another name.")
    about = {field: settings.pop(field) for field in AddedStyle.model_fields if field in settings}
    style = validate(AddedStyle, {"name": name, **about})
    path = Path(out) if out else home(method) / f"{name}.safetensors"
    if path.suffix != ".safetensors":
        raise ParameterError(f"A style must be a .safetensors file, not {path.name}; choose another name.")
    if path.exists() and not overwrite:
        raise ParameterError(already_exists(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f"Cannot create the folder {path.parent} ({error.strerror}); choose another.") from None
    if not os.access(path.parent, os.W_OK):
        raise ParameterError(f"The folder {path.parent} cannot be written; choose another.")
    picture = read_image(painting).visible
    if is_flat(picture):
        raise ImageError("The painting has only one colour, so it has no style; choose another picture.")

    checked = validate(recipe_class.Settings, _with_defaults(settings)).on(place)
    recipe = recipe_class(checked, place, method, picture)
    run, preview = Trainer(recipe, place), None
    for done, numbers in run.steps():
        due = done == checked.steps or (progress is not None and done % PREVIEW_EVERY == 0)
        preview = recipe.sheet(run.average.module) if due else None
        if progress:
            progress(Progress(done, checked.steps, numbers, preview))
    config = {
        "method": method.entry.method_id,
        "model": method.entry.name,
        "adds_to": method.weights_sha256,
        "style": style.model_dump(),
        "training": facts(checked) | {"perceptual_network": recipe.perceptual_network},
    }
    shown = {"preview": encode_preview(preview)} if preview else {}
    write_safetensors(path, recipe.row(run.average.module), {"config": json.dumps(config), **shown})
    return path


def training_of(method: Method) -> Any:
    """The training task class that adds a style to ``method``. Raises ``StylehubError`` if it cannot learn styles."""
    if method.entry.method.adding is None:
        able = " or ".join(entry.name for entry in list_models() if entry.method.adding)
        raise StylehubError(f"{method.entry.name} cannot learn further styles; choose {able}.")
    return plugin_class(method.entry, method.entry.method.adding)


def _with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    if settings.get("content") is None:
        settings = settings | {"content": [str(example_photo())]}
    return settings
