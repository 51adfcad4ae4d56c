"""Write and read ``.cube`` files for photo editors; red varies fastest.

The format is Adobe's "Cube LUT Specification 1.0", and what DaVinci Resolve adds to it: ranges of input by another
keyword, curves before a 3-D table, and values in video range.
"""

import logging
import os
import re
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from hub.errors import ImageError, ParameterError
from hub.files import write_whole
from methods.fast_photo.lut import ColorTable, Stage

logger = logging.getLogger(__name__)

SUFFIX = ".cube"
LARGEST = 129  # points per axis of a 3-D table; editors write 17, 33 or 65
LARGEST_CURVE = 65536
LARGEST_FILE = 128 << 20  # bytes
_BLACK, _WHITE = 16 / 255, 235 / 255  # of video range
_SIZES = {"LUT_1D_SIZE": LARGEST_CURVE, "LUT_3D_SIZE": LARGEST}
_RANGES = ("DOMAIN_MIN", "DOMAIN_MAX", "LUT_1D_INPUT_RANGE", "LUT_3D_INPUT_RANGE")
_UNKNOWN = re.compile(r"(?!LUT_|DOMAIN_|TITLE$|INFINITY$)[A-Z][A-Z0-9_]{3,}")  # words about other things than the table
_VIDEO = ("LUT_IN_VIDEO_RANGE", "LUT_OUT_VIDEO_RANGE")


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


def read_cube(path: Path) -> ColorTable:
    """The table of a ``.cube`` file, with its values as stored, which may exceed [0, 1]. Raises ``ImageError``."""
    sizes: dict[str, int] = {}
    ranges: dict[str, list[float]] = {}
    video: set[str] = set()
    unknown: set[str] = set()
    rows = array("f")
    for line in _lines(path):
        word, *values = line.split()
        word = word.upper()
        if word in _SIZES:
            if len(values) != 1 or not re.fullmatch(r"\d{1,6}", values[0]) or not 2 <= int(values[0]) <= _SIZES[word]:
                raise ImageError(
                    f"{path.name} has the {word} {' '.join(values)[:20]!r}; a table has 2 to {_SIZES[word]} points per axis."
                )
            sizes[word] = int(values[0])
        elif word in _RANGES:
            ranges[word] = _numbers(path, line, values, 3 if word.startswith("DOMAIN") else 2)
        elif word in _VIDEO:
            video.add(word)
        elif _UNKNOWN.fullmatch(word):
            unknown.add(word)
        elif word != "TITLE":
            rows.extend(_numbers(path, line, [word, *values], 3))
            if len(rows) > 3 * (LARGEST**3 + LARGEST_CURVE):
                raise ImageError(f"{path.name} has more than {LARGEST} points per axis; export a smaller table.")
    for word in sorted(unknown)[:3]:
        logger.warning("%s says %s, which is not known and changes nothing.", path.name, word[:40])
    if not sizes:
        raise _broken(path, "LUT_3D_SIZE or LUT_1D_SIZE is missing")
    counts = [sizes[word] ** (3 if "3D" in word else 1) for word in sorted(sizes)]
    if len(rows) != 3 * sum(counts):
        raise _broken(path, f"{len(rows) // 3} colours instead of {' + '.join(map(str, counts))}")
    stages: list[Stage] = []
    table = torch.frombuffer(rows, dtype=torch.float32).view(-1, 3)
    for word, part in zip(sorted(sizes), torch.split(table, counts), strict=True):
        low, high = [0.0] * 3, [1.0] * 3
        if not stages:  # Adobe's files have one table
            low, high = ranges.get("DOMAIN_MIN", low), ranges.get("DOMAIN_MAX", high)
        if given := ranges.get(word.replace("SIZE", "INPUT_RANGE")):
            low, high = [given[0]] * 3, [given[1]] * 3
        if any(least >= most for least, most in zip(low, high, strict=True)):
            raise _broken(path, "its range of input is empty")
        shape = (3,) + (sizes[word],) * (3 if "3D" in word else 1)
        stages.append(Stage(part.T.reshape(shape), torch.tensor(low), torch.tensor(high)))
    if _VIDEO[0] in video:
        stages[0] = stages[0]._replace(low=_from_video(stages[0].low), high=_from_video(stages[0].high))
    if _VIDEO[1] in video:
        stages[-1] = stages[-1]._replace(values=_from_video(stages[-1].values))
    return ColorTable(tuple(stages))


def _lines(path: Path) -> Iterator[str]:
    """The lines of ``path`` that say something, without comments."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ImageError(f"{path.name} is larger than a table of {LARGEST} points per axis; export a smaller one.")
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror or error}); check the path.") from None
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    for line in re.split(
        r"\r\n?|\n", data.decode(encoding, "replace").rstrip("\0\x1a")
    ):  # titles may hold other ends of lines
        if said := line.partition("#")[0].strip():
            yield said


def _numbers(path: Path, line: str, words: Sequence[str], count: int) -> list[float]:
    """``count`` numbers from ``words``; ``line`` is for the message."""
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise _broken(path, f"unknown line {line[:40]!r}")
    if not all(abs(number) < 1e30 for number in numbers):
        raise _broken(path, "it contains NaN or infinity")
    return numbers


def _from_video(values: Tensor) -> Tensor:
    return (values - _BLACK) / (_WHITE - _BLACK)


def _broken(path: Path, reason: str) -> ImageError:
    return ImageError(f"{path.name} is not a .cube file that can be read ({reason}); export it again.")


def check_new_cube(path: Path, flag: str) -> None:
    """Raises ``ParameterError`` unless ``path``, given as ``flag``, is a new ``.cube`` file in a folder that exists."""
    if path.suffix.lower() != SUFFIX:
        raise ParameterError(f"A colour table is a .cube file, not {path.name}; give {flag} such a name.")
    if not path.absolute().parent.is_dir():
        raise ParameterError(f"There is no folder {path.parent}; make it, or choose another for {flag}.")
    if os.path.lexists(path):
        raise ParameterError(f"{path} exists and is kept; choose another name for {flag}.")
