"""Render examples/still-life.jpg, a photograph-like still life in the light of a window.

Distances to rounded bodies are marched along the rays of a pinhole camera; light comes from a window on the left, with
soft shadows, and from the dim room. Decimetres: x to the right, y up, z away. Everything follows from fixed seeds.
Usage: python examples/render_still_life.py [OUT.jpg]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from render_valley import Array, H, W, as_array, as_image, fbm, mix, noise, step, write

SS = 1.5  # how many times larger it is drawn
FOCAL, EYE, DOWN = 1500.0, np.array([0.0, 2.6, -9.0], np.float32), 0.16
SUN = np.array([-0.74, 0.55, -0.38], np.float32) / np.linalg.norm([-0.74, 0.55, -0.38])
RNG = np.random.default_rng(5)
# Fruit: middle, radius, how much taller than wide, kind.
FRUIT = [
    ((-0.75, 0.50, -0.75), 0.50, 0.90, "apple"), ((0.32, 0.47, -1.15), 0.47, 0.88, "apple"), ((1.35, 0.36, -1.25), 0.36, 0.86, "lemon"),
    ((-1.72, 0.38, -1.10), 0.38, 0.84, "lemon"), ((-0.12, 0.53, 0.15), 0.53, 0.90, "apple"),
    ((-2.35, 0.43, -0.25), 0.43, 0.97, "orange"), ((-1.55, 0.45, 0.1), 0.45, 0.97, "orange"),
]  # fmt: skip
GRAPES = [((2.05 + 0.42 * a, 0.17 + 0.25 * h, -0.65 + 0.36 * b), 0.18) for a, b, h in [(0, 0, 0), (1, 0, 0), (2, .1, 0), (.5, .9, 0), (1.5, .9, 0), (2.4, .8, 0), (.5, -.8, 0), (1.5, -.9, 0), (-.8, .2, 0), (0, 1.7, 0), (1, 1.8, 0), (.2, .3, 1), (1.1, .3, 1), (1.9, .3, 1), (.7, 1.1, 1), (1.5, 1.1, 1), (.8, -.4, 1), (.8, .5, 1.8), (1.4, .7, 1.8)]]  # fmt: skip
JUG = (1.15, 0.55)  # where it stands
# The outline of the jug: height and radius.
HEIGHTS = np.array([0, 0.06, 0.3, 0.8, 1.3, 1.75, 2.1, 2.4, 2.75, 2.95, 3.05], np.float32)
RADII = np.array([0.56, 0.60, 0.72, 0.93, 0.97, 0.82, 0.58, 0.44, 0.42, 0.50, 0.54], np.float32)
BOTTLE = (-1.55, 1.25)
TALL = np.array([0, 0.05, 0.5, 1.8, 2.1, 2.4, 2.65, 3.45, 3.48, 3.66, 3.7], np.float32)
WIDE = np.array([0.50, 0.53, 0.54, 0.54, 0.50, 0.36, 0.19, 0.16, 0.21, 0.21, 0.15], np.float32)


def profile(y: Array, heights: Array, radii: Array) -> Array:
    """The radius of a turned body at height ``y``, without corners."""
    return sum(np.interp(y + d, heights, radii) for d in (-0.10, 0, 0.10)).astype(np.float32) / 3


def turned(p: Array, at: tuple[float, float], heights: Array, radii: Array) -> Array:
    r = np.hypot(p[0] - at[0], p[2] - at[1])
    return np.maximum((r - profile(p[1], heights, radii)) * 0.75, p[1] - heights[-1])


def body(p: Array, middle: tuple[float, float, float], radius: float, tall: float, kind: str) -> Array:
    x, y, z = p[0] - middle[0], (p[1] - middle[1]) / tall, p[2] - middle[2]
    if kind == "lemon":  # it lies, with a tip at both ends
        along, r = 0.8 * x + 0.6 * z, np.hypot(y, 0.8 * z - 0.6 * x)
        along = np.abs(along)
        return (
            np.minimum(
                np.hypot(along / 1.28, r) - radius, np.hypot(np.maximum(along - radius * 1.30, 0) * 1.5, r) - 0.07
            )
            * 0.75
        )
    r = np.hypot(x, z)
    if kind == "apple":  # hollow at the stalk, narrower below
        narrow = 1 + 0.12 * np.clip(-y / radius, 0, 1) ** 2
        hollow = 0.20 * np.exp(-((r / (0.26 * radius)) ** 2)) * radius * (y > 0)
        return (np.sqrt((r * narrow) ** 2 + (y + hollow) ** 2) - radius) * 0.8
    return (np.hypot(r, y) - radius) * 0.9


def stalk(p: Array) -> Array:
    """The stalks of the apples."""
    found = np.full(p.shape[1:], 9.0, np.float32)
    for (mx, my, mz), radius, tall, kind in FRUIT:
        if kind == "apple":
            top = my + radius * tall
            y = p[1] - top
            x, z = p[0] - mx - 0.25 * np.maximum(y + 0.05, 0), p[2] - mz
            found = np.minimum(found, np.maximum(np.hypot(x, z) - 0.028 - 0.05 * np.maximum(y, 0), np.abs(y) - 0.17))
    return found


def cloth(p: Array) -> Array:
    """The height of the cloth: it lies on the table in folds."""
    x, z = p[0] + 0.25 * p[2] + 0.3, p[2] - 0.25 * p[0]
    folds = 0.05 * np.sin(2.6 * x + 0.8 * z + 1.5 * fbm(x * 0.5, z * 0.5, 2, 3)) + 0.10 * fbm(
        x * 0.7 + 3, z * 0.9, 2, 7
    )
    edge = np.minimum(2.75 - np.abs(x + 0.03 * np.sin(3 * z)), 2.05 - np.abs(z + 0.35 + 0.04 * np.sin(2.5 * x)))
    return (0.06 + np.maximum(folds, -0.04)) * step(0, 0.06, edge)


def distances(p: Array) -> list[Array]:
    """The distance of points (3, N) to each body, a little too short rather than too long."""
    found = [(p[1] - cloth(p)) * 0.7, turned(p, JUG, HEIGHTS, RADII)]
    handle = np.hypot(np.hypot((p[0] - JUG[0] - 0.80), (p[1] - 1.95) * 0.82) - 0.52, p[2] - JUG[1]) - 0.085
    found[1] = np.minimum(found[1], np.maximum(handle, 0.38 - (p[0] - JUG[0])) * 0.8)
    found += [turned(p, BOTTLE, TALL, WIDE), stalk(p)]
    found += [body(p, *fruit) for fruit in FRUIT]
    grapes = np.full(p.shape[1:], 9.0, np.float32)
    for (x, y, z), r in GRAPES:
        grapes = np.minimum(grapes, np.sqrt((p[0] - x) ** 2 + (p[1] - y) ** 2 + (p[2] - z) ** 2) - r)
    return [*found, grapes]


def nearest(p: Array) -> Array:
    return np.minimum.reduce(distances(p))


def march(origin: Array, ray: Array, far: float, steps: int = 90) -> Array:
    """How far rays (3, N) go before they meet something; ``far`` where they do not."""
    t = np.full(ray.shape[1], 0.02, np.float32)
    going = np.arange(ray.shape[1])
    for _ in range(steps):
        d = nearest(origin[:, going] + ray[:, going] * t[going])
        t[going] += d
        going = going[(d > 0.0012 * (1 + 0.1 * t[going])) & (t[going] < far)]
        if not len(going):
            break
    return np.minimum(t, far)


def shadow(p: Array, toward: Array, soft: float) -> Array:
    """How much of a broad light from ``toward`` reaches the points."""
    light, t = np.ones(p.shape[1], np.float32), np.full(p.shape[1], 0.05, np.float32)
    for _ in range(34):
        d = nearest(p + toward[:, None] * t)
        light = np.minimum(light, 0.5 + 0.5 * d / (soft * t))
        t += np.clip(d, 0.03, 0.35)
    light = np.clip(light, 0, 1)
    return light * light * (3 - 2 * light)


def normal(p: Array) -> Array:
    e = 0.004
    ways = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)
    n = sum(k[:, None] * nearest(p + e * k[:, None]) for k in ways)
    return n / np.maximum(np.linalg.norm(n, axis=0), 1e-6)


def wood(x: Array, z: Array) -> Array:
    """Boards of an old table."""
    board = np.floor(z / 0.95)
    grain = fbm(x * 0.9 + board * 7, z * 14, 5, 12) + 0.5 * fbm(x * 2 + board * 3, z * 45, 3, 15)
    ring = 0.5 + 0.5 * np.sin(14 * (z + 0.2 * fbm(x * 0.35 + board * 5, z * 2, 3, 18)) + board)
    tone = 0.75 + 0.35 * grain + 0.16 * ring + 0.15 * noise(board * 1.7 + 0.3, x * 0 + 0.4, 21)
    gap = np.minimum(z / 0.95 % 1, 1 - z / 0.95 % 1) < 0.012
    return mix([0.19, 0.095, 0.045], [0.47, 0.27, 0.13], np.clip(tone, 0, 1.1)) * np.where(gap, 0.3, 1)[..., None]


def skin(which: Array, p: Array, n: Array) -> tuple[Array, Array, Array]:
    """Colour, strength and sharpness of the gloss."""
    colour, gloss, sharp = (
        wood(p[0], p[2]),
        np.full(p.shape[1], 0.10, np.float32),
        np.full(p.shape[1], 18.0, np.float32),
    )
    linen = (which == 0) & (cloth(p) > 0.012)
    weave = 0.93 + 0.05 * np.sin(p[0] * 95) * np.sin(p[2] * 95) + 0.06 * fbm(p[0] * 6, p[2] * 6, 3, 40)
    stripe = (np.abs(np.abs(p[0] + 0.25 * p[2] + 0.3) - 2.35) < 0.09) | (
        np.abs(np.abs(p[0] + 0.25 * p[2] + 0.3) - 2.55) < 0.04
    )
    colour[linen] = (
        np.where(stripe[..., None], np.float32([0.22, 0.32, 0.50]), np.float32([0.80, 0.76, 0.68])) * weave[..., None]
    )[linen]
    gloss[linen] = 0.02

    def paint(mask: Array, values: Array, shine: float, hard: float) -> None:
        colour[mask], gloss[mask], sharp[mask] = values[mask], shine, hard

    y = p[1]
    angle = np.arctan2(p[2] - JUG[1], p[0] - JUG[0])
    glaze = mix([0.12, 0.26, 0.36], [0.22, 0.42, 0.48], 0.5 + 0.6 * fbm(angle * 2, y * 2.5, 4, 44))
    clay = mix([0.52, 0.31, 0.19], [0.62, 0.40, 0.26], 0.5 + 0.6 * fbm(angle * 4, y * 30, 3, 46))
    drip = step(-0.03, 0.03, y - 1.05 - 0.13 * np.sin(angle * 5) - 0.16 * noise(angle * 3, y * 0 + 0.5, 45))
    jug = mix(clay, glaze, drip)
    band = (np.abs(y - 2.2) < 0.035) | (np.abs(y - 2.32) < 0.018)
    jug[band] = [0.75, 0.70, 0.58]
    paint(which == 1, jug, 0.75, 70)
    gloss[(which == 1) & (drip < 0.5)] = 0.12
    label = (y > 0.65) & (y < 1.6) & (np.abs(np.arctan2(p[0] - BOTTLE[0] - 0.1, -(p[2] - BOTTLE[1]))) < 0.95)
    bottle = np.where((y > 3.1)[..., None], np.float32([0.35, 0.07, 0.07]), np.float32([0.030, 0.065, 0.035]))
    lines = (
        (np.abs(y - 1.52) < 0.015)
        | (np.abs(y - 0.73) < 0.015)
        | (np.abs(y - 1.2) < 0.07) & (noise(np.arctan2(p[0] - BOTTLE[0], p[2] - BOTTLE[1]) * 22, y * 2, 8) > 0.1)
    )
    bottle[label] = np.where(lines[..., None], np.float32([0.35, 0.16, 0.10]), np.float32([0.74, 0.67, 0.50]))[label]
    paint(which == 2, bottle, 1.0, 110)
    gloss[(which == 2) & label] = 0.04
    paint(which == 3, np.broadcast_to(np.float32([0.16, 0.10, 0.05]), colour.shape), 0.05, 20)
    for i, ((mx, my, mz), radius, tall, kind) in enumerate(FRUIT):
        dx, dy, dz = p[0] - mx, (p[1] - my) / (radius * tall), p[2] - mz
        turn = np.arctan2(dz, dx)
        if kind == "apple":
            streak = fbm(turn * 5 + i * 9, dy * 1.1 + 4 * i, 4, 30 + i)
            red = step(-0.45, 0.35, streak + 0.55 * np.sin(turn + 2.2 * i) + 0.25 - 0.5 * step(0.55, 1.0, np.abs(dy)))
            values = mix([0.72, 0.60, 0.16], [0.58, 0.055, 0.045], red)
            values = mix(values, [0.85, 0.74, 0.45], 0.55 * (noise(turn * 26, dy * 22 + i, 33) > 0.62))
            values = mix(values, [0.30, 0.27, 0.09], step(0.2, 0.04, np.hypot(dx, dz)) * (dy > 0))
            paint(which == 4 + i, values, 0.55, 60)
        elif kind == "lemon":
            values = mix([0.86, 0.66, 0.08], [0.92, 0.78, 0.22], 0.5 + fbm(p[0] * 7, p[2] * 7, 3, 50))
            paint(which == 4 + i, mix(values, [0.55, 0.58, 0.14], step(0.40, 0.52, np.hypot(dx, dz))), 0.35, 28)
        else:
            paint(
                which == 4 + i,
                mix([0.86, 0.36, 0.05], [0.95, 0.48, 0.10], 0.5 + fbm(p[0] * 5, p[1] * 5, 3, 52)),
                0.40,
                32,
            )
    bloom = step(-0.1, 0.5, fbm(p[0] * 4, p[1] * 4 + p[2] * 4, 3, 54))
    paint(which == 4 + len(FRUIT), mix([0.13, 0.035, 0.12], [0.30, 0.22, 0.36], 0.7 * bloom), 0.55, 55)
    return colour, gloss, sharp


def bumps(which: Array, p: Array, n: Array) -> Array:
    """Normals with the pores of lemons and oranges, and the grain of wood and clay."""
    n = n.copy()
    for i, (_, _, _, kind) in enumerate(FRUIT):
        if kind in ("lemon", "orange"):
            mask = which == 4 + i
            q = p[:, mask] * 26
            n[:, mask] += 0.10 * np.stack([noise(q[1], q[2], 1), noise(q[0], q[2], 2), noise(q[0], q[1], 3)])
    flat = which == 0
    n[0, flat] += 0.05 * fbm(p[0, flat] * 3, p[2, flat] * 25, 3, 5)
    return n / np.linalg.norm(n, axis=0)


def room(ray: Array) -> Array:
    """What is mirrored: a bright window with a cross on the left, a dim warm room."""
    across = ray @ np.float32([0.46, 0.0, -0.89]) if ray.ndim == 1 else 0.46 * ray[0] - 0.89 * ray[2]
    ahead = -0.80 * ray[0] - 0.42 * ray[2] + 0.42 * ray[1]
    s, up = (across - 0.02) / np.maximum(ahead, 0.05), ray[1] / np.maximum(ahead, 0.05) - 0.62
    pane = (ahead > 0.1) & (np.abs(s) < 0.42) & (np.abs(up) < 0.48) & (np.abs(s) > 0.03) & (np.abs(up - 0.05) > 0.025)
    dim = mix([0.10, 0.075, 0.05], [0.16, 0.15, 0.15], step(-0.3, 0.8, ray[1]))
    return np.where(pane[..., None], np.float32([2.6, 2.7, 2.9]), dim)


def shade(p: Array, ray: Array) -> Array:
    """The light that leaves points towards the camera."""
    which = np.argmin(np.stack(distances(p)), axis=0)
    smooth = normal(p)
    n = bumps(which, p, smooth)
    colour, gloss, sharp = skin(which, p, n)
    start = p + 0.02 * smooth
    direct = shadow(start, SUN, 0.16) * np.maximum(SUN @ n * 0.92 + 0.08, 0)
    fill = np.float32([0.55, 0.35, -0.75]) / np.linalg.norm([0.55, 0.35, -0.75])
    open_ = np.ones(p.shape[1], np.float32)
    for reach in (0.08, 0.2, 0.45, 0.9):
        open_ -= 0.42 * np.maximum(reach - nearest(start + reach * smooth), 0) / reach / 1.5
    open_ = np.clip(open_, 0.12, 1)
    ambient = mix([0.085, 0.075, 0.075], [0.19, 0.20, 0.23], 0.5 + 0.5 * n[1])
    bounce = np.float32([0.16, 0.11, 0.07]) * np.maximum(-n[1] * 0.6 + 0.4, 0)[..., None] * np.exp(-p[1])[..., None]
    lit = np.float32([2.35, 2.12, 1.78]) * direct[..., None] + (ambient + bounce) * open_[..., None]
    lit += np.float32([0.10, 0.09, 0.08]) * (np.maximum(fill @ n, 0) * open_)[..., None]
    soft = np.isin(which, [4 + len(FRUIT)])  # grapes let some light through
    lit[soft] += np.float32([0.22, 0.07, 0.10]) * np.maximum(0.5 - SUN @ n[:, soft], 0)[..., None]
    image = colour * lit
    mirror = ray - 2 * (ray * n).sum(0) * n
    facing = np.clip(-(ray * n).sum(0), 0, 1)
    fresnel = (0.05 + 0.95 * (1 - facing) ** 5) * gloss
    spread = step(10, 120, sharp)
    bright = np.exp(sharp * 0.55 * (SUN @ mirror - 1)) * (0.25 + 0.75 * shadow(start, SUN, 0.16))
    image += (room(mirror) * spread[..., None] * (0.35 + 0.65 * open_)[..., None]) * fresnel[..., None] * 1.6
    image += np.float32([1.0, 0.97, 0.90]) * (bright * gloss * 0.33)[..., None] * (1 - 0.75 * spread[..., None])
    return image


def wall(u: Array, v: Array) -> Array:
    """Old plaster, bright where the window's light falls."""
    plaster = 1 + 0.16 * fbm(u * 5, v * 5, 6, 60) + 0.06 * fbm(u * 40, v * 40, 3, 62)
    beam = np.exp(-(((u - 0.16 + 0.55 * v) / 0.26) ** 2)) * step(-0.30, 0.10, v)
    image = mix([0.055, 0.065, 0.06], [0.33, 0.33, 0.25], 0.12 + 0.75 * beam)
    return image * plaster[..., None]


