"""Damaged pictures and tables: each must end in a picture or in one sentence, soon and in little memory.

    python -m benchmarks fuzz --count 100000
    python -m benchmarks fuzz --begin 4711 --count 1 -o elsewhere    # one file again

Small sound files of every format are damaged by chance, mostly in their headers; the number of a file decides all of it.
Processes with a limit of memory and time read them with every reader. What ends in another way stops the command.
"""

import argparse
import io
import multiprocessing
import os
import random
import re
import resource
import struct
import tempfile
import textwrap
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageSequence, features

from benchmarks.numbers import count
from benchmarks.results import markdown, where
from hub.errors import StylehubError

PIXELS = 1_000_000  # what readers are told to refuse beyond
MEMORY = 256 << 20  # bytes that reading may take beyond what the process held before
SECONDS = 10.0  # a file, with all readers
REPORT = 250  # files between two reports of a process
TOKENS = (
    "nan", "inf", "-inf", "1e40", "-1", "0", "1", "2", "129", "130", "65536", "999999", "1e-45", ",", ";", "LUT_3D_SIZE",
    "LUT_1D_SIZE", "DOMAIN_MIN", "TITLE", "#", "\0", "\u2028", "٣", "é",
)  # fmt: skip
NUMBERS = (*range(5), 8, 16, *(2**power - least for power in (5, 7, 8, 15, 16, 24, 31, 32) for least in (0, 1)))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--count", type=count, default=2000, help="how many files")
    parser.add_argument("--begin", type=int, default=0, help="the number of the first file")
    parser.add_argument("--workers", type=count, default=2, help="processes that read")


# --- Sound files


