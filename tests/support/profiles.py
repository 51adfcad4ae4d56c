"""Colour profiles made by hand, and the same conversion by plain arithmetic."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Colorants adapted to D50, as in the published profiles; columns are red, green and blue.
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
GAMMA = 563 / 256


def icc_profile(space: bytes, tags: dict[str, bytes], connection: bytes = b"XYZ ") -> bytes:
    """A minimal ICC version 2 display profile."""
    tags = {"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"wide\0" + bytes(78), **tags}
    tags["cprt"] = b"text" + bytes(4) + b"none\0"
    tags["wtpt"] = xyz(0.9642, 1.0, 0.8249)
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name.encode() + struct.pack(">II", offset + len(body), len(data))
        body += data
    size = offset + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", space, connection)
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += xyz(0.9642, 1.0, 0.8249)[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def rgb_profile(colorants: Array) -> bytes:
    tags = {f"{c}XYZ": xyz(*colorants[:, i]) for i, c in enumerate("rgb")}
    return icc_profile(b"RGB ", {**tags, **{f"{c}TRC": curve(GAMMA) for c in "rgb"}})


def table_profile(corners: Array) -> bytes:
    """A CMYK profile that holds a table of two points an axis: ``corners`` ``(2, 2, 2, 2, 3)`` in L*a*b*."""
    levels = np.rint(np.add(corners, (0, 128, 128)) * (652.8, 256, 256)).astype(">u2")
    identity = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    straight = struct.pack(">2H", 0, 65535)
    table = b"mft2" + bytes(4) + bytes((4, 3, 2, 0)) + identity + struct.pack(">HH", 2, 2)
    return icc_profile(b"CMYK", {"A2B0": table + straight * 4 + levels.tobytes() + straight * 3}, b"Lab ")


def as_srgb(colour: Sequence[int], colorants: Array) -> Array:
    """The same conversion by plain arithmetic, as the independent witness."""
    linear = np.linalg.solve(SRGB, colorants @ (np.array(colour) / 255) ** GAMMA).clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
