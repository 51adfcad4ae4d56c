"""Make the pictures of the documents with the models themselves; those of the cards: card_sheets.py.

python tools/sheets.py hero                      # docs/valley.jpg, from examples/valley.jpg
python tools/sheets.py strokes                   # docs/strokes.jpg: small, medium and large photos with both strokes
python tools/sheets.py paintings PAINTING ...    # methods/gatys/sheet.jpg: the example photo by each painting
python tools/sheets.py compare PAINTING ...      # docs/comparison.jpg: three pictures, each by three methods
python tools/sheets.py checkerboard RESIZE TRANSPOSED STYLE   # docs/checkerboard.png: two networks of one style
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import hub
from hub.images import at_short_side, read_image
from methods.parts.sheets import contact_sheet

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


def strokes(name: str = "cin-25styles") -> None:
    """The example photo at three sizes, painted with fine and with medium strokes; all are shown at one size."""
    style = hub.load(name, styles=[])
    photo = read_image(ROOT / "examples" / "valley.jpg").rgb
    cells, captions = [], []
    for stroke in ("fine", "medium"):
        for short, megapixels in ((577, "0.5"), (1155, "2"), (2828, "12")):
            painted = style(at_short_side(photo, short), style="starry-night", stroke=stroke)
            cells.append(painted.resize((480, 320), Image.Resampling.LANCZOS))
            captions.append(f"--stroke {stroke}, {megapixels} megapixels")
    save(contact_sheet(cells, columns=3, captions=captions), ROOT / "docs" / "strokes.jpg")


def optimised(paintings: list[Path]) -> None:
    """The example photo, optimised by each painting at 384 pixels."""
    method = hub.load("gatys")
    photo = read_image(ROOT / "examples" / "valley.jpg").rgb
    made = [method(photo, style=painting, size=384) for painting in paintings]
    cells = [picture.resize((480, 320), Image.Resampling.LANCZOS) for picture in made]
    captions = [painting.stem.replace("-", " ").capitalize() for painting in paintings]
    save(contact_sheet(cells, columns=3, captions=captions), ROOT / "methods" / "gatys" / "sheet.jpg")


def compare(paintings: list[Path]) -> None:
    """The example photo, a grey one and one with lettering: optimised, by a network of its own, by the conditional one.

    ``paintings`` are named by styles that both networks know.
    """
    photo = at_short_side(read_image(ROOT / "examples" / "valley.jpg").rgb, 512)
    grey = photo.convert("L").convert("RGB")
    methods = [hub.load("gatys"), hub.load("fast-art"), hub.load("cin-25styles", styles=[])]
    cells, captions = [], []
    for painting in paintings:
        for content, name in ((photo, "photo"), (grey, "grey photo"), (lettered(photo), "lettering")):
            made = [method(content, style=painting if i == 0 else painting.stem) for i, method in enumerate(methods)]
            cells += [picture.resize((480, 320), Image.Resampling.LANCZOS) for picture in (content, *made)]
            captions += [name, *(f"{method.entry.name}: {painting.stem}" for method in methods)]
    save(contact_sheet(cells, columns=4, captions=captions), ROOT / "docs" / "comparison.jpg")


def lettered(photo: Image.Image) -> Image.Image:
    """``photo`` with a sign on it, in letters of three sizes."""
    sign = photo.copy()
    draw = ImageDraw.Draw(sign)
    width, height = sign.size
    box = (width * 0.08, height * 0.12, width * 0.62, height * 0.62)
    draw.rectangle(box, fill="#f4efe2", outline="#3a2a1a", width=6)
    for text, size, row in (
        ("VALLEY INN", 58, 0.16),
        ("Rooms with a view", 34, 0.34),
        ("open from May to October", 20, 0.5),
    ):
        draw.text((width * 0.11, height * row), text, fill="#2a1c10", font=ImageFont.load_default(size))
    return sign


def checkerboard(resize: Path, transposed: Path, style: str) -> None:
    """A piece of the example photo's sky, four times as large, by two networks that upsample differently."""
    photo = read_image(ROOT / "examples" / "valley.jpg").rgb
    pieces = []
    for weights in (resize, transposed):
        made = hub.load(weights)(photo, style=style)
        pieces.append(made.crop((560, 40, 720, 160)).resize((640, 480), Image.Resampling.NEAREST))
    sheet = contact_sheet(pieces, columns=2, captions=["resized, then convolved", "transposed convolutions"])
    sheet.save(ROOT / "docs" / "checkerboard.png", optimize=True)


def save(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=82, optimize=True, progressive=True)
    print(f"{path.relative_to(ROOT)}: {sheet.width}x{sheet.height}, {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["hero"]:
            hero()
        case ["strokes"]:
            strokes()
        case ["paintings", *paths]:
            optimised([Path(path) for path in paths])
        case ["compare", *paths]:
            compare([Path(path) for path in paths])
        case ["checkerboard", resize, transposed, style]:
            checkerboard(Path(resize), Path(transposed), style)
        case _:
            raise SystemExit(__doc__)
