"""Pictures made by rule, and files that Pillow does not write."""

import io
import random
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def make_photo() -> Image.Image:
    """A picture with edges, a gradient and texture, 96 x 80."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:80, 0:96]
    pixels = np.stack([x * 2.6, y * 3.1, 128 + 100 * np.sin(x / 5) * np.cos(y / 7)], axis=-1)
    pixels[20:50, 30:60] = (220, 40, 30)
    return Image.fromarray(np.clip(pixels + rng.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8))


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """The file that Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def noise(mode: str, size: tuple[int, int], seed: int = 0) -> Image.Image:
    raw = random.Random(seed).randbytes(size[0] * size[1] * len(mode))
    return Image.frombytes(mode, size, raw)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG by hand, for what Pillow does not write."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)), *extra]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body
