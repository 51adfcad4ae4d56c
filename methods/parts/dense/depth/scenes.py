"""Outdoor scenes with exact depth, rendered by casting a ray through every pixel.

The scenes have ground, hills, boxes, spheres and trees, a sky and haze; crops of photos are the textures. They do not
look like photographs. They teach the network that

1. the ground recedes;
2. an object is as far away as its foot on the ground;
3. haze and sky are far.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
FAR = 2000.0  # metres; everything beyond is sky


@dataclass
class _Surface:
    """The nearest hit of each ray so far: its distance, colour and shade."""

    distance: Array
    colour: Array
    shade: Array

    def hit(self, distance: Array, where: NDArray[np.bool_], colour: Array, shade: Array | float) -> None:
        """Add an object at ``distance`` where it is nearer than earlier ones. ``colour`` has only the pixels in ``where``."""
        nearer = where & (distance > 0.2) & (distance < self.distance)
        kept = nearer[where]
        self.distance[nearer] = distance[nearer]
        self.colour[nearer] = colour[kept]
        self.shade[nearer] = np.broadcast_to(shade, distance.shape)[nearer]


def scene(textures: Sequence[Array], height: int, width: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """A picture ``(H, W, 3)`` in [0, 1] and its inverse depth ``(H, W)`` in 1 / metres, 0 for the sky.

    ``textures`` are crops of photos, square, ``(S, S, 3)`` in [0, 1].
    """
    eye = np.exp(rng.uniform(np.log(0.5), np.log(8))) if rng.random() < 0.85 else rng.uniform(8, 40)
    pitch = np.deg2rad(rng.uniform(-6, 14) if eye < 8 else rng.uniform(10, 40))  # downwards
    rays, forward = _rays(height, width, np.deg2rad(rng.uniform(40, 80)), pitch, np.deg2rad(rng.uniform(-3, 3)))
    surface = _Surface(
        np.full((height, width), np.inf, np.float32),
        np.zeros((height, width, 3), np.float32),
        np.ones((height, width), np.float32),
    )
    light = rng.normal(size=3)
    light[1] = abs(light[1]) + 0.3
    light /= np.linalg.norm(light)

    def texture() -> Array:
        return textures[int(rng.integers(len(textures)))]

    _ground(surface, rays, eye, texture(), texture() if rng.random() < 0.5 else None, rng)
    spread = rng.uniform(8, 60) * max(1.0, eye / 4)
    materials = [texture() for _ in range(4)]
    for kind, place in _places(spread, rng):
        material, size = materials[rng.integers(len(materials))], np.exp(rng.uniform(np.log(0.4), np.log(6)))
        if kind == "box":
            _box(surface, rays, place, eye, size * rng.uniform(0.5, 2, 3), rng.uniform(0, np.pi), material, light)
        elif kind == "ball":
            _ellipsoid(surface, rays, (place[0], size / 2 - eye, place[1]), (size / 2,) * 3, material, light)
        elif kind == "figure":
            _ellipsoid(surface, rays, (place[0], 0.85 - eye, place[1]), (0.28, 0.85, 0.28), material, light)
        else:
            tall = size * rng.uniform(1, 2)
            _trunk(surface, rays, place, eye, tall, 0.04 * tall + 0.05, materials[0], light)
            crown = rng.uniform(0.25, 0.5) * tall
            _ellipsoid(
                surface, rays, (place[0], tall - eye, place[1]), (crown, crown * 1.2, crown), materials[1], light
            )
    if rng.random() < 0.6:
        _hills(surface, rays, eye, [texture() for _ in range(3)], rng)
    inverse = np.where(np.isfinite(surface.distance), 1 / (surface.distance * forward), 0).astype(np.float32)
    return _seen(surface, rays, texture(), rng), inverse


def _rays(height: int, width: int, angle: float, pitch: float, roll: float) -> tuple[Array, Array]:
    """Unit rays ``(H, W, 3)``, x to the right, y up, z forward; and the part of each along the camera's axis ``(H, W)``."""
    x = np.linspace(-1, 1, width) * np.tan(angle / 2)
    y = -np.linspace(-1, 1, height) * np.tan(angle / 2) * height / width
    x, y = np.meshgrid(x, y)
    x, y = x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)
    length = np.sqrt(x * x + y * y + 1)
    up, ahead = y * np.cos(pitch) - np.sin(pitch), np.cos(pitch) + y * np.sin(pitch)
    rays = np.stack([x, up, ahead], -1) / length[..., None]
    return rays.astype(np.float32), (1 / length).astype(np.float32)


