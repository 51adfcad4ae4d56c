"""The result: before and after, the full-size picture for download, and the commands to make it again."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from hub.images import FORMATS, encode_image, read_image, save, write_image
from hub.provenance import command, python_line, read_recipe
from space.models import Painted
from space.photo import DISPLAY
from space.temporary import temporary_folder

OFFERED = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp"}


@dataclass
class Shown:
    """What the page shows: a model's painting for ``values``, without its pixels, since each visitor's is kept.

    ``picture`` is the file at full size, once it is made. Not ``done``: a draft or a preview.
    """

    model: str
    task: str
    values: Mapping[str, Any]
    painted: InitVar[Painted]
    picture: str | None = None
    files: tuple[str, str] | None = None  # before and after as the page shows them
    first: bool = False  # what the page shows before anybody has chosen anything
    done: bool = field(init=False)

    def __post_init__(self, painted: Painted) -> None:
        self.done = painted.done
        if self.picture is None and painted.full in (None, painted.after.size):
            self.keep(painted)

    def shows(self, model: str, task: str, values: Mapping[str, Any]) -> bool:
        """Whether this is the finished painting of ``model`` for ``values``."""
        return self.done and (self.model, self.task, self.values) == (model, task, values)

    def keep(self, whole: Painted) -> None:
        """Write ``whole`` as the picture to download."""
        self.picture = written(whole, ".tif")


def filled(painted: Painted) -> tuple[Any, ...]:
    """What an endpoint answers: before and after, the picture, and the lines that make it again."""
    return shown(painted), written(painted), command(painted.recipe), python_line(painted.recipe)


def recipe_lines(painted: Painted, values: Mapping[str, Any]) -> tuple[str, str]:
    """The lines that make the picture at full size, though ``painted`` may be smaller."""
    recipe = dict(painted.recipe)
    size = values.get("size")
    parameters = {name: value for name, value in recipe["parameters"].items() if name != "size" or size}
    if size:
        parameters["size"] = int(size)
    recipe["parameters"] = parameters
    return command(recipe), python_line(recipe)


def written(painted: Painted, extension: str = ".png") -> str:
    """The picture as a file with its metadata; a preview has none. A TIFF loses nothing and takes no time to pack."""
    recipe = painted.after.info.get("stylehub") or {}
    stem = Path(recipe.get("photo") or "photo").stem
    name = f"{stem}-painted" if painted.done else "preview"
    return str(save(painted.after, temporary_folder() / f"{name}{extension}"))


def saved(image: Image.Image, name: str) -> str:
    """Save ``image`` as a PNG file in the upload folder."""
    path = temporary_folder() / name
    image.save(path)
    return str(path)


def shown(painted: Painted, size: tuple[int, int] | None = None) -> tuple[str, str]:
    """The two pictures for the slider, as large as the page shows a photo of ``size`` (default: their own)."""
    width, height = size or painted.after.size
    scale = min(1.0, DISPLAY / max(width, height))
    target = max(1, round(width * scale)), max(1, round(height * scale))
    folder = temporary_folder()
    paths = []
    for name, image in (("before", painted.before), ("after", painted.after)):
        fitted = image if image.size == target else image.resize(target, Image.Resampling.BICUBIC)
        path = folder / f"{name}.jpg"
        path.write_bytes(encode_image(fitted, "jpeg", quality=92))
        paths.append(str(path))
    return paths[0], paths[1]


def download_of(painted: Shown, format: str) -> str:
    """The full picture in the chosen format, with its provenance metadata."""
    assert painted.picture is not None
    source = Path(painted.picture)
    if FORMATS[OFFERED[format]] == FORMATS[source.suffix]:
        return str(source)
    target = temporary_folder() / f"{source.stem}{OFFERED[format]}"
    write_image(read_image(source).image, target, recipe=read_recipe(source))
    return str(target)
