"""Make the pictures of the documents with the models themselves.

python tools/sheets.py hero                      # docs/valley.jpg, from examples/valley.jpg
python tools/sheets.py card MODEL PHOTO ...      # the card's sheet: every style on every photo
python tools/sheets.py paintings PAINTING ...    # methods/gatys/sheet.jpg: the example photo by each painting
"""

import sys
from pathlib import Path

from PIL import Image, ImageOps

import hub
from hub.images import read_image
from hub.sheets import contact_sheet

ROOT = Path(__file__).resolve().parent.parent
HERO_STYLES = ("starry-night", "great-wave", "udnie", "the-scream", "metzinger")


def hero(name: str = "cin-25styles") -> None:
    """The example photo and five styles of it."""
    style = hub.load(name, styles=[])
    photo = read_image(ROOT / "examples" / "valley.jpg").rgb
    made = [style(photo, style=s) for s in HERO_STYLES]
    titles = [style.styles[m.info["stylehub"]["parameters"]["style"]] for m in made]
    captions = ["photo (rendered by examples/render_valley.py)", *(f"{t.artist}: {t.title}" for t in titles)]
    cells = [picture.resize((480, 320), Image.Resampling.LANCZOS) for picture in (photo, *made)]
    save(contact_sheet(cells, columns=3, captions=captions), ROOT / "docs" / "valley.jpg")


def card(name: str, photos: list[Path]) -> None:
    """Every style on every photo, five styles a row, the photos' central squares at 512 pixels."""
    style = hub.load(name, styles=[])
    folder = style.entry.model.files[0].folder
    squares = [ImageOps.fit(read_image(photo).rgb, (512, 512), Image.Resampling.LANCZOS) for photo in photos]
    cells, captions = [], []
    for known in style.styles.values():
        made = [style(square, style=known.name).resize((200, 200), Image.Resampling.LANCZOS) for square in squares]
        cells.append(contact_sheet(made, columns=min(2, len(made)), gap=2))
        captions.append(f"{known.artist}: {known.title}")
    save(contact_sheet(cells, columns=5, captions=captions), ROOT / str(folder) / "sheet.jpg")


def optimised(paintings: list[Path]) -> None:
    """The example photo, optimised by each painting at 384 pixels."""
    method = hub.load("gatys")
    photo = read_image(ROOT / "examples" / "valley.jpg").rgb
    made = [method(photo, style=painting, size=384) for painting in paintings]
    cells = [picture.resize((480, 320), Image.Resampling.LANCZOS) for picture in made]
    captions = [painting.stem.replace("-", " ").capitalize() for painting in paintings]
    save(contact_sheet(cells, columns=3, captions=captions), ROOT / "methods" / "gatys" / "sheet.jpg")


def save(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=82, optimize=True, progressive=True)
    print(f"{path.relative_to(ROOT)}: {sheet.width}x{sheet.height}, {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["hero"]:
            hero()
        case ["card", name, *paths]:
            card(name, [Path(path) for path in paths])
        case ["paintings", *paths]:
            optimised([Path(path) for path in paths])
        case _:
            raise SystemExit(__doc__)