def _places(spread: float, rng: np.random.Generator) -> list[tuple[str, tuple[float, float]]]:
    """Kinds and positions of objects: some at random, and often rows of one kind on one or both sides."""
    kinds = ("box", "ball", "figure", "tree")
    found = []
    for _ in range(rng.integers(0, 9)):
        far = rng.uniform(2, spread)
        found.append((str(rng.choice(kinds)), (float(rng.uniform(-0.9, 0.9) * far), float(far))))
    if rng.random() < 0.5:
        kind, step = str(rng.choice(kinds)), rng.uniform(2, 8)
        sides = [s for s in (-1, 1) if rng.random() < 0.7]
        aside = rng.uniform(2, 8)
        found += [(kind, (float(s * aside), float(step * (i + 0.7)))) for s in sides for i in range(7)]
    return found


def _ground(
    surface: _Surface, rays: Array, eye: float, texture: Array, path: Array | None, rng: np.random.Generator
) -> None:
    below = rays[..., 1] < -1e-3
    distance = np.where(below, eye / np.maximum(-rays[..., 1], 1e-3), np.inf).astype(np.float32)
    where = distance < FAR
    x, z = (rays[..., axis][where] * distance[where] for axis in (0, 2))
    scale = rng.uniform(1, 12)
    colour = _sampled(texture, x / scale, z / scale)
    if path is not None:
        bend, side, half = rng.uniform(-0.02, 0.02), rng.uniform(-3, 3), rng.uniform(0.5, 4)
        on = np.abs(x - side - bend * z * z / 10) < half
        colour[on] = _sampled(path, x[on] / scale, z[on] / scale)
    surface.hit(distance, where, colour, 1.0)


def _hills(surface: _Surface, rays: Array, eye: float, textures: Sequence[Array], rng: np.random.Generator) -> None:
    """Skylines, one behind the other: vertical surfaces with a rough upper edge."""
    for number, texture in enumerate(textures[: int(rng.integers(1, 4))]):
        far = rng.uniform(60, 250) * 2.5**number
        across = np.arctan2(rays[..., 0], rays[..., 2])
        skyline = np.sum(
            [np.sin(across * f + rng.uniform(0, 7)) / f**0.8 for f in (2, 5, 11, 23, 47)], 0
        ) * rng.uniform(0.02, 0.15) + rng.uniform(0.0, 0.12)
        ahead = np.hypot(rays[..., 0], rays[..., 2])
        slope = rays[..., 1] / ahead
        where = (slope < skyline) & (slope > -eye / far)
        distance = np.where(where, far / ahead, np.inf).astype(np.float32)
        colour = _sampled(texture, across[where] * rng.uniform(2, 6), slope[where] * rng.uniform(4, 12))
        surface.hit(distance, where, colour, 1.0)


def _box(
    surface: _Surface,
    rays: Array,
    place: tuple[float, float],
    eye: float,
    sides: Array,
    turn: float,
    texture: Array,
    light: Array,
) -> None:
    """A box, by the slab method in its own axes."""
    c, s = np.cos(turn), np.sin(turn)
    centre = np.array([place[0], sides[1] / 2 - eye, place[1]])
    turned = np.stack([c * rays[..., 0] - s * rays[..., 2], rays[..., 1], s * rays[..., 0] + c * rays[..., 2]], -1)
    middle = np.array([c * centre[0] - s * centre[2], centre[1], s * centre[0] + c * centre[2]])
    safe = np.where(np.abs(turned) < 1e-6, 1e-6, turned)
    near, far = ((middle - sign * np.sign(safe) * sides / 2) / safe for sign in (1, -1))
    axis = near.argmax(-1)
    entry = near.max(-1)
    where = entry < far.min(-1)
    point = turned[where] * entry[where][:, None] - middle
    face = axis[where]
    u = np.where(face == 0, point[:, 2], point[:, 0])
    v = np.where(face == 1, point[:, 2], point[:, 1])
    normals = np.stack([np.array([c, 0, -s]), np.array([0, 1, 0]), np.array([s, 0, c])])
    towards = -np.sign(rays @ normals.T.astype(np.float32))
    facing = np.take_along_axis(towards * (normals @ light), axis[..., None], -1)[..., 0]
    size = max(sides)
    surface.hit(entry.astype(np.float32), where, _sampled(texture, u / size, -v / size), _lit(facing))