def samples() -> dict[str, list[bytes]]:
    """Small sound files by format, of every depth and layout that is read."""
    y, x = np.mgrid[0:12, 0:16]
    color = np.stack([x * 16, y * 20, 255 - x * 8], -1).astype(np.uint8)
    picture, alpha = Image.fromarray(color), Image.fromarray((x * 16).astype(np.uint8))
    transparent = picture.copy()
    transparent.putalpha(alpha)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif.update({271: "Maker", 272: "Camera", 274: 6, 282: 300.0, 306: "2026:01:02 03:04:05", 318: (0.3127, 0.329)})
    exif.get_ifd(0x8769).update({36867: "2026:01:02 03:04:05", 33437: 2.8, 40961: 0xFFFF, 40965: {1: "R03"}})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    every: dict[str, Any] = {"exif": exif.tobytes(), "icc_profile": profile}
    modes = [picture.convert(mode) for mode in ("1", "L", "P")] + [picture, transparent, transparent.convert("LA")]
    frames: dict[str, Any] = {"save_all": True, "append_images": [picture.rotate(90, expand=False)]}

    def files(format: str, pictures: list[Image.Image], **options: Any) -> list[bytes]:
        return [encoded(one, format, **options) for one in pictures]

    found = {
        "JPEG": files("JPEG", [picture, picture.convert("L"), picture.convert("CMYK"), picture.convert("YCbCr")], **every)
        + files("JPEG", [picture], progressive=True, dpi=(300, 300))
        + files("MPO", [picture], save_all=True, append_images=[picture]),
        "PNG": files("PNG", modes, **every)
        + files("PNG", [picture], **frames)
        + files("PNG", [picture.convert("L")], transparency=0)
        + list(_pngs(color)),
        "TIFF": files("TIFF", modes, **every) + list(_tiffs(color, profile)),
        "WebP": files("WEBP", [picture, transparent], **every)
        + files("WEBP", [transparent], lossless=True)
        + files("WEBP", [picture], **frames),
        "GIF": files("GIF", [picture, transparent, picture.convert("L")]) + files("GIF", [picture], **frames),
        "BMP": files("BMP", [*modes[:4], transparent]),
        "PNM, PFM": files("PPM", [picture.convert(mode) for mode in ("1", "L", "RGB", "I;16", "F")]),
    }  # fmt: skip
    found["PNM, PFM"] += [b"P3 2 2 255 " + b"1 2 3 " * 4, b"P2 2 2 65535 1 2 3 60000", b"P1 2 2 1 0 0 1"]
    if features.check("avif"):
        found["AVIF"] = files("AVIF", [picture, transparent], **every) + files("AVIF", [picture], **frames)
    if find_spec("pillow_heif"):
        from pillow_heif import from_pillow

        found["HEIC"] = []
        for one in (picture, transparent):
            buffer = io.BytesIO()
            from_pillow(one.resize((64, 64))).save(buffer, quality=50, **every)
            found["HEIC"].append(buffer.getvalue())
    found["Hald CLUT"] = files("PNG", [hald(2), hald(3)])
    found[".cube"] = [text.encode(code) for text, code in _cubes()]
    return found


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    """The file that Pillow writes."""
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def hald(level: int) -> Image.Image:
    """The Hald CLUT that changes nothing."""
    axis = np.linspace(0, 255, level**2)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    return Image.fromarray(np.stack([red, green, blue], -1).reshape(level**3, level**3, 3).astype(np.uint8))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _pngs(color: np.ndarray[Any, Any]) -> Iterator[bytes]:
    """What Pillow does not write: 16 bits, few bits with a transparent level, and chunks about colours."""
    height, width, _ = color.shape
    said = [
        (b"cICP", bytes((9, 16, 0, 1))),
        (b"gAMA", struct.pack(">I", 100000)),
        (b"tRNS", b"\0\1" * 3),
        (b"sRGB", b"\0"),
    ]
    said += [
        (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)),
        (b"eXIf", b"II*\0\x08\0\0\0\0\0"),
    ]
    deep = color.astype(">u2") * 257
    kinds: list[tuple[int, int, np.ndarray[Any, Any]]] = [
        (16, 0, deep[..., :1]), (16, 4, deep[..., :2]), (16, 2, deep), (16, 6, np.dstack([deep, deep[..., :1]])),
        (8, 2, color), (4, 0, color[:, : width // 2, :1]), (2, 0, color[:, : width // 4, :1]),
    ]  # fmt: skip
    for number, (depth, kind, rows) in enumerate(kinds):
        body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
        for place in (number, number + 3):
            extra = said[place % len(said)]
            if extra[0] == b"tRNS":
                extra = (b"tRNS", extra[1][: 2 if kind == 0 else 6])
            head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
            yield b"\x89PNG\r\n\x1a\n" + head + _chunk(*extra) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _tiffs(color: np.ndarray[Any, Any], profile: bytes) -> Iterator[bytes]:
    """TIFFs of all layouts and depths, compressed too."""
    grey, alpha = color[..., :1], color[..., 1:2]
    layouts = [(grey, 0), (grey, 1), (np.dstack([grey, alpha]), 1), (color, 2), (np.dstack([color, alpha]), 2)]
    layouts += [(np.dstack([color, alpha]), 5), (color, 8)]
    for samples, photometric in layouts:
        for dtype in (np.uint8, np.uint16, np.uint32, np.int16, np.float16, np.float32, np.float64):
            if photometric > 2 and dtype not in (np.uint8, np.uint16):
                continue
            top = np.iinfo(dtype).max if np.dtype(dtype).kind in "ui" else 1
            values = (samples / 255 * top).astype(dtype)
            extra = samples.shape[2] in (2, 4) and photometric != 5
            yield _tiff(values, photometric, extra, planar=False)
            if samples.shape[2] > 1:
                yield _tiff(values, photometric, extra, planar=True)
    picture = Image.fromarray(color)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield encoded(picture, "TIFF", compression=compression, icc_profile=profile)
    yield encoded(picture.convert("1"), "TIFF", compression="group4")
    yield encoded(picture, "TIFF", save_all=True, append_images=[picture])
    yield encoded(picture, "TIFF", big_tiff=True)


def _tiff(samples: np.ndarray[Any, Any], photometric: int, extra: bool, *, planar: bool) -> bytes:
    """An uncompressed TIFF ``(H, W, C)``; with ``extra`` the last channel is alpha."""
    height, width, channels = samples.shape
    planes = [samples[..., c].tobytes() for c in range(channels)] if planar else [samples.tobytes()]
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("H", [width]), 257: ("H", [height]), 258: ("H", [samples.itemsize * 8] * channels), 259: ("H", [1]),
        262: ("H", [photometric]), 273: ("I", []), 277: ("H", [channels]), 278: ("H", [height]),
        279: ("I", [len(plane) for plane in planes]), 284: ("H", [1 + planar]), 339: ("H", [kind] * channels),
    } | ({338: ("H", [2])} if extra else {})  # fmt: skip
    begin = 8 + 2 + 12 * len(tags) + 4
    end = begin + 200  # room for the values that are longer than their entry
    tags[273] = "I", [end + sum(map(len, planes[:number])) for number in range(len(planes))]
    table, body = b"", b""
    for tag, (code, values) in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}{code}", *values)
        table += struct.pack("<HHI", tag, 3 if code == "H" else 4, len(values))
        table += packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", begin + len(body))
        body += packed if len(packed) > 4 else b""
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + table + bytes(4) + body.ljust(200, b"\0") + b"".join(planes)


