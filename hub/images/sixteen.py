"""Pictures of more than 8 bits a channel, decoded and converted to sRGB at 16 bits by imagecodecs (the extra ``deep``).

Pillow keeps only 8 bits of a colour. It reads the header, so that limits and errors are those of every picture.
"""

from typing import Any, cast

import numpy as np
from PIL import Image, ImageFile, PngImagePlugin

from hub.images.opening import whole_file
from hub.images.tiff import WHITE, Levels, codecs_for, decode_tiff, is_deep_tiff, misread

_PNG_SAMPLES = {"I;16B": 1, "LA;16B": 2, "RGB;16B": 3, "RGBA;16B": 4}  # Pillow's raw modes


def is_deep(image: Image.Image) -> bool:
    """Whether the header announces more than 8 bits per channel."""
    return is_deep_tiff(image) or (
        isinstance(image, PngImagePlugin.PngImageFile) and bool(image.tile) and image.tile[0].args in _PNG_SAMPLES
    )


def decode_deep(image: Image.Image, name: str) -> tuple[Levels, Levels | None]:
    """Colour ``(H, W, 1, 3 or 4)`` and alpha ``(H, W)``, as stored; ``image`` is deep, or misread by Pillow."""
    data = whole_file(image, name)
    if is_deep_tiff(image) or misread(image):
        return decode_tiff(image, data, name)
    # The decoder reads the shape from the file again. It refuses to fill an array of another shape.
    raw_mode = str(cast(ImageFile.ImageFile, image).tile[0].args)
    samples = _PNG_SAMPLES[raw_mode] + ("transparency" in image.info)  # a colour key becomes an alpha
    shape = (image.height, image.width, samples)
    out = np.empty(shape if samples > 1 else shape[:2], np.uint16)
    stored = codecs_for("16 bits per channel").png_decode(data, out=out).reshape(shape)
    return (stored[..., :-1], stored[..., -1]) if samples in (2, 4) else (stored, None)


def as_srgb(colour: Levels, icc: bytes | None) -> Levels:
    """``colour``, grey, RGB or CMYK, as sRGB ``(H, W, 3)``. A broken or unsuitable profile is ignored."""
    channels = colour.shape[2]
    plain = colour if channels == 3 else np.repeat(colour, 3, axis=2)
    if channels == 4:
        ink = WHITE - colour.astype(np.uint32)
        plain = ((ink[..., :3] * ink[..., 3:] + WHITE // 2) // WHITE).astype(np.uint16)
    space = {b"GRAY": 1, b"CMYK": 4}.get(icc[16:20], 3) if icc else 0
    if not icc or (channels, space) not in ((1, 1), (1, 3), (3, 3), (4, 4)):  # grey pictures often have an RGB profile
        return plain
    own = colour if channels == 4 else plain if space == 3 else colour[..., 0]
    codecs: Any = codecs_for("16 bits per channel")
    flags = codecs.CMS.FLAGS
    try:
        srgb: Levels = codecs.cms_transform(
            own,
            icc,
            codecs.cms_profile("srgb"),
            colorspace={1: "gray", 4: "cmyk"}.get(space, "rgb"),
            outcolorspace="rgb",
            intent=codecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            # Optimisation would use a coarse table, with errors of thousands of the 65536 levels.
            flags=flags.BLACKPOINTCOMPENSATION | flags.NOOPTIMIZE,
        )
    except (codecs.CmsError, ValueError):
        return plain
    return srgb
