"""Paint the example paintings from our own photos: strokes that follow a current, leaded glass, ink on paper.

Nothing here imitates a painter; each gives a style its own colours and marks. Everything follows from fixed seeds.
Usage: python examples/render_paintings.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from render_valley import Array, as_array, as_image, fbm, mix, noise, step, write

HERE = Path(__file__).parent
W, H = 960, 720


def sketch(name: str, box: tuple[float, float, float, float]) -> Array:
    """A part of the photo ``name``, at the size of a painting."""
    photo = Image.open(HERE / f"{name}.jpg").convert("RGB")
    part = tuple(round(side * photo.size[i % 2]) for i, side in enumerate(box))
    return as_array(photo.crop(part).resize((W, H), Image.Resampling.LANCZOS))


def luminance(image: Array) -> Array:
    return image @ np.float32([0.3, 0.59, 0.11])


def palette(value: Array, colours: list[list[float]]) -> Array:
    """Colours by brightness, one flowing into the next."""
    at = np.clip(value, 0, 0.999) * (len(colours) - 1)
    low = at.astype(int)
    table = np.float32(colours)
    return mix(table[low], table[low + 1], (at - low).astype(np.float32))


def current(seed: int) -> Array:
    """Directions that swirl, in radians."""
    y, x = np.mgrid[0:H, 0:W].astype(np.float32)
    e = 2.0
    height = lambda a, b: fbm(a / 230, b / 230, 3, seed)  # noqa: E731
    return np.arctan2(height(x + e, y) - height(x - e, y), -(height(x, y + e) - height(x, y - e)))


def oil() -> Array:
    """Thick strokes of oil along a current: ultramarine, viridian, ochre and cream."""
    rng = np.random.default_rng(21)
    base = sketch("valley", (0.0, 0.0, 1.0, 1.0))
    light = luminance(base)
    warm = base[..., 0] - base[..., 2]
    cold = palette(
        light * 1.15,
        [[0.03, 0.05, 0.20], [0.07, 0.16, 0.46], [0.16, 0.42, 0.66], [0.50, 0.72, 0.76], [0.93, 0.92, 0.78]],
    )
    hot = palette(
        light * 1.2,
        [[0.10, 0.09, 0.14], [0.16, 0.30, 0.22], [0.62, 0.48, 0.12], [0.94, 0.72, 0.18], [0.99, 0.92, 0.62]],
    )
    colour = mix(cold, hot, step(-0.05, 0.25, warm))
    flow = current(5)
    gy, gx = np.gradient(as_array(as_image(light[..., None].repeat(3, 2)).filter(ImageFilter.GaussianBlur(6)))[..., 0])
    strong = step(0.004, 0.02, np.hypot(gx, gy))
    along = np.arctan2(gx, -gy)
    turn = np.arctan2(
        mix(np.sin(flow)[..., None], np.sin(along)[..., None], strong)[..., 0],
        mix(np.cos(flow)[..., None], np.cos(along)[..., None], strong)[..., 0],
    )
    canvas = Image.new("RGB", (2 * W, 2 * H), (44, 48, 70))
    relief = Image.new("L", canvas.size, 90)
    pen, dent = ImageDraw.Draw(canvas), ImageDraw.Draw(relief)
    for width, reach, count in ((34, 90, 5200), (20, 64, 9000), (11, 44, 15000)):
        for _ in range(count):
            x, y = rng.uniform(0, W), rng.uniform(0, H)
            if width < 20 and rng.uniform() > 0.35 + 2 * strong[int(y), int(x)]:
                continue
            tint = colour[int(y), int(x)] * rng.normal(1, 0.10) + rng.normal(0, 0.035, 3)
            spine, way = [], 0.0
            for _ in range(8):
                if not (0 <= x < W and 0 <= y < H):
                    break
                spine.append((2 * x, 2 * y))
                way = turn[int(y), int(x)]
                x, y = x + reach / 8 * np.cos(way), y + reach / 8 * np.sin(way)
            if len(spine) < 3:
                continue
            for hair in np.linspace(-0.5, 0.5, max(5, width // 3)):  # the hairs of the brush
                dx, dy = -np.sin(way) * hair * width, np.cos(way) * hair * width
                shade = tint * (1 + 0.16 * rng.normal()) + 0.05 * hair
                line = [(px + dx, py + dy) for px, py in spine[int(rng.integers(0, 2)) :]]
                pen.line(line, tuple(int(255 * c) for c in np.clip(shade, 0, 1)), max(2, width // 5), "curve")
                dent.line(
                    line, int(np.clip(130 + 60 * rng.normal() - 120 * abs(hair), 20, 250)), max(2, width // 5), "curve"
                )
    image = as_array(canvas.resize((W, H), Image.Resampling.BOX))
    bumps = np.asarray(relief.resize((W, H), Image.Resampling.BOX), np.float32) / 255
    dy, dx = np.gradient(bumps)
    return np.clip(image * (1 + 0.55 * np.clip(-dx - dy, -0.5, 0.5))[..., None], 0, 1)


def glass() -> Array:
    """Leaded glass: pieces of one colour, bright in the middle, between dark lines."""
    rng = np.random.default_rng(8)
    base = sketch("still-life", (0.10, 0.05, 0.92, 1.0))
    base = np.clip((base - 0.02) * 1.5, 0, 1)
    grey = luminance(base)
    base = np.clip(grey[..., None] + 1.9 * (base - grey[..., None]), 0, 1)
    dy, dx = np.gradient(np.asarray(as_image(base).convert("L").filter(ImageFilter.GaussianBlur(3)), np.float32))
    busy = np.hypot(dx, dy)
    spots = []
    while len(spots) < 620:
        x, y = rng.uniform(0, W), rng.uniform(0, H)
        room = 34 if busy[int(y), int(x)] < 3 else 17
        if all((x - a) ** 2 + (y - b) ** 2 > room * room for a, b in spots):
            spots.append((x, y))
    at = np.float32(spots)
    image, seam = np.zeros((H, W, 3), np.float32), np.zeros((H, W), np.float32)
    owner = np.zeros((H, W), int)
    for row in range(0, H, 40):
        y, x = np.mgrid[row : row + 40, 0:W].astype(np.float32)
        far = np.hypot(x[..., None] - at[:, 0], y[..., None] - at[:, 1])
        order = np.argpartition(far, 2, axis=-1)[..., :2]
        two = np.take_along_axis(far, order, -1)
        first = two.argmin(-1)
        owner[row : row + 40] = np.take_along_axis(order, first[..., None], -1)[..., 0]
        seam[row : row + 40] = np.abs(two[..., 0] - two[..., 1])
    jewels = np.float32(
        [
            [0.05, 0.10, 0.38],
            [0.10, 0.38, 0.62],
            [0.05, 0.34, 0.26],
            [0.36, 0.58, 0.18],
            [0.96, 0.78, 0.20],
            [0.93, 0.48, 0.10],
            [0.70, 0.08, 0.10],
            [0.40, 0.10, 0.36],
            [0.94, 0.90, 0.76],
            [0.20, 0.10, 0.14],
        ]
    )
    for i in range(len(at)):
        mask = owner == i
        mean = np.median(base[mask], axis=0)
        jewel = jewels[np.argmin(((jewels - mean) ** 2).sum(1))]
        image[mask] = 0.62 * jewel + 0.38 * mean + rng.normal(0, 0.035)
    y, x = np.mgrid[0:H, 0:W].astype(np.float32)
    image *= (0.80 + 0.34 * step(2, 26, seam) + 0.16 * fbm(x / 28, y / 60, 4, 9) + 0.07 * noise(x / 6, y / 6, 14))[
        ..., None
    ]
    lead = step(5.2, 3.4, seam)
    shine = 0.10 + 0.16 * step(1.6, 0.2, seam) * (0.6 + 0.4 * noise(x / 30, y / 30, 3))
    return np.clip(mix(image, np.stack([shine, shine, shine * 1.08], -1), lead), 0, 1)


def ink() -> Array:
    """Ink and a little cinnabar on rough paper: washes that bleed, and dry strokes at the edges."""
    rng = np.random.default_rng(4)
    base = luminance(sketch("valley", (0.20, 0.0, 0.92, 0.60)))
    y, x = np.mgrid[0:H, 0:W].astype(np.float32)
    bleed = fbm(x / 60, y / 60, 5, 3)
    paper = mix([0.90, 0.86, 0.77], [0.96, 0.94, 0.88], 0.5 + 0.5 * fbm(x / 140, y / 140, 4, 6))
    paper = paper * (1 + 0.03 * noise(x / 1.7, y / 5, 8) + 0.03 * noise(x / 5, y / 1.7, 9))[..., None]
    dx, dy = (14 * bleed, 14 * fbm(x / 60 + 9, y / 60, 5, 12))
    moved = base[np.clip(y + dy, 0, H - 1).astype(int), np.clip(x + dx, 0, W - 1).astype(int)]
    soft = as_array(as_image(moved[..., None].repeat(3, 2)).filter(ImageFilter.GaussianBlur(5)))[..., 0]
    wash = np.zeros_like(base)
    for k, level in enumerate((0.62, 0.46, 0.32, 0.20, 0.11)):  # one wash over the other, darker at its rim
        inside = soft + 0.07 * fbm(x / 90, y / 90, 5, 15 + k)
        body, rim = step(level + 0.02, level - 0.02, inside), np.exp(-(((inside - level + 0.012) / 0.012) ** 2))
        wash += (0.17 + 0.05 * bleed) * body + 0.09 * rim
    gy, gx = np.gradient(soft)
    canvas = Image.new("L", (2 * W, 2 * H), 0)
    pen = ImageDraw.Draw(canvas)
    edges = np.argwhere(np.hypot(gx, gy) > 0.018)
    for row, col in edges[rng.permutation(len(edges))[:1500]]:
        way = np.arctan2(gx[row, col], -gy[row, col])
        px, py, weight = float(col), float(row), rng.uniform(1.5, 8)
        length = int(rng.uniform(8, 34))
        for i in range(length):
            r = weight * (1 - i / length) ** 0.7
            if rng.uniform() < 0.9 - 0.4 * i / length:  # the brush runs dry
                pen.ellipse((2 * px - r, 2 * py - r, 2 * px + r, 2 * py + r), int(rng.uniform(150, 235)))
            px, py, way = px + 1.6 * np.cos(way), py + 1.6 * np.sin(way), way + rng.normal(0, 0.06)
    dry = np.asarray(canvas.resize((W, H), Image.Resampling.BOX), np.float32) / 255
    dry *= step(-0.35, 0.1, noise(x / 2.2, y / 2.2, 20) + 0.5)
    dark = np.clip(wash * 0.95 + 0.75 * dry, 0, 0.97)
    image = mix(paper, [0.10, 0.105, 0.13], dark)
    sun = step(40, 36, np.hypot(x - 770, y - 120) + 5 * bleed)
    return np.clip(mix(image, [0.74, 0.20, 0.12], 0.85 * sun * (0.85 + 0.2 * bleed)), 0, 1)


def main() -> None:
    """Paint all of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for paint in (oil, glass, ink):
        write(paint(), folder / f"{paint.__name__}-painting.jpg", 190_000)


if __name__ == "__main__":
    main()
