"""Render examples/valley.jpg, the photograph-like landscape that the examples start from.

A fractal height field is seen through a pinhole camera (nearest surface first, column by column), lit by one low sun
with cast shadows, and hazed by distance; the lake mirrors what lies behind it through ripples; conifers, a cabin, a
jetty and grass are then placed in the same world, in metres (x to the right, z away, h above the lake).
Everything follows from fixed seeds. Usage: python examples/render_valley.py [OUT.jpg]
"""

import io
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[Any]
Point = tuple[float, float, float]
W, H, SS = 1280, 853, 2  # size of the picture, and how many times larger it is drawn
COLS, ROWS, FOCAL, HORIZON, EYE = W * SS, H * SS, 1100.0 * SS, 425.0 * SS, 8.0
CABIN, TURN = (15.2, 47.0), 0.62  # the middle of the cabin, and how far it is turned
SUN_U, SUN_V = -0.31, 0.235  # where the sun stands, as the tangents of its angles right and up
RNG = np.random.default_rng(7)
ANGLES = RNG.uniform(0, 2 * np.pi, (48, 1 << 16)).astype(np.float32)
GRADIENTS = np.stack([np.cos(ANGLES), np.sin(ANGLES)])


def noise(x: Array, y: Array, seed: int) -> Array:
    """Gradient noise, about -1 to 1."""
    xi, yi = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    fx, fy = (x - xi).astype(np.float32), (y - yi).astype(np.float32)
    gx, gy = GRADIENTS[:, seed % 48]

    def corner(i: int, j: int) -> Array:
        at = ((yi + j & 255) << 8) | (xi + i & 255)
        return gx[at] * (fx - i) + gy[at] * (fy - j)

    sx, sy = fx * fx * fx * (fx * (fx * 6 - 15) + 10), fy * fy * fy * (fy * (fy * 6 - 15) + 10)
    top, low = corner(0, 0), corner(0, 1)
    top, low = top + sx * (corner(1, 0) - top), low + sx * (corner(1, 1) - low)
    return 1.5 * (top + sy * (low - top))


def fbm(x: Array, y: Array, octaves: int, seed: int, ridged: bool = False) -> Array:
    """Sum octaves of noise, each turned against the last; ridged gives crests (0 to 1) in place of bumps (-1 to 1)."""
    total, amp, norm, weight = np.zeros(np.broadcast(x, y).shape, np.float32), 1.0, 0.0, np.float32(1)
    for i in range(octaves):
        n = noise(x, y, seed + i)
        if ridged:
            n = (1 - np.minimum(np.abs(n), 1)) ** 2 * weight
            weight = np.clip(n * 1.8, 0, 1)
        total, norm, amp = total + amp * n, norm + amp, amp * (0.40 if ridged else 0.5)
        x, y = 1.62 * x - 1.21 * y + 5.3, 1.21 * x + 1.62 * y + 9.1
    return total / np.float32(norm)


def step(lo: float, hi: float, v: Array) -> Array:
    """Smoothstep from 0 at lo to 1 at hi."""
    t = np.clip((v - lo) / (hi - lo), 0, 1)
    return t * t * (3 - 2 * t)


def mix(a: Array | list[float], b: Array | list[float], t: Array) -> Array:
    """Blend colours a and b by the per-pixel weight t."""
    start = np.asarray(a, np.float32)
    return start + (np.asarray(b, np.float32) - start) * t[..., None]


def haze_colour(u: Array) -> Array:
    """Colour of the air towards u: blue, warm below the sun."""
    return mix([0.57, 0.67, 0.80], [1.0, 0.80, 0.60], 0.85 * np.exp(-(((u - SUN_U) / 0.26) ** 2)))


