"""How pictures of every format, depth, layout and profile come out at strength 0, beside what other programs read.

    python -m benchmarks pictures

ImageMagick, tifffile, libvips and Pillow make the files, each where it is installed. The right values are those that the
file was made of, or what ImageMagick or libvips reads, or the arithmetic of a profile; none of our code has a part in them.
"""

import argparse
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms, features

from benchmarks.results import markdown
from hub.errors import StylehubError
from tests.support.profiles import ADOBE_RGB, DISPLAY_P3, SRGB, as_srgb, rgb_profile

Pixels = np.ndarray[Any, Any]
MAGICK = shutil.which("magick") or shutil.which("convert")
HEIGHT, WIDTH = 48, 64
_WHITE = np.array((0.9642, 1.0, 0.8249))  # D50
_TO_XYZ = SRGB * (_WHITE / SRGB.sum(1))[:, None]  # the published digits do not sum to the white


class File(NamedTuple):
    """A picture and its right values, ``(H, W, 1, 3 or 4)`` from 0 to 255; None: those that ImageMagick reads."""

    format: str
    kind: str
    maker: str
    path: Path
    right: Pixels | None = None
    profile: bool = False  # ImageMagick must convert it
    right_by: str = "what it was made of"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the files stay, to look at them")


def source() -> Pixels:
    """Colours of all kinds and an alpha, ``(H, W, 4)``, in steps of 1/255 of 65535."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(0).integers(-12, 13, (HEIGHT, WIDTH, 3))
    color = np.stack([x * 4, y * 5, 255 - (x + y) * 2], -1) + noise
    alpha = (40 + x * 3)[..., None]
    return np.concatenate([color, alpha], 2).clip(0, 255).astype(np.uint16) * 257


def files(folder: Path, skipped: dict[str, str]) -> Iterator[File]:
    """Every file, made in ``folder``; what is not installed is noted in ``skipped`` with the reason."""
    deep = source()
    yield from _of_pillow(folder, deep)
    for name, module, of in (("tifffile", "tifffile", _of_tifffile), ("libvips", "pyvips", _of_vips)):
        try:
            library = import_module(module)
        except (ImportError, OSError) as error:
            skipped[name] = f"{module} cannot be imported ({error})"
            continue
        yield from of(folder, deep, library)
    if MAGICK is None:
        skipped["ImageMagick"] = "the command `magick` or `convert` is not on the path"
    else:
        yield from _of_magick(folder, deep)


def _levels(deep: Pixels) -> Pixels:
    return deep / 257.0


def _luma(deep: Pixels) -> Pixels:
    return np.asarray(Image.fromarray((deep[..., :3] // 257).astype(np.uint8)).convert("L"))[..., None]


def _of_pillow(folder: Path, deep: Pixels) -> Iterator[File]:
    color = Image.fromarray((deep // 257).astype(np.uint8)[..., :3])
    alpha = Image.fromarray((deep[..., 3] // 257).astype(np.uint8))
    both = color.copy()
    both.putalpha(alpha)
    grey, few, palette = color.convert("L"), color.convert("1"), color.quantize(200)
    pictures = {"1 bit": few, "grey": grey, "palette": palette, "RGB": color, "RGBA": both}
    pictures["grey with alpha"] = Image.merge("LA", (grey, alpha))
    right = {
        name: np.asarray(one.convert("L" if name in ("1 bit", "grey") else "RGB"), float)
        for name, one in pictures.items()
    }
    right |= {
        "RGBA": np.asarray(both, float),
        "grey with alpha": np.asarray(pictures["grey with alpha"].convert("RGBA"), float),
    }

    def written(format: str, kind: str, picture: Image.Image, wanted: Pixels, **options: Any) -> File:
        path = folder / f"pillow-{format}-{kind.replace(' ', '-')}.{format.lower()}"
        picture.save(path, {"PNM": "PPM"}.get(format, format), **options)
        return File(format, kind, "Pillow", path, wanted if wanted.ndim == 3 else wanted[..., None])

    for kind, picture in pictures.items():
        yield written("PNG", kind, picture, right[kind])
        yield written("TIFF", kind, picture, right[kind])
        if kind in ("grey", "RGB", "1 bit"):
            yield written("BMP", kind, picture, right[kind])
            yield written("PNM", kind, picture, right[kind])
    yield written("WebP", "RGBA lossless", both, right["RGBA"], lossless=True, exact=True)
    yield written("GIF", "palette", palette, right["palette"])
    yield written("PNG", "animated", color, right["RGB"], save_all=True, append_images=[grey.convert("RGB")])
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield written("TIFF", f"RGB {compression}", color, right["RGB"], compression=compression)
    ink = np.dstack([255 - _levels(deep)[..., :3], 255 - _levels(deep)[..., 3:]]).astype(np.uint8)
    plain = (255.0 - ink[..., :3]) * (255.0 - ink[..., 3:]) / 255
    yield written("TIFF", "CMYK", Image.frombytes("CMYK", color.size, ink.tobytes()), plain)
    for turn in range(2, 9):  # the picture lies in the file as EXIF says, so that it is upright when read
        exif = Image.Exif()
        exif[274] = turn
        back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[turn]
        stored = color.transpose(Image.Transpose(back))
        yield written("PNG", f"RGB turned {turn}", stored, right["RGB"], exif=exif)
    for name, colorants in (("Adobe RGB", ADOBE_RGB), ("Display P3", DISPLAY_P3)):
        wide = as_srgb_array(_levels(deep)[..., :3], colorants)
        for format in ("PNG", "TIFF"):
            yield written(format, f"RGB in {name}", color, wide, icc_profile=rgb_profile(colorants))
        yield written("WebP", f"RGB in {name}", color, wide, icc_profile=rgb_profile(colorants), lossless=True)
    if find_spec("pillow_heif"):
        from pillow_heif import from_pillow

        for kind, picture in (("RGB", color), ("RGBA", both)):
            path = folder / f"pillow-{kind}.heic"
            from_pillow(picture).save(path, quality=-1, chroma=444, matrix_coefficients=0)  # without loss
            yield File("HEIC", f"{kind} lossless", "Pillow", path, right[kind])
    wide = as_srgb_array(np.repeat(_luma(deep), 3, 2).astype(float), ADOBE_RGB)
    yield written("PNG", "grey in Adobe RGB", grey, wide, icc_profile=rgb_profile(ADOBE_RGB))


def as_srgb_array(levels: Pixels, colorants: Pixels) -> Pixels:
    """``levels`` ``(H, W, 3)`` of the profile of ``colorants`` as sRGB, by plain arithmetic."""
    return np.stack([as_srgb(pixel, colorants) for pixel in levels.reshape(-1, 3)]).reshape(levels.shape)


def _of_tifffile(folder: Path, deep: Pixels, tifffile: Any) -> Iterator[File]:
    levels = _levels(deep)
    grey = levels[..., 1:2]
    layouts: dict[str, tuple[Pixels, dict[str, Any]]] = {
        "grey": (grey, {"photometric": "minisblack"}),
        "grey, 0 is white": (255 - grey, {"photometric": "miniswhite"}),
        "grey with alpha": (levels[..., [1, 3]], {"photometric": "minisblack", "extrasamples": ["unassalpha"]}),
        "RGB": (levels[..., :3], {"photometric": "rgb"}),
        "RGBA": (levels, {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
        "RGB in planes": (levels[..., :3], {"photometric": "rgb", "planarconfig": "separate"}),
        "RGB in tiles": (levels[..., :3], {"photometric": "rgb", "tile": (16, 16)}),
        "RGB, deflate and predictor": (
            levels[..., :3],
            {"photometric": "rgb", "compression": "zlib", "predictor": True},
        ),
    }
    for kind, (values, options) in layouts.items():
        for dtype in ("u1", "u2", "u4", "f2", "f4", "f8"):
            top = np.iinfo(dtype).max if dtype[0] == "u" else 1
            stored = np.rint(values / 255 * top).astype(dtype) if dtype[0] == "u" else (values / 255).astype(dtype)
            if options.get("predictor") and not (find_spec("imagecodecs") and dtype in ("u1", "u2", "f4")):
                continue
            if kind == "grey, 0 is white" and dtype[0] == "f":
                continue
            if options.get("planarconfig"):
                stored = np.moveaxis(stored, -1, 0)
            elif stored.shape[-1] == 1:
                stored = stored[..., 0]
            name = {"u1": "8 bits", "u2": "16 bits", "u4": "32 bits", "f2": "half", "f4": "float", "f8": "double"}[
                dtype
            ]
            path = folder / f"tifffile-{kind.replace(' ', '-').replace(',', '')}-{dtype}.tif"
            order = ">" if dtype in ("u2", "f8") and not options.get("predictor") else "<"
            tifffile.imwrite(path, stored, byteorder=order, bigtiff=dtype == "u4", metadata=None, **options)
            wanted = 255 - values if kind == "grey, 0 is white" else values
            if kind == "grey with alpha":
                wanted = np.concatenate([np.repeat(values[..., :1], 3, 2), values[..., 1:]], 2)
            yield File("TIFF", f"{kind}, {name}", "tifffile", path, wanted)

    for dtype, steps in (("u1", (255 / 100, 1, 1)), ("u2", (65535 / 100, 256, 256))):
        stored = np.rint(_lab(levels[..., :3]) * steps)
        path = folder / f"tifffile-lab-{dtype}.tif"
        tifffile.imwrite(path, _unsigned(stored, dtype), photometric="cielab", metadata=None)
        yield File(
            "TIFF", f"L*a*b*, {'8' if dtype == 'u1' else '16'} bits", "tifffile", path, _from_lab(stored / steps)
        )


def _unsigned(values: Pixels, dtype: str) -> Pixels:
    """Negative numbers as the large ones that have the same bits."""
    return (values.astype(np.int64) % (1 << (8 * np.dtype(dtype).itemsize))).astype(dtype)


def _lab(levels: Pixels) -> Pixels:
    """Levels of sRGB as L*a*b* of the white D50, by the formulas of CIE 15."""
    value = levels / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    share = light @ _TO_XYZ.T / _WHITE
    f = np.where(share > (6 / 29) ** 3, np.cbrt(share), share * 841 / 108 + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def _from_lab(lab: Pixels) -> Pixels:
    middle = (lab[..., 0] + 16) / 116
    f = np.stack([middle + lab[..., 1] / 500, middle, middle - lab[..., 2] / 200], -1)
    light = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 108 / 841) * _WHITE @ np.linalg.inv(_TO_XYZ).T
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


def _of_vips(folder: Path, deep: Pixels, pyvips: Any) -> Iterator[File]:
    small, levels = (deep // 257).astype(np.uint8), _levels(deep)
    picture = pyvips.Image.new_from_array(small[..., :3].copy()).copy(interpretation="srgb")
    both = pyvips.Image.new_from_array(small.copy()).copy(interpretation="srgb")
    sixteen = pyvips.Image.new_from_array(deep[..., :3].copy()).copy(interpretation="rgb16")
    made = [
        ("PNG", "RGB interlaced", picture, "a.png", {"interlace": True}, levels[..., :3]),
        ("PNG", "RGBA", both, "b.png", {}, levels),
        ("PNG", "RGB 16 bits", sixteen, "c.png", {}, levels[..., :3]),
        ("TIFF", "RGB pyramid", picture, "a.tif", {"pyramid": True, "tile": True, "tile_width": 16, "tile_height": 16}, levels[..., :3]),
        ("TIFF", "RGB 16 bits", sixteen, "b.tif", {"compression": "lzw"}, levels[..., :3]),
        ("WebP", "RGB lossless", picture, "a.webp", {"lossless": True}, levels[..., :3]),
        ("PNM", "RGB 16 bits", sixteen, "a.ppm", {}, levels[..., :3]),
        ("JPEG", "RGB", picture, "a.jpg", {"Q": 95}, None),
    ]  # fmt: skip
    for kind, channels in (("RGB", 3), ("RGBA", 4)) if features.check("avif") else ():
        path = (
            folder / f"pillow-{kind}.avif"
        )  # with all its colour resolution: programs differ in how they enlarge less
        Image.fromarray(small[..., :channels]).save(path, quality=90, subsampling="4:4:4")
        seen = pyvips.Image.new_from_file(str(path)).numpy().astype(float)
        yield File("AVIF", kind, "Pillow", path, seen, right_by="libvips")
    for format, kind, one, name, options, wanted in made:
        if wanted is None and MAGICK is None:
            continue
        path = folder / f"vips-{name}"
        try:
            one.write_to_file(str(path), **options)
        except pyvips.Error:  # built without this format
            continue
        yield File(format, kind, "libvips", path, wanted)


def _of_magick(folder: Path, deep: Pixels) -> Iterator[File]:
    """Files whose right values are what ImageMagick reads in them."""
    start, flat, icc = folder / "source.png", folder / "opaque.png", folder / "wide.icc"
    icc.write_bytes(rgb_profile(ADOBE_RGB))
    sixteen = np.ascontiguousarray(deep.astype("<u2"))
    _magick(
        "-size",
        f"{WIDTH}x{HEIGHT}",
        "-depth",
        16,
        "-endian",
        "LSB",
        "rgba:-",
        "png64:" + str(start),
        data=sixteen.tobytes(),
    )
    _magick(start, "-alpha", "off", "png48:" + str(flat))
    cmyk = next(iter(sorted(Path("/usr/share/color/icc").rglob("*cmyk*.icc"))), None)  # Debian's, with Ghostscript
    print_ = ["-profile", folder / "srgb.icc", "-profile", cmyk]
    made: list[tuple[str, str, Path, list[Any], str]] = [
        ("JPEG", "RGB 4:4:4", flat, ["-quality", 100, "-sampling-factor", "1x1"], "jpg"),
        ("JPEG", "RGB 4:2:0", flat, ["-quality", 90, "-sampling-factor", "2x2"], "jpg"),
        ("JPEG", "RGB progressive", flat, ["-quality", 92, "-interlace", "Plane"], "jpg"),
        ("JPEG", "grey", flat, ["-colorspace", "Gray", "-quality", 92], "jpg"),
        ("JPEG", "RGB in Adobe RGB", flat, ["-quality", 100, "-sampling-factor", "1x1", "-profile", icc], "jpg"),
        ("JPEG", "RGB turned", flat, ["-quality", 95, "-orient", "RightTop"], "jpg"),
        ("PNG", "palette of 16", flat, ["-colors", 16, "-depth", 8, "-define", "png:color-type=3"], "png"),
        ("PNG", "grey of 2 bits", flat, ["-colorspace", "Gray", "-depth", 2], "png"),
        ("PNG", "grey of 4 bits", flat, ["-colorspace", "Gray", "-depth", 4], "png"),
        ("PNG", "grey of 16 bits", flat, ["-colorspace", "Gray", "-define", "png:bit-depth=16"], "png"),
        ("PNG", "RGBA of 16 bits", start, ["-define", "png:bit-depth=16"], "png"),
        ("PNG", "RGB of 16 bits in Adobe RGB", flat, ["-profile", icc, "-define", "png:bit-depth=16"], "png"),
        ("WebP", "RGB lossy", flat, ["-quality", 90], "webp"),
        ("WebP", "RGBA lossless", start, ["-define", "webp:lossless=true", "-define", "webp:exact=true"], "webp"),
        ("GIF", "palette", flat, ["-colors", 64], "gif"),
        ("BMP", "RGB", flat, ["-type", "TrueColor"], "bmp"),
        ("BMP", "RGBA", start, [], "bmp"),
        ("BMP", "palette", flat, ["-colors", 16, "-type", "Palette"], "bmp"),
        ("PNM", "grey of 16 bits", flat, ["-colorspace", "Gray", "-depth", 16], "pgm"),
        ("PNM", "RGB as text", flat, ["-depth", 8, "-compress", "None"], "ppm"),
        ("PNM", "1 bit", flat, ["-monochrome"], "pbm"),
        ("TIFF", "RGB 8 bits, RLE", flat, ["-depth", 8, "-compress", "RLE"], "tif"),
        ("TIFF", "RGB 16 bits, deflate, tiles", flat, ["-compress", "Zip", "-define", "tiff:tile-geometry=32x32"], "tif"),
        ("TIFF", "RGB 16 bits, big endian, planes", flat, ["-endian", "MSB", "-interlace", "Plane"], "tif"),
        ("TIFF", "RGB, JPEG", flat, ["-depth", 8, "-compress", "JPEG", "-quality", 95], "tif"),
        ("TIFF", "1 bit, Group 4", flat, ["-monochrome", "-compress", "Group4"], "tif"),
        ("TIFF", "palette", flat, ["-colors", 32, "-type", "Palette"], "tif"),
        ("TIFF", "grey 16 bits, 0 is white", flat, ["-colorspace", "Gray", "-define", "quantum:polarity=min-is-white"], "tif"),
        ("TIFF", "RGB float", flat, ["-depth", 32, "-define", "quantum:format=floating-point"], "tif"),
        ("TIFF", "RGB 32 bits", flat, ["-depth", 32], "tif"),
        ("TIFF", "RGBA 16 bits", start, [], "tif"),
        ("TIFF", "RGBA 8 bits, premultiplied", start, ["-depth", 8, "-define", "tiff:alpha=associated"], "tif"),
        ("TIFF", "RGB 16 bits in Adobe RGB", flat, ["-profile", icc], "tif"),
        ("TIFF", "BigTIFF", flat, ["-depth", 8], "tiff64"),
    ]  # fmt: skip
    if cmyk:
        made += [
            ("TIFF", "CMYK 8 bits, with a profile", flat, [*print_, "-depth", 8], "tif"),
            ("TIFF", "CMYK 16 bits, with a profile", flat, [*print_, "-depth", 16], "tif"),
            ("JPEG", "CMYK, with a profile", flat, [*print_, "-quality", 100], "jpg"),
        ]
    for number, (format, kind, begin, words, extension) in enumerate(made):
        path = folder / f"magick-{number}.{extension.replace('tiff64', 'tif')}"
        try:
            _magick(begin, *words, ("tiff64:" if extension == "tiff64" else "") + str(path))
        except StylehubError:  # built without this format
            continue
        yield File(format, kind, "ImageMagick", path, profile="profile" in kind or " in Adobe" in kind)


def _magick(*words: object, data: bytes = b"") -> bytes:
    assert MAGICK is not None
    done = subprocess.run([MAGICK, *map(str, words)], input=data, capture_output=True, check=False)
    if done.returncode:
        raise StylehubError(f"ImageMagick: {done.stderr.decode(errors='replace').strip()[:200]}")
    return done.stdout


def read_by_magick(file: File, srgb: Path) -> Pixels:
    """What ImageMagick reads in ``file``: ``(H, W, 4)`` from 0 to 255."""
    convert: list[object] = ["-colorspace", "sRGB"]
    if file.profile:
        convert = ["-intent", "relative", "-black-point-compensation", "-profile", srgb]
    raw = _magick(f"{file.path}[0]", "-auto-orient", *convert, "-depth", 16, "-endian", "LSB", "rgba:-")
    found = np.frombuffer(raw, "<u2").reshape(-1, WIDTH, 4) / 257.0
    return found if len(found) == HEIGHT else found.reshape(WIDTH, HEIGHT, 4)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The largest difference of each file at strength 0, at 8 and at 16 bits."""
    import hub
    from hub.deep import stylize_deep

    method = hub.load("fast-photo", device="cpu", dtype="float32")
    skipped: dict[str, str] = {}
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        srgb = folder / "srgb.icc"
        srgb.write_bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        look = folder / "look.png"
        Image.effect_noise((32, 32), 50).convert("RGB").save(look)
        for file in files(folder, skipped):
            right = file.right
            if right is None:
                right = read_by_magick(file, srgb)
                if right[..., 3].min() == 255:
                    right = right[..., :3]
            painted = method(file.path, style=look, strength=0)
            shallow = difference(np.asarray(painted.convert("RGBA"), float), right)
            deep = stylize_deep(method, file.path, style=look, strength=0)
            alpha = deep.alpha if deep.alpha is not None else deep.pixels[:, :1] * 0 + 1
            levels = np.concatenate([deep.pixels[0].numpy(), alpha[0].numpy()]).transpose(1, 2, 0) * 255
            rows.append(
                {
                    "format": file.format,
                    "kind": file.kind,
                    "deep": any(word in file.kind for word in ("16 bits", "32 bits", "half", "float", "double")),
                    "made_by": file.maker,
                    "right_by": "ImageMagick" if file.right is None else file.right_by,
                    "difference": round(shallow, 3),
                    "difference_16": round(difference(levels, right), 3),
                }
            )
    versions = {"ImageMagick": _magick("-version").decode().split()[2]} if MAGICK else {}
    for name in ("tifffile", "pyvips", "PIL"):
        if find_spec(name) and name.replace("pyvips", "libvips") not in skipped:
            versions[name] = import_module(name).__version__
    return {"rows": rows, "skipped": skipped, "versions": versions}


