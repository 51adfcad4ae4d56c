"""Pictures made by rule, and files that Pillow does not write."""

import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hub.checking.case import make_photo as make_photo


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """The file that Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def of_a_camera() -> Image.Exif:
    """The EXIF of a photo, with what must stay and what must not be told."""
    exif = Image.Exif()
    exif.update({271: "Maker", 272: "Camera", 274: 6, 282: 300.0, 306: "2026:01:02 03:04:05", 315: "A. Person"})
    exif.get_ifd(0x8769).update(
        {36867: "2026:01:02 03:04:05", 33437: 2.8, 42033: "serial 123", 37510: b"ASCII\0\0\0secret"}
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    return exif


def noise(mode: str, size: tuple[int, int], seed: int = 0) -> Image.Image:
    raw = random.Random(seed).randbytes(size[0] * size[1] * len(mode))
    return Image.frombytes(mode, size, raw)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG by hand, for what Pillow does not write."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)), *extra]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(
    samples: np.ndarray[Any, Any],
    photometric: int,
    *extra: tuple[int, int | list[int] | list[float] | bytes],
    planar: bool = False,
    bits: int = 0,
    data: bytes = b"",
    base: int = 0,
) -> bytes:
    """An uncompressed TIFF ``(H, W, C)`` by hand, for what Pillow does not write; ``extra`` are more tags.

    ``base``: where it begins in a file of several. ``bits`` and ``data``: those of samples that are packed or compressed. Whole numbers become tags of 16 bits, others
    fractions, bytes stay.
    """
    height, width, count = samples.shape
    bits = bits or samples.itemsize * 8
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    planes = [samples[..., c].tobytes() for c in range(count)] if planar else [data or samples.tobytes()]
    entries: dict[int, tuple[int, list[int]]] = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * count), 259: (3, [1]), 262: (3, [photometric]),
        273: (4, [0] * len(planes)), 277: (3, [count]), 278: (4, [height]), 279: (4, [len(plane) for plane in planes]),
        284: (3, [2 if planar else 1]), 339: (3, [kind] * count),
    }  # fmt: skip
    for tag, value in extra:
        if isinstance(value, bytes):
            entries[tag] = 7, [*value]
        elif isinstance(value, list) and isinstance(value[0], float):
            entries[tag] = 5, [part for number in value for part in (round(number * 10**6), 10**6)]
        else:
            entries[tag] = 3, [*map(int, value)] if isinstance(value, list) else [value]
    end = 8 + 2 + 12 * len(entries) + 4
    for _ in range(2):  # the second time with the places of the planes
        table, body = b"", b""
        for tag, (size, values) in sorted(entries.items()):
            packed = struct.pack(f"<{len(values)}{ {3: 'H', 4: 'I', 5: 'I', 7: 'B'}[size] }", *values)
            number = len(values) // 2 if size == 5 else len(values)
            place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", base + end + len(body))
            body += packed if len(packed) > 4 else b""
            table += struct.pack("<HHI", tag, size, number) + place
        start = end + len(body)
        entries[273] = (4, [base + start + sum(map(len, planes[:number])) for number in range(len(planes))])
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4) + body + b"".join(planes)


def check_metadata(path: Path, keep: str) -> None:
    """The metadata of a result is what ``--keep-metadata`` says: camera and time by "safe", all by "all"."""
    with Image.open(path) as image:
        image.load()  # a PNG may tell it after its pixels
        exif = image.getexif()
        inner, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    assert exif.get(274, 1) == 1, "the result is upright"
    assert (exif.get(272), inner.get(36867)) == ((None, None) if keep == "none" else ("Camera", "2026:01:02 03:04:05"))
    assert (exif.get(315), inner.get(42033)) == (("A. Person", "serial 123") if keep == "all" else (None, None))
    assert (2 in place) == (keep == "all")
    assert b"secret" not in path.read_bytes()
