"""Pictures of more than 8 bits a channel, decoded and converted to sRGB at 16 bits by imagecodecs (the extra ``deep``).

Pillow keeps only 8 bits of a colour. It reads the header, so that limits and errors are those of every picture.
"""

from typing import Any, cast

import numpy as np
from PIL import Image, ImageFile, PngImagePlugin

from hub.images.opening import whole_file
from hub.images.tiff import Levels, codecs_for, decode_tiff, is_deep_tiff, misread

_PNG_SAMPLES = {"I;16B": 1, "LA;16B": 2, "RGB;16B": 3, "RGBA;16B": 4}  # Pillow's raw modes


def is_deep(image: Image.Image) -> bool:
    """Whether the header announces grey or RGB with more than 8 bits per channel."""
    return is_deep_tiff(image) or (
        isinstance(image, PngImagePlugin.PngImageFile) and bool(image.tile) and image.tile[0].args in _PNG_SAMPLES
    )


def decode_deep(image: Image.Image, name: str) -> tuple[Levels, Levels | None]:
    """Colour ``(H, W, 1 or 3)`` and alpha ``(H, W)``, as stored; ``image`` is deep, or misread by Pillow."""
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
    """``colour`` ``(H, W, 1 or 3)`` as sRGB ``(H, W, 3)``. A broken or unsuitable profile is ignored."""
    plain = colour if colour.shape[2] == 3 else np.repeat(colour, 3, axis=2)
    if not icc:
        return plain
    codecs: Any = codecs_for("16 bits per channel")
    by_grey = colour.shape[2] == 1 and icc[16:20] == b"GRAY"  # grey pictures often have an RGB profile instead
    flags = codecs.CMS.FLAGS
    try:
        srgb: Levels = codecs.cms_transform(
            colour[..., 0] if by_grey else plain,
            icc,
            codecs.cms_profile("srgb"),
            colorspace="gray" if by_grey else "rgb",
            outcolorspace="rgb",
            intent=codecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            # Optimisation would use a coarse table, with errors of thousands of the 65536 levels.
            flags=flags.BLACKPOINTCOMPENSATION | flags.NOOPTIMIZE,
        )
    except (codecs.CmsError, ValueError):
        return plain
    return srgb
