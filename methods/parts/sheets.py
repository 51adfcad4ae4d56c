"""Contact sheets: many pictures side by side in one."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont


def contact_sheet(
    pictures: Sequence[Image.Image],
    columns: int,
    *,
    captions: Sequence[str] = (),
    gap: int = 4,
) -> Image.Image:
    """``pictures`` (of one size) row by row on white; ``captions``, if any, are written below them."""
    width, height = pictures[0].size
    size = max(10, height // 18)
    font = ImageFont.load_default(size)
    below = round(size * 1.6) if captions else 0
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + below + gap) - gap), "white")
    draw = ImageDraw.Draw(sheet)
    for index, picture in enumerate(pictures):
        x, y = index % columns * (width + gap), index // columns * (height + below + gap)
        sheet.paste(picture, (x, y))
        if index < len(captions):
            caption = captions[index]
            while caption and draw.textlength(caption, font=font) > width:
                caption = caption[:-2] + "\u2026"
            draw.text((x, y + height + size // 5), caption, fill="black", font=font)
    return sheet