def _cubes() -> Iterator[tuple[str, str]]:
    cell = [f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    table, ramp = "\n".join(cell), "\n".join(f"{v} {v} {v}" for v in (0, 0.5, 1))
    yield f'TITLE "x"\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n{table}\n', "ascii"
    yield f"LUT_3D_SIZE 2\r\nLUT_3D_INPUT_RANGE -1 2\r\n{table}".replace("\n", "\r\n"), "utf-8-sig"
    yield f"# note\nLUT_1D_SIZE 3\n{ramp}\n", "utf-16"
    yield f"LUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE 0 1\nLUT_3D_SIZE 2\nLUT_OUT_VIDEO_RANGE\n{ramp}\n{table}\n", "ascii"


# --- Damage


def mutant(number: int, sound: dict[str, list[bytes]]) -> tuple[str, bytes]:
    """The format and the bytes of the file ``number``."""
    chance = random.Random(number)
    format = list(sound)[number % len(sound)]
    files = sound[format]
    data = bytearray(chance.choice(files))
    changes: list[Callable[..., bytearray]] = [
        _flip,
        _set,
        _number,
        _number,
        _cut,
        _leave_out,
        _twice,
        _insert,
        _splice,
    ]
    if format == ".cube":
        changes += [_token] * 8
    for _ in range(chance.choice((1, 1, 2, 3, 5))):
        data = chance.choice(changes)(data, chance, files) or bytearray(b"\0")
    if data.startswith(b"\x89PNG") and chance.random() < 0.8:
        data = _mended(data)
    return format, bytes(data)


def _place(data: bytearray, chance: random.Random) -> int:
    """Mostly in the header."""
    return chance.randrange(min(len(data), 256) if chance.random() < 0.6 else len(data))


def _flip(data: bytearray, chance: random.Random, _: list[bytes]) -> bytearray:
    data[_place(data, chance)] ^= 1 << chance.randrange(8)
    return data


def _set(data: bytearray, chance: random.Random, _: list[bytes]) -> bytearray:
    data[_place(data, chance)] = chance.choice((0, 1, 127, 128, 254, 255, chance.randrange(256)))
    return data


def _number(data: bytearray, chance: random.Random, _: list[bytes]) -> bytearray:
    size, order = chance.choice((2, 4, 4, 8)), chance.choice(("big", "little"))
    place = _place(data, chance)
    value = chance.choice((*NUMBERS, chance.randrange(len(data) + 1))) % (1 << (8 * size))
    data[place : place + size] = value.to_bytes(size, order)  # type: ignore[arg-type]
    return data


def _cut(data: bytearray, chance: random.Random, _: list[bytes]) -> bytearray:
    return data[: _place(data, chance)]


def _leave_out(data: bytearray, chance: random.Random, _: list[bytes]) -> bytearray:
    place = _place(data, chance)
    del data[place : place + chance.choice((1, 2, 4, 12, 64))]
    return data


def _twice(data: bytearray, chance: random.Random, _: list[bytes]) -> bytearray:
    place = _place(data, chance)
    data[place:place] = data[place : place + chance.choice((1, 4, 12, 64))] * chance.choice((1, 2, 50))
    return data


def _insert(data: bytearray, chance: random.Random, _: list[bytes]) -> bytearray:
    place = _place(data, chance)
    data[place:place] = chance.randbytes(chance.choice((1, 2, 4, 30)))
    return data


def _splice(data: bytearray, chance: random.Random, files: list[bytes]) -> bytearray:
    other = chance.choice(files)
    place = _place(data, chance)
    return data[:place] + other[min(place, len(other)) :]


def _token(data: bytearray, chance: random.Random, _: list[bytes]) -> bytearray:
    words = re.split(rb"(\s+)", bytes(data))
    words[chance.randrange(len(words))] = chance.choice(TOKENS).encode()
    return bytearray(b"".join(words))


def _mended(data: bytearray) -> bytearray:
    """A PNG whose checksums are right again, so that what was damaged is read."""
    place = 8
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        end = place + 8 + size
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return data


# --- Reading


def read(format: str, data: bytes, folder: Path) -> str:
    """Read ``data`` with every reader: "picture" or "sentence". Raises whatever is neither."""
    from hub.deep import read_deep
    from hub.images import MAX_PIXELS, PHOTO, encode_image, read_image, read_plane, read_size
    from hub.provenance import read_recipe
    from methods.fast_photo.cube import read_cube
    from methods.fast_photo.lut import INTERPOLATIONS, hald_clut

    if format == ".cube":
        path = folder / "table.cube"
        path.write_bytes(data)
        table = _said(lambda: read_cube(path))
        if table is not None:
            import torch

            for way in INTERPOLATIONS:
                assert table(torch.rand(1, 3, 2, 2), way).shape == (1, 3, 2, 2)
        return "sentence" if table is None else "picture"
    size = _said(lambda: read_size(data))
    photo = _said(lambda: read_image(data, max_pixels=PIXELS))
    deep = _said(lambda: read_deep(data, max_pixels=PIXELS))
    if size is None or size[0] * size[1] > PIXELS:
        assert photo is None and deep is None
        return "sentence"
    assert size[0] * size[1] <= MAX_PIXELS
    recipe, plane = _said(lambda: read_recipe(data)), _said(lambda: read_plane(data))
    assert recipe is None or isinstance(recipe, dict)
    if deep is not None:
        assert deep.pixels.ndim == 4 and deep.visible.shape == deep.pixels.shape
        assert float(deep.pixels.min()) >= 0 and float(deep.pixels.max()) <= 1
    if photo is None:
        return "sentence"
    assert photo.rgb.mode == "RGB" and photo.rgb.size in (size, size[::-1])
    assert plane is None or plane.ndim == 2
    assert photo.visible.size == photo.on_black.size == photo.image.size == photo.rgb.size
    assert format != "Hald CLUT" or hald_clut(photo.rgb) is None or photo.rgb.width in (8, 27)
    result = photo.rgb.copy()
    result.info[PHOTO] = photo.metadata
    for written in ("jpeg", "png", "tiff"):  # what is kept of damaged metadata must be whole again
        if written == "jpeg" and max(result.size) > 65_500:
            assert _said(lambda: encode_image(result, "jpeg")) is None  # a sentence says that JPEG ends there
            continue
        with Image.open(io.BytesIO(encode_image(result, written, recipe={"a": 1}, keep_metadata="all"))) as again:
            assert next(ImageSequence.Iterator(again)).size == result.size
            assert again.getexif()[305] == "stylehub"
    return "picture"


def _said(reading: Callable[[], Any]) -> Any:
    """What ``reading`` returns; None if it raises one sentence about the file, not about memory that it took."""
    try:
        return reading()
    except StylehubError as error:
        text = str(error)
        assert text.endswith(".") and "\n" not in text and len(text) < 400, text
        cause: BaseException | None = error
        while cause is not None:
            assert not isinstance(cause, MemoryError), "too much memory was asked for"
            cause = cause.__cause__ or cause.__context__
        return None


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)[0]) * 1024