def ground(x: Array, z: Array) -> tuple[Array, Array]:
    """Height in metres, negative under the lake, and how sharp a crest is there."""
    kx, kz = x / 1000, z / 1000

    def hill(cx: float, cz: float, rx: float, rz: float) -> Array:
        return np.exp(-(((kx - cx) / rx) ** 2) - ((kz - cz) / rz) ** 2)

    wx, wz = kx + 0.2 * fbm(kx * 0.8, kz * 0.8, 3, 1), kz + 0.2 * fbm(kx * 0.8 + 7, kz * 0.8, 3, 4)
    crest = fbm(wx * 0.55 + 11.7, wz * 0.55, 9, 7, ridged=True)
    bulk = 1.85 * hill(0.8, 7.6, 2.0, 1.5) + 1.25 * hill(-3.0, 5.2, 1.5, 1.3) + 1.0 * hill(2.9, 4.3, 1.3, 1.2)
    bulk += 1.7 * step(9.0, 12.5, kz) + 0.45 * hill(-1.5, 2.6, 0.8, 0.7) + 0.3 * hill(1.7, 2.3, 0.9, 0.4)
    far = bulk * (0.25 + 1.05 * crest) * 1000 + (kz - 1.45 + 0.12 * fbm(kx * 3, kz * 3, 4, 20)) * 70
    far += 60 * (hill(-0.62, 0.95, 0.34, 0.12) + 0.6 * hill(0.75, 1.15, 0.3, 0.1))
    wander = fbm(x / 9, z / 9, 4, 24)
    point = 2.4 * step(4.5, 9.5, x + 3 * wander) * step(68, 54, z + 6 * wander) - 0.6
    near = np.maximum(6.2 - 6.9 * step(0, 1, (z - 5) / (27 + 5 * wander)), point) + 0.2 * fbm(x / 3, z / 3, 4, 27)
    return np.where(z < 90, near, np.where(kz < 1.4, np.minimum(far, 60), far)).astype(np.float32), crest


def sky() -> Array:
    """The sky down to the horizon: a gradient, fractal clouds on a plane overhead, and the sun."""
    v, u = np.mgrid[0 : HORIZON / SS, 0:W].astype(np.float32)
    u, v = (u - W / 2) / 1100, (HORIZON / SS - v) / 1100
    away = np.hypot(u - SUN_U, (v - SUN_V) * 1.1)
    image = mix([0.80, 0.83, 0.86], [0.24, 0.40, 0.62], step(0.0, 0.46, v))
    image = mix(image, [0.98, 0.77, 0.53], 0.8 * np.exp(-away * 5))
    cx, cz = u / (v + 0.13) * 2.3, 1 / (v + 0.13) * 1.25

    def cover(dx: float, dz: float) -> Array:
        x, z = cx + dx, cz + dz
        return fbm(x + 0.5 * fbm(x * 0.8, z * 0.8, 3, 30), z * 1.1, 8, 33)

    here = cover(0, 0)
    cloud = step(-0.10, 0.42, here)
    lit = np.clip(0.55 + 2.2 * (here - cover(-0.13, 0.03)), 0, 1)
    shade = mix(mix([0.50, 0.55, 0.64], [1.0, 0.95, 0.89], lit), [1.0, 0.84, 0.62], 0.7 * np.exp(-away * 4))
    image = mix(image, shade, 0.92 * cloud)
    glow = 0.9 * np.exp(-((away / 0.017) ** 2)) + 0.30 * np.exp(-away / 0.035) + 0.08 * np.exp(-away / 0.2)
    return image + glow[..., None] * np.array([1.0, 0.86, 0.62])