def main() -> None:
    """Render the table, develop it and write it within 300 KB."""
    high, wide = int(H * SS), int(W * SS)
    picture = np.zeros((high, wide, 3), np.float32)
    for top in range(0, high, 48):
        rows, cols = np.mgrid[top : min(top + 48, high), 0:wide].astype(np.float32)
        u, v = ((cols.ravel() + 0.5) / SS - W / 2) / FOCAL, (H / 2 - (rows.ravel() + 0.5) / SS) / FOCAL
        ray = np.stack([u, v * np.cos(DOWN) - np.sin(DOWN), np.cos(DOWN) + v * np.sin(DOWN)]).astype(np.float32)
        ray /= np.linalg.norm(ray, axis=0)
        origin = np.broadcast_to(EYE[:, None], ray.shape)
        t = march(origin, ray, 13.2)
        p = origin + ray * t
        image = wall(u, v)
        hit = (t < 13.2) & (p[2] < 3.2)
        if hit.any():
            near = shade(p[:, hit], ray[:, hit])
            image[hit] = mix(near, image[hit], step(2.6, 3.2, p[2][hit]) * (p[1][hit] < 0.1))
        picture[top : top + 48] = image.reshape(-1, wide, 3)
    photo = small(picture)
    bright = as_image(np.clip(photo - 0.8, 0, 1)).filter(ImageFilter.GaussianBlur(9))
    photo = photo + 0.35 * as_array(bright)
    photo = 1 - np.exp(-1.45 * np.maximum(photo, 0))
    photo = np.clip(photo, 0, 1) ** 0.86
    y, x = np.mgrid[-1 : 1 : H * 1j, -1 : 1 : W * 1j]
    photo = photo * (1 - 0.22 * np.clip(np.hypot(x, y) - 0.55, 0, 1))[..., None]
    photo = photo + RNG.normal(0, 0.006, (H, W, 1))
    write(
        photo.astype(np.float32), Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("still-life.jpg")
    )


def small(picture: Array) -> Array:
    """The drawing at the size of the photo, each channel with its full range."""
    planes = [Image.fromarray(picture[..., i]).resize((W, H), Image.Resampling.BOX) for i in range(3)]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


if __name__ == "__main__":
    main()
