"""Read pictures as upright 8-bit sRGB, and write results atomically."""

from hub.images.finding import FORMATS, READ_EXTENSIONS, find_images
from hub.images.metadata import PHOTO, Keep
from hub.images.opening import MAX_BYTES, MAX_PIXELS, Source
from hub.images.reading import Photo, read_image, read_plane, read_size
from hub.images.tensors import LUMA, at_short_side, resized, size_at_short_side, to_image, to_levels, to_tensor
from hub.images.writing import encode_image, format_of, save, write_encoded, write_image

__all__ = (
    "FORMATS", "LUMA", "MAX_BYTES", "MAX_PIXELS", "PHOTO", "READ_EXTENSIONS", "Keep", "Photo", "Source",
    "at_short_side", "encode_image", "find_images", "format_of", "read_image", "read_plane",
    "read_size", "resized", "save", "size_at_short_side", "to_image", "to_levels", "to_tensor", "write_encoded",
    "write_image",
)  # fmt: skip
