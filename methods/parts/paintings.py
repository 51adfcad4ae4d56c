"""A folder of training paintings, with their names, titles and artists."""

import csv
from pathlib import Path

from PIL import Image

from hub.errors import ImageError, TrainingError
from hub.images import FORMATS, read_image
from hub.method import Style


def read_styles(folder: Path, everything: bool = False) -> list[Style]:
    """The paintings of ``folder``, named by their files; with a ``styles.csv``, its rows with ``pick`` = 1.

    With ``everything``, all rows. The columns are ``slug``, ``pick``, ``title``, ``artist`` and ``year``; the pictures are
    ``slug.jpg``. Raises ``TrainingError`` if there are no paintings.
    """
    table = folder / "styles.csv"
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if everything or row.get("pick", "1") == "1"]
        styles = [Style(name=r["slug"], title=r["title"], artist=r["artist"], year=r["year"]) for r in rows]
    else:
        styles = [Style(name=p.stem) for p in sorted(folder.glob("*")) if p.suffix.lower() in FORMATS]
    if not styles:
        raise TrainingError(f"No painting in {folder}; give a folder of pictures with --styles.")
    return styles


def read_painting(folder: Path, style: Style) -> Image.Image:
    """The painting of ``style`` as RGB."""
    return read_image(find_painting(folder, style.name)).visible


def is_flat(image: Image.Image) -> bool:
    """Whether an RGB picture has (nearly) one colour only, so that it has no style."""
    return max(high - low for low, high in image.getextrema()) < 8  # type: ignore[misc]


def find_painting(folder: Path, name: str) -> Path:
    """The picture ``name`` in ``folder``, in any format. Raises ``ImageError`` if it does not exist."""
    for suffix in FORMATS:
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    raise ImageError(f"{folder} has no picture {name} ({', '.join(FORMATS)}); add it, or name another folder.")
