"""3-D look-up tables (LUTs): apply them to pictures, write and read them as ``.cube`` files for photo editors.

The format is Adobe's "Cube LUT Specification 1.0"; red varies fastest.
"""

import os
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hub.errors import ImageError, ParameterError
from hub.files import write_whole

SUFFIX = ".cube"
LARGEST = 65  # points per axis; editors write 17, 33 or 65
LARGEST_FILE = 32 << 20  # bytes
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ROW = re.compile(rf"\s*{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}\s*\Z")


def identity_lut(size: int) -> Tensor:
    """The LUT that changes nothing: ``(3, B, G, R)``, ``size`` points per axis."""
    axis = torch.linspace(0, 1, size)
    blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
    return torch.stack([red, green, blue])


def apply_lut(lut: Tensor, pixels: Tensor) -> Tensor:
    """Look up ``pixels`` ``(N, 3, H, W)`` in ``lut`` ``(N, K, B, G, R)`` with trilinear interpolation: ``(N, K, H, W)``.

    Values outside [0, 1] are clamped.
    """
    places = (pixels * 2 - 1).permute(0, 2, 3, 1)[:, None]
    return F.grid_sample(lut, places, padding_mode="border", align_corners=True)[:, :, 0]


def write_cube(path: Path, lut: Tensor, title: str) -> None:
    """Write ``lut`` ``(3, S, S, S)`` (blue, green, red) as a new file. Raises ``ImageError``; never replaces a file."""
    rows = lut.detach().float().cpu().permute(1, 2, 3, 0).reshape(-1, 3).numpy()
    title = re.sub(r"[^ -~]|\"", "", title)[:100]
    head = f'TITLE "{title}"\nLUT_3D_SIZE {lut.shape[-1]}\nDOMAIN_MIN 0.0 0.0 0.0\nDOMAIN_MAX 1.0 1.0 1.0\n'
    body = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in rows.tolist())
    try:
        write_whole(path, (head + body + "\n").encode("ascii"), overwrite=False)
    except FileExistsError:
        raise ImageError(f"{path} exists; choose another name for the table, or move it away.") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} cannot be written ({error}); choose another place for the table.") from None


def read_cube(path: Path) -> Tensor:
    """The table of a ``.cube`` file: ``(3, S, S, S)`` (blue, green, red), in [0, 1]. Raises ``ImageError``."""
    broken = f"{path.name} is not a .cube file that can be read"
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ImageError(f"{path.name} is larger than a table of {LARGEST} points per axis; export a smaller one.")
        text = path.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror or error}); check the path.") from None
    size, rows = 0, []
    for line in text.splitlines():
        line = line.strip()
        if _ROW.match(line):
            rows.append(line)
            if len(rows) > LARGEST**3:
                raise ImageError(f"{path.name} has more than {LARGEST} points per axis; export a smaller table.")
            continue
        word, _, rest = line.partition(" ")
        if word == "LUT_1D_SIZE":
            raise ImageError(f"{path.name} holds curves (a 1-D table); export a 3-D table of them.")
        if word == "LUT_3D_SIZE":
            if not re.fullmatch(r"\d{1,3}", rest.strip()) or not 2 <= int(rest) <= LARGEST:
                raise ImageError(
                    f"{path.name} has the size {rest.strip()[:20]!r}; a table has 2 to {LARGEST} points per axis."
                )
            size = int(rest)
        elif word in ("DOMAIN_MIN", "DOMAIN_MAX"):
            wanted = 0.0 if word == "DOMAIN_MIN" else 1.0
            if not _ROW.match(rest) or any(float(number) != wanted for number in rest.split()):
                raise ImageError(f"{path.name} is made for colours outside of 0 to 1; export it for 0 to 1.")
        elif line and not line.startswith("#") and word not in ("TITLE", "LUT_3D_INPUT_RANGE"):
            raise ImageError(f"{broken} (unknown line {line[:40]!r}); export it again.")
    if not size:
        raise ImageError(f"{broken} (LUT_3D_SIZE is missing); export it again.")
    if len(rows) != size**3:
        raise ImageError(f"{broken} ({len(rows)} colours instead of {size}x{size}x{size}); export it again.")
    numbers = np.array([row.split() for row in rows], dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise ImageError(f"{broken} (it contains NaN or infinity); export it again.")
    return torch.from_numpy(numbers).reshape(size, size, size, 3).permute(3, 0, 1, 2).clamp(0, 1).contiguous()


def check_new_cube(path: Path, flag: str) -> None:
    """Raises ``ParameterError`` unless ``path``, given as ``flag``, is a new ``.cube`` file in a folder that exists."""
    if path.suffix.lower() != SUFFIX:
        raise ParameterError(f"A colour table is a .cube file, not {path.name}; give {flag} such a name.")
    if not path.absolute().parent.is_dir():
        raise ParameterError(f"There is no folder {path.parent}; make it, or choose another for {flag}.")
    if os.path.lexists(path):
        raise ParameterError(f"{path} exists and is kept; choose another name for {flag}.")
