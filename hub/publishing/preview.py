"""The small picture in a style file, which shows what the style does."""

import base64
from pathlib import Path

from PIL import Image

from hub.errors import StylehubError
from hub.images import encode_image, read_image
from hub.weights import read_metadata

PREVIEW = (144, 144)  # pixels at most


def encode_preview(picture: Image.Image) -> str:
    """A small JPEG of ``picture`` as text, for the metadata of a style file."""
    small = picture.convert("RGB")
    small.thumbnail(PREVIEW)
    return base64.b64encode(encode_image(small, "jpeg", quality=60)).decode("ascii")


def preview_of(path: Path) -> Image.Image | None:
    """The small picture in a style file; None where there is none that can be read."""
    try:
        return read_image(base64.b64decode(read_metadata(path)["preview"])).rgb
    except (KeyError, ValueError, StylehubError):
        return None