def _ellipsoid(
    surface: _Surface,
    rays: Array,
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
    texture: Array,
    light: Array,
) -> None:
    scaled, middle = rays / np.array(radii), np.array(centre) / np.array(radii)
    a, b, c = (scaled * scaled).sum(-1), scaled @ middle, middle @ middle - 1
    inside = b * b - a * c
    where = (inside > 0) & (c > 0) & (b > 0)
    distance = np.where(where, (b - np.sqrt(np.maximum(inside, 0))) / a, np.inf).astype(np.float32)
    normal = scaled[where] * distance[where][:, None] - middle
    shade = np.ones(where.shape, np.float32)
    shade[where] = _lit((normal / np.array(radii) * min(radii)) @ light)
    surface.hit(distance, where, _sampled(texture, normal[:, 0] / 2, -normal[:, 1] / 2), shade)


def _trunk(
    surface: _Surface,
    rays: Array,
    place: tuple[float, float],
    eye: float,
    tall: float,
    radius: float,
    texture: Array,
    light: Array,
) -> None:
    flat, middle = rays[..., [0, 2]], np.array(place)
    a, b, c = (flat * flat).sum(-1), flat @ middle, middle @ middle - radius**2
    inside = b * b - a * c
    hit = (inside > 0) & (b > 0) & (c > 0)
    distance = np.where(hit, (b - np.sqrt(np.maximum(inside, 0))) / np.maximum(a, 1e-6), np.inf).astype(np.float32)
    up = np.where(hit, rays[..., 1] * np.where(hit, distance, 0) + eye, -1)
    where = hit & (up > 0) & (up < tall)
    normal = (flat[where] * distance[where][:, None] - middle) / radius
    shade = np.ones(where.shape, np.float32)
    shade[where] = _lit(normal @ light[[0, 2]])
    surface.hit(distance, where, _sampled(texture, normal[:, 0] / 2, -up[where] / tall * 2), shade)


def _seen(surface: _Surface, rays: Array, sky: Array, rng: np.random.Generator) -> Array:
    """The final picture, with light, sky, haze and noise."""
    up = np.clip(rays[..., 1:2], 0, 1)
    zenith, horizon = rng.uniform(0.2, 0.9, 3) * [0.8, 0.95, 1.1], rng.uniform(0.6, 1, 3)
    background = horizon + (zenith - horizon) * up**0.5
    if rng.random() < 0.6:  # clouds
        clouds = _sampled(sky, rays[..., 0] / 2, -up[..., 0]).mean(-1, keepdims=True)
        background = background + (clouds - 0.5) * rng.uniform(0, 0.6)
    hit = np.isfinite(surface.distance)
    picture = np.where(hit[..., None], surface.colour * surface.shade[..., None], background)
    if rng.random() < 0.7:
        reach = np.exp(rng.uniform(np.log(20), np.log(1500)))
        clear = np.exp(-np.where(hit, surface.distance, FAR) / reach)[..., None]
        picture = np.where(hit[..., None], picture * clear + horizon * (1 - clear), background)
    picture = picture + rng.normal(0, rng.uniform(0, 0.03), picture.shape)
    return np.clip(picture, 0, 1).astype(np.float32)


def _lit(facing: Array) -> Array:
    return (0.55 + 0.45 * np.clip(facing, -1, 1)).astype(np.float32)


def _sampled(texture: Array, u: Array, v: Array) -> Array:
    """``texture`` at ``u``, ``v`` in units of its side, mirrored outside of it."""
    size = len(texture)

    def index(x: Array) -> NDArray[np.int64]:
        folded = np.abs((x / 2 - np.floor(x / 2)) * 2 - 1)  # a triangle wave in [0, 1]
        return np.minimum((folded * size).astype(np.int64), size - 1)

    return texture[index(v), index(u)]