def land() -> tuple[Array, Array, Array, Array]:
    """Colours of the land at each (depth, column), and there: heights, visible rows so far, and the depths."""
    z = np.r_[np.geomspace(3.5, 1100, 200), np.geomspace(1104, 15500, 1200)].astype(np.float32)[:, None]
    u = ((np.arange(COLS, dtype=np.float32) - COLS / 2) / FOCAL)[None]
    x = u * z
    h, crest = ground(x, z)
    dx = np.gradient(h, axis=1) / (z / FOCAL)
    dz = np.gradient(h, axis=0) / np.gradient(z, axis=0) - u * dx
    size = np.sqrt(1 + dx * dx + dz * dz)
    ray = h + 0.42 * x  # the highest ray to the left decides the cast shadow
    lit = np.exp(-(np.maximum.accumulate(ray, axis=1) - ray) / (6 + 0.006 * z))
    lit = lit * np.clip((0.78 * dx + 0.5 + 0.42 * dz) / size, 0, 1)
    grain, patch = fbm((x + 0.6 * h) / 70, (z + 1.8 * h) / 70, 7, 40), fbm(x / 420, z / 420, 5, 44)
    rock = mix([0.40, 0.37, 0.35], [0.24, 0.23, 0.24], step(-0.22, 0.28, grain))
    rock = mix(rock, [0.46, 0.40, 0.34], step(0, 0.5, patch))
    green = mix([0.15, 0.22, 0.09], [0.36, 0.35, 0.15], step(-0.3, 0.4, patch + 0.5 * grain))
    lit = lit * (0.9 + 0.9 * fbm((x + 0.5 * h) / 38, (z + h) / 38, 4, 12))
    base = mix(green, rock, step(0.62, 1.0, size - 0.55 + 0.0009 * h + 0.35 * patch + 0.25 * grain - 0.2))
    snow = step(-0.12, 0.12, (h - 1050) / 900 + 0.45 * patch + 0.22 * grain - 0.62 * (size - 1.35))
    base = mix(mix(base, [0.93, 0.94, 0.97], snow), [0.30, 0.27, 0.20], step(3.5, 1.0, h) * (z > 90))
    meadow = mix([0.17, 0.21, 0.06], [0.30, 0.27, 0.22], step(0.45, 0.1, h))
    base = np.where((z < 90)[..., None], meadow, base)
    light = mix([0, 0, 0], [1.50, 1.24, 0.92], lit) + mix([0, 0, 0], [0.30, 0.37, 0.50], 0.55 + 0.6 * crest)
    air = 1 - np.exp(-z / 11000 - 0.35 * np.exp(-np.maximum(h, 0) / 60) * step(600, 3500, z)) + 0 * h
    colour = mix(base * light, haze_colour(u + 0 * z), air)
    row = HORIZON - FOCAL * (np.maximum(h, 0) - EYE) / z
    return colour, h, np.minimum.accumulate(row, axis=0), z[:, 0]


def view(colour: Array, seen: Array, back: Array) -> tuple[Array, NDArray[np.int64]]:
    """The land in front of the sky, and the index of the depth that each pixel shows."""
    rows = np.arange(ROWS) + 0.5
    at = np.stack([np.searchsorted(-seen[:, c], -rows) for c in range(COLS)], axis=1)
    hit = np.minimum(at, len(seen) - 1)
    cols = np.arange(COLS)[None]
    before = np.maximum(hit - 1, 0)
    part = (seen[before, cols] - rows[:, None]) / np.maximum(seen[before, cols] - seen[hit, cols], 1e-3)
    image = mix(colour[before, cols], colour[hit, cols], np.clip(part, 0, 1).astype(np.float32))
    return np.where((at == len(seen))[..., None], back, image), at