def difference(found: Pixels, right: Pixels) -> float:
    """The largest difference in levels, of colours where they are visible at all, and of the alpha."""
    if found.shape[:2] != right.shape[:2]:
        raise StylehubError(f"a picture came out as {found.shape[:2]} instead of {right.shape[:2]}")
    color = right[..., :3] if right.shape[2] > 2 else np.repeat(right[..., :1], 3, 2)
    alpha = right[..., 3:] if right.shape[2] == 4 else np.full((*right.shape[:2], 1), 255.0)
    away = np.abs(found[..., :3] - color) * (alpha > 0)
    return float(max(away.max(), np.abs(found[..., 3:] - alpha).max()))


def render(result: dict[str, Any]) -> str:
    """One line a format."""
    rows = result["rows"]
    lines = []
    for format in dict.fromkeys(row["format"] for row in rows):
        own = [row for row in rows if row["format"] == format]
        worst = max(own, key=lambda row: row["difference"])
        makers = ", ".join(dict.fromkeys(row["made_by"] for row in own))
        deep = [row["difference_16"] for row in own if row["deep"]]
        at_16 = f"{max(deep):.2f} ({len(deep)} files)" if deep else ""
        lines.append([format, str(len(own)), makers, f"{worst['difference']:.1f}", worst["kind"], at_16])
    headings = ["format", "files", "made by", "largest difference", "of", "deep ones with `--bits 16`"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    skipped = "".join(f" Left out: {name}, since {reason}." for name, reason in result["skipped"].items())
    text = (
        f"{len(rows)} files at strength 0, in levels of 255, against the pixels that they were made of or what another "
        f"program reads in them. {versions}.{skipped}"
    )
    return f"{markdown(headings, lines)}\n\n{textwrap.fill(text, 118)}"