def _work(numbers: range, place: Any, pipe: Connection) -> None:
    """Read the files ``numbers``, tell ``place`` which one and since when, and send what came of them."""
    warnings.simplefilter("ignore")
    import logging

    import torch

    torch.set_num_threads(1)
    logging.disable()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libtiff says of every file
    sound = samples()
    with tempfile.TemporaryDirectory() as folder:
        for files in sound.items():
            for data in files[1]:
                read(files[0], data, Path(folder))  # loads all that reading needs
        limit = _memory("VmSize") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        ends: Counter[tuple[str, str]] = Counter()
        most, longest = (0, ""), 0.0
        for done, number in enumerate(numbers, 1):
            place[0], place[1] = float(number), time.time()
            format, data = mutant(number, sound)
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
            before, begun = _memory("VmRSS"), time.process_time()
            try:
                ends[format, read(format, data, Path(folder))] += 1
            except Exception:
                pipe.send(("bad", number, format, traceback.format_exc(limit=-4)))
            longest = max(longest, time.process_time() - begun)
            most = max(most, (_memory("VmHWM") - before, f"{format} {number}"))
            if done % REPORT == 0 or done == len(numbers):
                pipe.send(("ends", number, dict(ends), most, longest))
                ends.clear()
    pipe.send(("done",))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """How many damaged files of each format ended as a picture or in a sentence. Raises for any other end."""
    context = multiprocessing.get_context("spawn")
    ends: Counter[tuple[str, str]] = Counter()
    most, longest, bad = (0, ""), 0.0, []
    end, workers = options.begin + options.count, min(options.workers, options.count)
    running: dict[Connection, tuple[Any, Any]] = {}

    def start(numbers: range) -> None:
        if not numbers:
            return
        ours, theirs = context.Pipe(duplex=False)
        place = context.Array("d", 2, lock=False)
        process = context.Process(target=_work, args=(numbers, place, theirs), daemon=True)
        process.start()
        theirs.close()
        running[ours] = process, place

    for worker in range(workers):
        start(range(options.begin + worker, end, workers))
    while running:
        for pipe in wait(list(running), timeout=1):
            assert isinstance(pipe, Connection)
            process, place = running[pipe]
            try:
                kind, *news = pipe.recv()
            except EOFError:  # the process has crashed
                process.join()
                number = int(place[0])
                bad.append(f"{number}: the process ended with {process.exitcode}")
                del running[pipe]
                start(range(number + workers, end, workers))
                continue
            if kind == "bad":
                bad.append("{} ({}): {}".format(*news))
            elif kind == "ends":
                ends.update(news[1])
                most, longest = max(most, news[2]), max(longest, news[3])
            else:
                process.join()
                del running[pipe]
        for process, place in list(running.values()):
            if place[1] and time.time() - place[1] > 6 * SECONDS:  # as the machine may be busy
                process.kill()
        if len(bad) > 30:
            break
    for process, _ in running.values():
        process.kill()
    if longest > SECONDS:
        bad.append(f"a file took {longest:.1f} s")
    if most[0] > MEMORY:
        bad.append(f"{most[1]} took {most[0] >> 20} MiB")
    if bad:
        raise StylehubError("neither a picture nor a sentence:\n" + "\n".join(bad))
    formats = list(dict.fromkeys(format for format, _ in sorted(ends)))
    rows = [{"format": f, "pictures": ends[f, "picture"], "sentences": ends[f, "sentence"]} for f in formats]
    return {"begin": options.begin, "rows": rows, "most_bytes": most[0], "most": most[1], "longest_seconds": longest}


def render(result: dict[str, Any]) -> str:
    """One line a format."""
    rows = result["rows"]
    lines = [[row["format"], f"{row['pictures']:,}", f"{row['sentences']:,}"] for row in rows]
    total = [sum(row[name] for row in rows) for name in ("pictures", "sentences")]
    lines.append(["all", *(f"{number:,}" for number in total)])
    text = (
        f"{sum(total):,} damaged files; nothing else came of any. All readers together took at most "
        f"{result['most_bytes'] / 2**20:.0f} MiB and {result['longest_seconds']:.1f} s for a file. {where(result)}"
    )
    headings = ["format", "read as a picture", "refused with a sentence"]
    return f"{markdown(headings, lines)}\n\n{textwrap.fill(text, 118)}"