def conifer(rng: np.random.Generator, tall: int) -> Image.Image:
    """Draw one spruce: whorls of drooping boughs, back to front, each a row of needles, lit from the left."""
    wide = tall * 3 // 5
    image = Image.new("RGBA", (wide, tall), (40, 42, 28, 0))
    draw = ImageDraw.Draw(image)
    draw.polygon([(wide / 2, 0), (wide / 2 - tall / 77, tall), (wide / 2 + tall / 77, tall)], (62, 46, 34, 255))
    lean, thin = rng.normal(0, 0.012), rng.uniform(0.8, 1.05)
    levels = np.linspace(0.985, 0.015, 88) ** 0.9 * 0.93
    for level in levels:
        reach = (0.006 + 0.28 * level) * thin * rng.uniform(0.62, 1.15)
        for angle in sorted(rng.uniform(-np.pi, np.pi, 10), key=math.sin):
            length, sag = reach * rng.uniform(0.65, 1.1), rng.uniform(0.2, 0.5) * (0.5 + level)
            side, front = math.cos(angle), math.sin(angle)
            for along in np.linspace(0.08, 1, 5 + int(85 * length)):
                x = wide / 2 + tall * (lean * (1 - level) + length * along * side)
                y = tall * (level + length * (sag * along - 0.45 * along**3 * sag + 0.22 * front * along))
                glow = (0.20 + 0.16 * along + 0.12 * front + 0.50 * max(-side, 0) * along) * rng.uniform(0.7, 1.25)
                tip = tall * 0.016 * (1.25 - 0.6 * along) * min(1, 0.3 + 5 * level)
                tint = (int(105 * glow + 60 * glow * glow), int(122 * glow + 14), int(66 * glow + 12), 255)
                end = x + tip * (0.7 * side + rng.normal(0, 0.35)), y + tip * rng.uniform(0.2, 1.1)
                draw.line([(x, y), end], tint, tall // 400)
    return image


def place(
    canvas: Image.Image, tree: Image.Image, at: Point, tall: float, air: Array | None = None, fade: float = 0
) -> None:
    """Stand a tree of the given height on a point of the world; air and fade veil it."""
    x, h, z = at
    size = max(4, round(FOCAL * tall / z))
    small = tree.resize((max(2, size * 3 // 5), size), Image.Resampling.BILINEAR, reducing_gap=1.5)
    if air is not None:
        veil = Image.new("RGB", small.size, tuple(int(255 * c) for c in np.clip(air, 0, 1)))
        small = Image.merge("RGBA", (*Image.blend(small.convert("RGB"), veil, fade).split(), small.getchannel("A")))
    row = HORIZON + FOCAL * (EYE - h) / z - size
    canvas.paste(small, (round(COLS / 2 + FOCAL * x / z - small.width / 2), round(row)), small)


def quad(canvas: Image.Image, skin: Image.Image, corners: list[Point], mirror: bool = False) -> None:
    """Draw a flat texture in perspective on four points of the world, from its top left clockwise."""
    at = [(COLS / 2 + FOCAL * x / z, HORIZON + FOCAL * (EYE - (-h if mirror else h)) / z) for x, h, z in corners]
    left, top = (int(min(p[i] for p in at)) for i in (0, 1))
    size = tuple(int(max(p[i] for p in at)) + 2 - (left, top)[i] for i in (0, 1))
    system, goal = [], []
    ends = [(0, 0), (skin.width, 0), (skin.width, skin.height), (0, skin.height)]
    for (col, row), (tx, ty) in zip(at, ends, strict=True):
        x, y = col - left, row - top
        system += [[x, y, 1, 0, 0, 0, -tx * x, -tx * y], [0, 0, 0, x, y, 1, -ty * x, -ty * y]]
        goal += [tx, ty]
    warp = np.linalg.solve(np.array(system), np.array(goal)).tolist()
    patch = skin.transform(size, Image.Transform.PERSPECTIVE, warp, Image.Resampling.BICUBIC)
    canvas.paste(patch, (left, top), patch)


def timber(wide: int, tall: int, board: int, colour: list[float], seed: int, across: bool = False) -> Image.Image:
    """Draw a wall of logs, boards or shingles: rounded rows with their own tone, grain along them, and dark gaps."""
    y, x = np.mgrid[0:tall, 0:wide].astype(np.float32)
    x, y = (y, x) if across else (x, y)
    row, part = np.floor(y / board), y / board % 1
    tone = 0.62 + 0.5 * np.sin(np.pi * part) ** 0.6 * (0.9 + 0.25 * noise(row * 0.73 + 0.4, x / 90 + row * 5.1, seed))
    tone = tone * (1 + 0.35 * fbm(x / 45, y / 4, 4, seed)) * np.where(part < 0.12, 0.45, 1)
    skin = np.clip(tone[..., None] * np.float32(colour) * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(skin).convert("RGBA")


def local(x: Array, z: Array) -> tuple[Array, Array]:
    """Coordinates along and across the cabin, from its middle."""
    x, z = x - CABIN[0], z - CABIN[1]
    return x * math.cos(TURN) + z * math.sin(TURN), z * math.cos(TURN) - x * math.sin(TURN)


def cabin(canvas: Image.Image, mirror: bool = False) -> None:
    """Build the jetty and the cabin: log walls, lit windows, a door, a shingled roof and a chimney."""

    def p(a: float, b: float, h: float) -> Point:
        c, s = math.cos(TURN), math.sin(TURN)
        return CABIN[0] + a * c - b * s, 2.1 + h, CABIN[1] + a * s + b * c

    def jetty(t: float, side: float, h: float) -> Point:
        return 9.8 - 12.2 * t + 0.45 * side, h, 45.5 - 8 * t - 0.9 * side

    def window(wall: Image.Image, left: int, top: int, right: int, low: int) -> None:
        pen, x, y = ImageDraw.Draw(wall), (left + right) / 2, (top + low) / 2
        pen.rectangle((left - 14, top - 14, right + 14, low + 14), (205, 190, 165))
        pen.rectangle((left, top, right, low), (255, 198, 92))
        pen.rectangle((left + 8, y, right - 8, low), (255, 222, 140))
        pen.line((x, top, x, low), (120, 80, 45), 9)
        pen.line((left, y, right, y), (120, 80, 45), 9)

    post = timber(16, 90, 16, [0.30, 0.24, 0.19], 5, across=True)
    for t, side in [(1.0, -1)] + [(t, 1) for t in np.linspace(0.12, 1, 7)]:
        x, _, z = jetty(t, side, 0)
        quad(canvas, post, [(x - 0.11, 1.2, z), (x + 0.11, 1.2, z), (x + 0.11, -0.3, z), (x - 0.11, -0.3, z)], mirror)
    deck, beam = timber(900, 120, 30, [0.44, 0.36, 0.29], 3, across=True), timber(900, 20, 20, [0.20, 0.16, 0.13], 6)
    quad(canvas, deck, [jetty(0, -1, 0.75), jetty(1, -1, 0.75), jetty(1, 1, 0.75), jetty(0, 1, 0.75)], mirror)
    quad(canvas, beam, [jetty(0, 1, 0.75), jetty(1, 1, 0.75), jetty(1, 1, 0.5), jetty(0, 1, 0.5)], mirror)

    under, roof = timber(800, 330, 26, [0.16, 0.13, 0.12], 10), timber(800, 330, 26, [0.33, 0.32, 0.32], 11)
    long, gable = timber(700, 270, 27, [0.25, 0.20, 0.17], 8), timber(500, 510, 27, [0.60, 0.47, 0.34], 9)
    window(long, 70, 60, 190, 170)
    window(long, 480, 60, 600, 170)
    ImageDraw.Draw(long).rectangle((291, 56, 389, 270), (70, 34, 26), (205, 190, 165), 12)
    window(gable, 200, 304, 300, 396)
    shape = Image.new("L", gable.size)
    ImageDraw.Draw(shape).polygon([(250, 0), (500, 240), (500, 510), (0, 510), (0, 240)], 255)
    gable.putalpha(shape)
    trim, brick = timber(400, 20, 20, [0.80, 0.62, 0.42], 13), timber(60, 110, 12, [0.42, 0.33, 0.29], 12)
    sunny = timber(60, 110, 12, [0.66, 0.50, 0.40], 12)
    quad(canvas, under, [p(-4.2, 0, 5.3), p(4.2, 0, 5.3), p(4.2, 3.2, 2.15), p(-4.2, 3.2, 2.15)], mirror)
    quad(canvas, gable, [p(-3.5, 2.5, 5.1), p(-3.5, -2.5, 5.1), p(-3.5, -2.5, -0.7), p(-3.5, 2.5, -0.7)], mirror)
    quad(canvas, long, [p(-3.5, -2.5, 2.7), p(3.5, -2.5, 2.7), p(3.5, -2.5, -0.7), p(-3.5, -2.5, -0.7)], mirror)
    quad(canvas, roof, [p(-4.2, 0, 5.3), p(4.2, 0, 5.3), p(4.2, -3.2, 2.15), p(-4.2, -3.2, 2.15)], mirror)
    for b in (-3.2, 3.2):
        quad(canvas, trim, [p(-4.2, 0, 5.4), p(-4.2, b, 2.25), p(-4.2, b, 1.95), p(-4.2, 0, 5.05)], mirror)
    quad(canvas, brick, [p(1.2, -1.0, 6.4), p(2.1, -1.0, 6.4), p(2.1, -1.0, 4.3), p(1.2, -1.0, 4.3)], mirror)
    quad(canvas, sunny, [p(1.2, -0.3, 6.4), p(1.2, -1.0, 6.4), p(1.2, -1.0, 4.3), p(1.2, -0.3, 5.0)], mirror)


def water(image: Array, mirrored: Array, lake: NDArray[np.bool_]) -> Array:
    """Fill the lake with the mirrored scene, displaced by ripples that are resolved less the farther they are."""
    rows, cols = np.nonzero(lake)
    z = (FOCAL * EYE / np.maximum(rows - HORIZON + 0.5, 1)).astype(np.float32)
    x = ((cols - COLS / 2) / FOCAL * z).astype(np.float32)
    calm = step(-0.15, 0.35, fbm(x / 60, z / 25, 3, 14))
    slope, tilt = np.zeros_like(x), np.zeros_like(x)
    for i, (wave, steep) in enumerate(((0.45, 0.020), (1.1, 0.020), (3.0, 0.016), (9.0, 0.009))):
        seen = steep * np.clip(wave * FOCAL * EYE / z**2 / 5, 0, 1)
        slope += seen * noise(x / wave / 2.2, z / wave, 16 + i)
        tilt += seen * noise(x / wave / 2.2 + 40, z / wave, 20 + i)
    slope *= 0.22 + 0.5 * (1 - calm)
    down = np.clip(rows + slope * FOCAL * 1.6, 0, ROWS - 1).astype(np.int32)
    along = np.clip(cols + tilt * FOCAL * 0.3, 0, COLS - 1).astype(np.int32)
    facing = EYE / np.hypot(z, EYE) + 0.9 * slope
    weight = np.clip(0.97 - 0.9 * np.maximum(facing, 0), 0.3, 1)[:, None]
    deep = np.array([0.05, 0.13, 0.15]) + np.array([0.02, 0.05, 0.03]) * fbm(x / 6, z / 6, 3, 25)[:, None]
    result = mirrored[down, along] * weight + deep * (1 - weight)
    glare = np.exp(-(((x / z - SUN_U) / 0.035) ** 2)) * np.clip(slope * 110 - 0.35, 0, 1)
    sheen = 0.10 * (1 - calm) * step(35, 200, z)
    image[lake] = mix(result, [0.66, 0.73, 0.80], sheen) + glare[:, None] * np.array([0.9, 0.68, 0.4])
    return image


def grass(canvas: Image.Image, near: float, far: float, count: int, rng: np.random.Generator) -> None:
    """Grow blades, and some flowers, on the meadow between two distances, the far ones first."""
    z = np.sort(1 / rng.uniform(1 / far, 1 / near, count))[::-1].astype(np.float32)
    x = (rng.uniform(-0.62, 0.62, count) * z).astype(np.float32)
    h = ground(x, z)[0]
    a, b = local(x, z)
    inside = (np.abs(a) < 3.5) & (b > -2.5) & (b < 4)
    tuft, bloom = fbm(x / 1.1, z / 1.1, 3, 28), fbm(x / 2.5, z / 2.5, 2, 31)
    tall = (0.16 + 0.20 * np.clip(tuft + 0.3, 0, 1)) * rng.uniform(0.5, 1.5, count) * step(0.0, 0.5, h)
    bend = tall * (0.25 + rng.normal(0, 0.38, count))
    col, row, scale = COLS / 2 + FOCAL * x / z, HORIZON + FOCAL * (EYE - h) / z, FOCAL / z
    tone = np.clip(0.55 + 0.5 * tuft + rng.normal(0, 0.16, count), 0.12, 1.25)
    dry = np.clip(0.3 + 0.9 * fbm(x / 4, z / 4, 3, 34) + rng.normal(0, 0.2, count), 0, 1)[:, None]
    tip = tone[:, None] * ((1 - dry) * np.array([112, 136, 44]) + dry * np.array([214, 178, 84]))
    draw = ImageDraw.Draw(canvas)
    petals = [(250, 246, 235), (250, 205, 70), (176, 130, 205), (235, 110, 90)]
    for i in np.flatnonzero((h > 0.05) & ~inside):
        a, s, t, b = (col[i], row[i]), scale[i], tall[i], bend[i]
        m, e = (a[0] + 0.3 * b * s, a[1] - 0.62 * t * s), (a[0] + b * s, a[1] - t * s)
        wide = max(1, round(0.007 * s))
        draw.line([a, m], tuple(int(c) for c in tip[i] * 0.48), wide + (wide > 1))
        draw.line([m, e], tuple(int(c) for c in tip[i]), max(1, wide - 1))
        if bloom[i] > 0.12 and i % 23 == 0 and t > 0.12:
            r = rng.uniform(0.010, 0.017) * s
            petal = petals[int(rng.integers(4) * (0.4 + bloom[i])) % 4]
            draw.ellipse((e[0] - r, e[1] - 0.7 * r, e[0] + r, e[1] + 0.7 * r), petal)


def as_image(values: Array) -> Image.Image:
    """Values from 0 to 1 as an RGB image."""
    return Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8))


def as_array(image: Image.Image) -> Array:
    """An RGB image as values from 0 to 1."""
    return np.asarray(image, np.float32) / 255


def forest(canvas: Image.Image, trees: list[Image.Image], scene: tuple[Array, Array, Array, Array]) -> None:
    """Scatter small trees over the far shore and the lower slopes, wherever their feet are in sight."""
    colour, height, seen, z = scene
    small = [tree.resize((72, 120), Image.Resampling.BOX) for tree in trees]
    spots = RNG.uniform(0, 1, (34000, 3))
    for far, right, kind in spots[np.argsort(-spots[:, 0])]:
        i, c, u = int(np.searchsorted(z, 520 * 8.5**far)), int(right * COLS), (right - 0.5) * COLS / FOCAL
        depth, h = z[i], height[i, c]
        hidden = HORIZON - FOCAL * (h - EYE) / depth > seen[i, c] + 4
        if hidden or not 1.5 < h < 520 or abs(h - height[i - 3, c]) > 1.2 * (depth - z[i - 3]):
            continue
        if fbm(np.array([u * depth / 500]), np.array([depth / 500]), 3, 36)[0] > -0.08 + h / 1500:
            air = 0.4 * haze_colour(np.array([u]))[0] + 0.5 * colour[i, c]
            fade = 0.85 - 0.6 * math.exp(-depth / 9000)
            place(canvas, small[int(kind * 4)], (u * depth, h, depth), 13 + 11 * kind, air, fade)


def write(photo: Array, out: Path, most: int = 300_000) -> None:
    """Write a JPEG of at most ``most`` bytes."""
    for quality in range(88, 60, -1):
        data = io.BytesIO()
        as_image(photo).save(data, "JPEG", quality=quality, optimize=True, progressive=True)
        if data.tell() <= most:
            break
    out.write_bytes(data.getvalue())
    print(f"{out}: {data.tell() / 1000:.0f} KB at quality {quality}")


def main() -> None:
    """Render the scene, develop it and write it within 300 KB."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("valley.jpg")
    above = as_array(as_image(sky() / 2).resize((COLS, int(HORIZON)), Image.Resampling.BICUBIC)) * 2
    scene = land()
    image, at = view(scene[0], scene[2], np.concatenate([above, np.repeat(above[-1:], ROWS - len(above), axis=0)]))
    rows, cols = np.arange(ROWS)[:, None], np.arange(COLS)[None]
    lake = (scene[1][np.minimum(at, len(scene[3]) - 1), cols] <= 0) & (rows > HORIZON)
    trees = [conifer(RNG, 1200) for _ in range(4)]
    canvas = as_image(image)
    forest(canvas, trees, scene)
    image = as_array(canvas)
    shore = np.where(lake, rows, ROWS).min(axis=0)[None]
    mirrored = as_image(image[np.clip(2 * shore - rows, 0, ROWS - 1), cols])
    cabin(mirrored, mirror=True)
    canvas = as_image(water(image, as_array(mirrored), lake))

    def plant(x: float, z: float, tall: float, kind: int) -> None:
        h = float(ground(np.array([x]), np.array([z]))[0][0])
        place(canvas, trees[kind], (x, h - 0.2, z), tall)

    grass(canvas, 46, 72, 20000, RNG)
    for x, z, tall, kind in ((20.2, 56.0, 11.5, 2), (23.5, 54.0, 15.0, 1), (26.5, 50.0, 13.0, 3)):
        plant(x, z, tall, kind)
    cabin(canvas)
    grass(canvas, 20, 46, 42000, RNG)
    plant(-13.4, 27.0, 8.5, 2)
    plant(-9.9, 20.0, 11.4, 0)
    grass(canvas, 3.6, 20, 42000, RNG)
    photo = as_array(canvas.resize((W, H), Image.Resampling.BOX))
    photo = photo + 0.7 * as_array(as_image(photo - 0.8).filter(ImageFilter.GaussianBlur(14)))
    photo = photo + 0.03 * np.sin((np.clip(photo, 0, 1) - 0.5) * 2 * np.pi)
    photo = (photo + RNG.normal(0, 0.008, (H, W, 1))).astype(np.float32)
    write(photo, out)


if __name__ == "__main__":
    main()
