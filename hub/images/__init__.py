"""Pictures in and out: whatever a user has becomes upright 8-bit sRGB, and results are written whole or not at all."""

from hub.images.finding import FORMATS as FORMATS
from hub.images.finding import READ_EXTENSIONS as READ_EXTENSIONS
from hub.images.finding import find_images as find_images
from hub.images.finding import find_named as find_named
from hub.images.metadata import read_recipe as read_recipe
from hub.images.reading import MAX_BYTES as MAX_BYTES
from hub.images.reading import MAX_PIXELS as MAX_PIXELS
from hub.images.reading import Photo as Photo
from hub.images.reading import Source as Source
from hub.images.reading import read_image as read_image
from hub.images.reading import read_size as read_size
from hub.images.tensors import LUMA as LUMA
from hub.images.tensors import at_short_side as at_short_side
from hub.images.tensors import is_flat as is_flat
from hub.images.tensors import resized as resized
from hub.images.tensors import to_image as to_image
from hub.images.tensors import to_levels as to_levels
from hub.images.tensors import to_tensor as to_tensor
from hub.images.writing import encode_image as encode_image
from hub.images.writing import save as save
from hub.images.writing import write_encoded as write_encoded
from hub.images.writing import write_image as write_image
