"""Render examples/street.jpg, a photograph-like street at the blue hour after rain.

Rays leave a camera at the height of an eye. Each ends at a front, at a gable behind a lower roof, on the ground or in
the sky; lamps, people and a tram stand in its way. The wet ground sends rays on, tilted by the bumps of its stones.
Metres: x to the right, y up, z away. Everything follows from fixed seeds. Usage: python examples/render_street.py [OUT.jpg]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import ImageFilter
from render_valley import Array, H, W, as_array, as_image, fbm, mix, noise, step, write

SS = 1.5  # how many times larger it is drawn
FOCAL, HORIZON, EYE = 920.0, 455.0, 1.75
WALL, CURB = 7.0, 4.4  # how far the fronts and the edge of the road are from the middle
RNG = np.random.default_rng(11)
WARM, DUSK, STONE = (np.array(c, np.float32) for c in ([1.0, 0.62, 0.26], [0.10, 0.17, 0.33], [0.5, 0.46, 0.42]))
LAMPS = [
    (side * (CURB + 0.5), 4.3, z)
    for i, z in enumerate((9, 20, 33, 49, 70, 96))
    for side in (-1, 1)
    if (i, side) != (0, 1)
]
TRAM = (-1.35, 34.0)
PAINTS = [
    [0.62, 0.50, 0.38],
    [0.50, 0.32, 0.25],
    [0.44, 0.47, 0.44],
    [0.68, 0.60, 0.48],
    [0.42, 0.36, 0.42],
    [0.58, 0.40, 0.30],
]


def houses(side: int) -> list[tuple[float, float, float, Array]]:
    """Begin, end, height and colour of the houses on a side."""
    rng, z, found = np.random.default_rng(40 + side), -2.0, []
    while z < 150:
        wide = rng.uniform(8, 13)
        found.append((z, z + wide, rng.uniform(9.2, 16.5), np.array(PAINTS[int(rng.integers(6))], np.float32)))
        z += wide
    return found


HOUSES = {side: houses(side) for side in (-1, 1)}
# People: where they stand, the colour of the umbrella, how tall.
PEOPLE = [
    (3.1, 12.5, [0.75, 0.10, 0.08]),
    (-3.4, 17.0, [0.10, 0.30, 0.42]),
    (-2.75, 17.3, [0.85, 0.62, 0.15]),
    (4.9, 21.0, [0.20, 0.22, 0.26]),
    (-5.4, 27.0, [0.6, 0.15, 0.25]),
    (5.6, 31.0, [0.15, 0.36, 0.28]),
    (1.9, 44.0, [0.5, 0.4, 0.4]),
]
BULBS = [
    (x, 6.9 - 1.5 * (1 - (x / WALL) ** 2) + 0.25 * k, z)
    for k, z in enumerate((15.0, 25.0, 37.0))
    for x in np.linspace(-6.4, 6.4, 15)
]


def cell(values: Array, seed: float) -> Array:
    """A number from 0 to 1 for each whole number."""
    return np.abs(np.sin(values * 127.1 + seed * 311.7) * 43758.55) % 1


def lamplight(x: Array, y: Array, z: Array, normal: tuple[float, float, float]) -> Array:
    """The light of all lamps on a surface."""
    total = np.zeros(np.broadcast(x, y, z).shape, np.float32)
    for lx, ly, lz in LAMPS:
        dx, dy, dz = lx - x, ly - y, lz - z
        far = dx * dx + dy * dy + dz * dz + 0.3
        total += 7.5 * np.maximum(dx * normal[0] + dy * normal[1] + dz * normal[2], 0) / far**1.5
    return total


def front(side: int, y: Array, z: Array) -> Array:
    """The colour of the fronts of one side: shops below, windows with frames above, mouldings between the floors."""
    colour, tall = np.zeros((*z.shape, 3), np.float32), np.zeros_like(z)
    begin, number = np.zeros_like(z), np.zeros_like(z)
    for i, (a, b, high, paint) in enumerate(HOUSES[side]):
        inside = (z >= a) & (z < b)
        colour[inside], tall[inside], begin[inside], number[inside] = paint, high, a, i
    grain = fbm(z * 2.3, y * 2.3 + 31 * side, 4, 3 + side) * 0.3 + fbm(z * 0.4, y * 0.25, 3, 8) * 0.35
    colour = colour * (1 + grain)[..., None]
    joint = (np.minimum(y % 0.42, 0.42 - y % 0.42) < 0.012) & (y < 4.1)
    colour[joint] *= 0.6
    light = lamplight(np.float32(side * WALL), y, z, (-side, 0, 0))
    lit = colour * (WARM * light[..., None] * 0.75 + DUSK * 0.9)
    floor, part = np.floor((y - 4.3) / 3.1), (y - 4.3) % 3.1
    along = (z - begin) / 2.15
    column, across = np.floor(along), (along % 1 - 0.5) * 2.15
    key = column + 17 * floor + 57 * number + side * 5
    above = (y > 4.3) & (y < tall - 1.0)

    def frame(wide: float, low: float, high: float) -> Array:
        return (np.abs(across) < wide) & (part > low) & (part < high) & above

    lit[frame(0.68, 0.42, 2.62)] *= 1.25
    lit[frame(0.78, 0.34, 0.46) | frame(0.80, 2.62, 2.74)] *= 1.5
    pane = frame(0.5, 0.52, 2.5) & ~((np.abs(across) < 0.035) | (np.abs(part - 1.75) < 0.035))
    on = cell(key, 1) > 0.60
    curtain = 0.55 + 0.5 * np.abs(across) / 0.5 + 0.25 * noise(across * 9, part * 1.3 + key, 12)
    glow = mix([1.0, 0.58, 0.22], [1.0, 0.78, 0.48], cell(key, 2)) * (curtain * (0.35 + 0.75 * cell(key, 3)))[..., None]
    glass = mix([0.05, 0.08, 0.14], [0.16, 0.25, 0.42], step(0.4, 2.6, part) * (0.5 + cell(key, 4)))
    lit = np.where(pane[..., None], np.where(on[..., None], glow, glass), lit)
    # The shops.
    shop = (y > 0.45) & (y < 3.15) & (np.abs(along % 2 - 1) < 0.86)
    kind = np.floor(along / 2) + 31 * number + side
    window = (
        mix([1.0, 0.62, 0.28], [0.95, 0.80, 0.58], cell(kind, 6))
        * (
            (0.62 + 0.6 * cell(kind, 7))
            * (0.55 + 0.45 * step(0.6, 2.9, y))
            * (0.9 + 0.2 * noise(z * 1.7, y * 0.4 + kind, 15))
        )[..., None]
    )
    for shelf, wide in ((1.95, 0.21), (1.25, 0.33), (0.5, 0.46)):  # goods on three shelves
        thing = np.floor(z / wide) + shelf
        rise = (y - shelf) / (0.16 + 0.42 * cell(thing, 9))
        off = np.abs(z / wide % 1 - 0.5) * (1 + 0.8 * np.maximum(rise, 0) * cell(thing, 11))
        here = (rise > 0) & (rise < 1) & (off < 0.40) & (cell(thing, 10) > 0.22)
        tint = mix(
            mix([0.42, 0.14, 0.09], [0.62, 0.46, 0.20], cell(thing, 12)),
            [0.10, 0.20, 0.22],
            step(0.6, 0.8, cell(thing, 13)),
        )
        window = np.where(
            here[..., None], tint * (0.95 - 1.2 * off**2)[..., None] * (0.5 + 0.6 * rise)[..., None], window
        )
        window = np.where((np.abs(y - shelf + 0.03) < 0.03)[..., None], window * 0.35, window)
    bars = np.abs((along * 1.5) % 1 - 0.5) > 0.47
    lit = np.where(shop[..., None], np.where(bars[..., None], lit * 0.3, window * 1.05), lit)
    awning = (y > 2.75) & (y < 3.35) & (np.abs(along % 2 - 1) < 0.92)
    stripes = np.where(
        ((z * 2.4) % 1 < 0.5)[..., None],
        mix([0.55, 0.12, 0.10], [0.10, 0.26, 0.30], (cell(kind, 8) > 0.5) * 1.0),
        np.float32([0.75, 0.70, 0.60]),
    )
    lit = np.where(
        awning[..., None],
        stripes * (0.16 + 0.5 * light[..., None] * WARM + 0.28 * step(3.4, 2.7, y)[..., None] * WARM),
        lit,
    )
    edge = (np.abs(y - 3.75) < 0.16) | (np.abs(y - tall + 0.5) < 0.22) | ((part < 0.1) & above)
    lit[edge] *= 1.35
    lit[(np.abs(y - 3.5) < 0.06) | (np.abs(y - tall + 0.85) < 0.1)] *= 0.45
    seam = np.abs(z - begin) < 0.07
    lit[seam] *= 0.5
    return lit


def air(colour: Array, far: Array) -> Array:
    """Wet air between the eye and what is ``far`` away."""
    return mix(colour, [0.30, 0.29, 0.36], 1 - np.exp(-np.maximum(far - 6, 0) / 115))


def sky(u: Array, v: Array) -> Array:
    """The blue hour: orange at the end of the street, clouds lit from below."""
    image = mix([0.86, 0.52, 0.34], [0.33, 0.36, 0.52], step(-0.02, 0.22, v))
    image = mix(image, [0.09, 0.16, 0.34], step(0.12, 0.55, v))
    cx, cz = u / (v + 0.22) * 1.6, 1.4 / (np.maximum(v, -0.05) + 0.22)
    cloud = step(-0.05, 0.5, fbm(cx + 3.2, cz * 1.4, 6, 20))
    return mix(image, mix([0.90, 0.50, 0.36], [0.22, 0.26, 0.40], step(0.05, 0.35, v)), 0.75 * cloud)


def trace(x: Array, y: Array, z: Array, u: Array, v: Array) -> tuple[Array, Array]:
    """What rays from (x, y, z) along (u, v, 1) see above the ground, and how far away."""
    image, far = sky(u, v), np.full(u.shape, 400.0, np.float32)
    # The church at the end of the street.
    t = 190 - z
    px, py = x + u * t, y + v * t
    tower = (
        (np.abs(px - 6) < 5) & (py < 46)
        | (np.abs(px - 6) < 5 * (74 - py) / 28) & (py >= 46) & (py < 74)
        | (np.abs(px - 14) < 16) & (py < 24)
    )
    stone = np.float32([0.23, 0.22, 0.30]) * (1 + 0.15 * noise(px / 3, py / 3, 5))[..., None]
    clock = np.hypot(px - 6, py - 38) < 2.6
    stone = np.where(clock[..., None], np.float32([1.0, 0.85, 0.55]), stone)
    image = np.where(tower[..., None], mix(stone, [0.52, 0.40, 0.42], np.float32(0.35) * step(40, 0, py)), image)
    for side in (-1, 1):
        across = np.where(u * side > 1e-4, u, np.float32(side * 1e-4))
        t = np.where(u * side > 1e-4, (side * WALL - x) / across, 1e6).astype(np.float32)
        wz, wy = z + t, y + v * t
        tall = np.zeros_like(wz)
        for a, b, high, _ in HOUSES[side]:
            tall = np.where((wz >= a) & (wz < b), np.float32(high), tall)
        for a, _, high, paint in reversed(HOUSES[side]):  # gables and roofs behind what is lower
            s = a - z
            gx, gy = (x + u * s) * side, y + v * s
            roof = high + 2.6 * np.clip(1 - np.abs(gx - WALL - 4.5) / 4.5, 0, 1)
            gable = (s > 0.2) & (gx > WALL) & (gx < WALL + 9) & (gy < roof) & (a > wz)
            shade = paint * np.float32([0.20, 0.23, 0.32]) * (0.8 + 0.4 * noise(gx / 2, gy / 2, 9))[..., None]
            image = np.where(gable[..., None], air(shade, s), image)
        hit = (wy < tall) & (wz > z - 0 * x) & (t > 0.05) & (wz < 150) & (wy > -0.5)
        if hit.any():
            image[hit] = air(front(side, wy[hit], wz[hit]), wz[hit] - z[hit] * 0)
            far[hit] = t[hit]
    things = (
        [(tz, "lamp", (lx, ly)) for lx, ly, tz in LAMPS]
        + [(pz, "person", (px, c)) for px, pz, c in PEOPLE]
        + [(TRAM[1], "tram", None)]
    )
    for tz, what, data in sorted(things, key=lambda thing: -thing[0]):
        t = tz - z
        px, py = x + u * t, y + v * t
        ahead = (t > 0.05) & (t < far + 1)
        if what == "lamp":
            dx = px - data[0]
            post = (
                (np.abs(dx) < 0.055 + 0.07 * (py < 0.7)) & (py < data[1] - 0.1)
                | (np.abs(dx) < 0.26) & (np.abs(py - data[1] - 0.42) < 0.05)
                | (np.abs(dx) < 0.2) & (np.abs(py - data[1] + 0.12) < 0.05)
            ) & ahead
            image[post] = air(np.float32([0.035, 0.04, 0.05]) * np.ones((post.sum(), 3), np.float32), t[post])
            bulb = (np.abs(dx) < 0.19 - 0.09 * (py - data[1])) & (np.abs(py - data[1] - 0.14) < 0.26) & ahead
            image[bulb] = [1.9, 1.35, 0.75]
        elif what == "person":
            image = person(image, px - data[0], py, t, ahead, data[1])
        else:
            image = tram(image, px - TRAM[0], py, t, ahead)
    size = np.sqrt(u * u + v * v + 1)
    for i, (bx, by, bz) in enumerate(
        [*LAMPS, *BULBS, (TRAM[0] - 0.75, 0.95, TRAM[1] - 0.3), (TRAM[0] + 0.75, 0.95, TRAM[1] - 0.3)]
    ):
        dx, dy, dz = bx - x, by + (0.14 if i < len(LAMPS) else 0) - y, bz - z
        near = (dx * u + dy * v + dz) / size
        off = np.maximum(dx * dx + dy * dy + dz * dz - near * near, 0) + 1e5 * (near < 0)
        wide, strong = (0.30, 0.45) if i < len(LAMPS) else (0.085, 1.5) if i < len(LAMPS) + len(BULBS) else (0.13, 1.8)
        tint = [1.0, 0.72, 0.38] if i < len(LAMPS) or (i * 7) % 3 else [1.0, 0.86, 0.62]
        image += (strong * np.exp(-off / wide**2) + 0.03 * strong / (1 + off / wide**2 * 0.5))[..., None] * np.float32(
            tint
        )
    return image, far


def person(image: Array, x: Array, y: Array, t: Array, ahead: Array, colour: list[float]) -> Array:
    """Somebody under an umbrella, from behind."""
    coat = np.abs(x) < 0.16 + 0.13 * step(1.5, 0.55, y)
    body = coat & (y > 0.55) & (y < 1.45) | (np.hypot(x, y - 1.60) < 0.125) | (np.hypot(x * 0.9, y - 1.38) < 0.19)
    legs = (np.minimum(np.abs(x - 0.09), np.abs(x + 0.1)) < 0.055 + 0.02 * (y < 0.1)) & (y > 0.0) & (y <= 0.6)
    cap = np.hypot(x * 0.92, (y - 1.62) * 1.15)
    scallop = 1.66 + 0.035 * np.abs(np.sin(x * 9.5))
    dome = (cap < 0.66) & (y > scallop)
    ribs = 0.75 + 0.25 * np.abs(np.sin(x * 9.5 / (0.35 + np.sqrt(np.maximum(0.70 - cap, 0.05)))))
    top = (
        np.float32(colour) * (ribs * (0.35 + 0.75 * step(1.6, 2.3, y) + 0.3 * x))[..., None]
        + np.float32([0.1, 0.09, 0.08]) * step(0.35, 0.64, cap)[..., None] * step(1.9, 2.2, y)[..., None]
    )
    rim = 0.05 + 0.5 * step(0.10, 0.26, np.abs(x)) * step(0.4, 1.4, y)
    dark = np.float32([0.05, 0.055, 0.075]) + rim[..., None] * WARM * 0.22
    image = np.where(((body | legs) & ahead)[..., None], air(dark, t), image)
    return np.where((dome & ahead)[..., None], air(top, t), image)


def tram(image: Array, x: Array, y: Array, t: Array, ahead: Array) -> Array:
    """The face of a tram."""
    round_off = np.hypot(np.maximum(np.abs(x) - 0.9, 0), np.maximum(np.abs(y - 1.85) - 1.2, 0)) < 0.3
    body = round_off & (y > 0.28) & ahead
    paint = (
        np.where((y < 1.55)[..., None], np.float32([0.62, 0.09, 0.07]), np.float32([0.80, 0.72, 0.55]))
        * (0.55 - 0.25 * np.abs(x) ** 2)[..., None]
    )
    paint[np.abs(y - 1.55) < 0.035] = [0.85, 0.72, 0.4]
    glass = (np.abs(x) < 1.0) & (np.abs(y - 2.16) < 0.46) & (np.abs(np.abs(x) - 0.36) > 0.035)
    paint = np.where(
        glass[..., None], np.float32([1.15, 0.86, 0.48]) * (0.7 + 0.4 * step(1.7, 2.6, y))[..., None], paint
    )
    sign = (np.abs(x) < 0.42) & (np.abs(y - 2.88) < 0.15)
    paint[sign] = [1.2, 0.95, 0.5]
    return np.where(body[..., None], air(paint, t), image)


def ground(x: Array, z: Array) -> tuple[Array, Array, Array, Array]:
    """Colour, slopes to the right and away, and how wet: stones on the road, slabs beside it, puddles."""
    road = np.abs(x) < CURB
    row = np.where(road, z / 0.26, z / 0.9)
    number = np.floor(row)
    col = np.where(road, x / 0.20, x / 0.9) + 0.5 * (number % 2)
    px, pz = col % 1 - 0.5, row % 1 - 0.5
    fine = step(30, 12, z)  # farther away the stones are smaller than a pixel
    tone = 0.8 + 0.5 * cell(np.floor(col) + 13 * number, 5) * fine + 0.35 * fbm(x * 1.5, z * 1.5, 4, 22)
    gap = np.maximum(np.abs(px), np.abs(pz)) > np.where(road, 0.42, 0.48)
    colour = (
        mix([0.13, 0.13, 0.15], [0.19, 0.18, 0.17], ~road * 1.0) * (tone * np.where(gap, 1 - 0.5 * fine, 1))[..., None]
    )
    puddle = step(0.02, 0.20, fbm(x / 2.2 + 5, z / 4.5, 3, 26) - 0.06)
    bump = (1 - 0.92 * puddle) * np.where(road, 1.0, 0.35)
    ripple = noise(x * 6, z * 6, 30) * 0.012 * puddle
    a = bump * (0.10 * px * fine + 0.05 * noise(x * 14, z * 14, 28)) + ripple
    b = bump * (0.10 * pz * fine + 0.07 * noise(x * 9, z * 9, 29)) + ripple
    rail = np.minimum(np.abs(np.abs(x - TRAM[0]) - 0.72), np.abs(np.abs(x + TRAM[0]) - 0.72)) < 0.04
    colour = np.where(rail[..., None], np.float32([0.30, 0.30, 0.32]), colour)
    a, b = np.where(rail, 0.01 * a, a), np.where(rail, 0.3 * b, b)
    edge = np.abs(np.abs(x) - CURB) < 0.10
    colour = np.where(edge[..., None], np.float32([0.30, 0.29, 0.28]), colour)
    return colour, a, b, np.where(edge, 0.3, 0.55 + 0.45 * puddle)


def main() -> None:
    """Render the street, develop it and write it within 300 KB."""
    high, wide = int(H * SS), int(W * SS)
    picture = np.zeros((high, wide, 3), np.float32)
    for top in range(0, high, 128):
        rows, cols = np.mgrid[top : min(top + 128, high), 0:wide].astype(np.float32)
        rows, cols = rows.ravel(), cols.ravel()
        u, v = ((cols + 0.5) / SS - W / 2) / FOCAL, (HORIZON - (rows + 0.5) / SS) / FOCAL
        eye = np.zeros_like(u)
        image, far = trace(eye, eye + EYE, eye, u, v)
        down = np.where(v < -1e-4, EYE / np.maximum(-v, 1e-4), 1e6)
        low = (down < far) & (v < -1e-4)
        x, z = (u * down)[low], down[low]
        seen, a, b, wet = ground(x, z)
        light = lamplight(x, np.float32(0), z, (0, 1, 0))
        shops = 0.5 * np.exp(-(WALL - np.abs(x)) / 1.6) * step(-2, 2, z)
        seen = seen * (WARM * (light * 1.1 + shops)[..., None] + DUSK * 1.3)
        mirrored = np.zeros_like(seen)
        turns = 3
        for _ in range(turns):
            na = a + RNG.normal(0, 0.006, a.shape).astype(np.float32)
            nb = b + RNG.normal(0, 0.030, a.shape).astype(np.float32) * (1.15 - wet)
            dot = u[low] * na + v[low] + nb
            ru, rv, rw = u[low] - 2 * dot * na, v[low] - 2 * dot, 1 - 2 * dot * nb
            rw = np.maximum(rw, 0.2)
            glimpse, _ = trace(x, np.float32(0) * x, z, ru / rw, np.maximum(rv / rw, 0.002))
            mirrored += np.minimum(glimpse, 3) / turns
        facing = np.clip(-v[low] / np.sqrt(1 + u[low] ** 2 + v[low] ** 2), 0, 1)
        weight = (0.24 + 0.76 * (1 - facing) ** 4) * wet
        whole = air(mix(seen, mirrored, weight), z)
        # What stands on the street hides the ground behind it.
        hidden = hides(u[low], v[low], z)
        image[low] = np.where(hidden[..., None], image[low], whole)
        picture[top : top + 128] = image.reshape(-1, wide, 3)
    photo = as_array(as_image(np.clip(picture, 0, 2) / 2).resize((W, H), 4)) * 2
    for radius, share in ((5, 0.25), (22, 0.22), (70, 0.16)):  # light that spreads in the wet air and in the lens
        bright = as_image(np.clip(photo - 0.55, 0, 1.2) / 1.2).filter(ImageFilter.GaussianBlur(radius))
        photo = photo + share * as_array(bright) * 1.2 * np.float32([1.0, 0.85, 0.65])
    photo = 1 - np.exp(-1.85 * np.maximum(photo, 0))
    photo = photo + 0.04 * np.sin((np.clip(photo, 0, 1) - 0.5) * 2 * np.pi)
    photo = photo + RNG.normal(0, 0.008, (H, W, 1)).astype(np.float32)
    write(photo, Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("street.jpg"))


def hides(u: Array, v: Array, z: Array) -> Array:
    """Whether a lamp, somebody or the tram stands before the ground at distance ``z``."""
    found = np.zeros(u.shape, bool)
    for tz, x, wide, tall in (
        [(p[1], p[0], 0.3, 2.3) for p in PEOPLE]
        + [(lz, lx, 0.125, 4.2) for lx, _, lz in LAMPS]
        + [(TRAM[1], TRAM[0], 1.2, 3.3)]
    ):
        px, py = u * tz - x, EYE + v * tz
        if wide == 0.3:
            solid = (np.abs(px) < 0.29) & (py > 0.55) | (
                np.minimum(np.abs(px - 0.09), np.abs(px + 0.1)) < 0.055 + 0.02 * (py < 0.1)
            ) & (py > 0)
        elif wide == 1.2:
            solid = (np.abs(px) < 1.2) & (py > 0.28)
        else:
            solid = (np.abs(px) < 0.055 + 0.07 * (py < 0.7)) & (py > 0)
        found |= (z > tz) & solid & (py < tall)
    return found


if __name__ == "__main__":
    main()
