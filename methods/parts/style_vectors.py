"""Style vectors: a painting encoded once, at several scales, in some kilobytes.

Vectors are cached by the hash of the painting's pixels, and can be saved and shared as files. ``PaintingMethod`` is the
base class of methods whose style is such a vector.
"""

import hashlib
import json
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from hub.errors import ImageError, UnknownName, WeightsError
from hub.files import user_cache
from hub.images import at_short_side, read_image, to_tensor
from hub.method import Method, Style
from hub.names import resolve
from hub.parameters import StrokeParameters, with_role
from hub.pictures import Pictures, named
from hub.spatial import other_style
from hub.weights import read_metadata, read_safetensors, write_safetensors
from methods.parts.paintings import is_flat
from methods.parts.transformation.runner import pad_to_multiple

if TYPE_CHECKING:
    from hub.images import Source

SCALES = (0.5, 2**-0.5, 1.0, 2**0.5, 2.0)  # the stroke sizes in a vector
SIDE = 512  # short side of the painting at a stroke size of 1
SMALLEST = 32  # least short side of a painting in pixels
PRESET = "presets."  # prefix of the presets' names among the tensors of a model

Describe = Callable[[Tensor], Tensor]  # a painting (1, 3, H, W) in [0, 1], sides multiples of 8, to (rows, C)


@dataclass(frozen=True)
class StyleVector:
    """``numbers`` ``(scales, rows, C)`` encode a painting at each of ``SCALES``; ``encoder`` is the sha256 of the encoder."""

    numbers: Tensor
    encoder: str

    def rows(self, stroke: float) -> Tensor:
        """The rows ``(rows, C)`` for a stroke size between 0.5 and 2, interpolated between two scales."""
        place = (math.log2(stroke) + 1) * 2
        low = min(max(int(place), 0), len(SCALES) - 2)
        return torch.lerp(self.numbers[low], self.numbers[low + 1], place - low)

    def save(self, path: Path | str) -> Path:
        """Write it as a safetensors file. Raises ``WeightsError``."""
        write_safetensors(Path(path), {"vector": self.numbers}, {"config": json.dumps({"vector_of": self.encoder})})
        return Path(path)


def read_vector(path: Path, encoder: str, shape: tuple[int, int], scales: Sequence[float] = SCALES) -> StyleVector:
    """The vector in ``path``. Raises ``WeightsError`` if it is missing, invalid, of another shape or of another encoder."""
    try:
        made_by = json.loads(read_metadata(path)["config"])["vector_of"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise WeightsError(f"{path} holds no style vector. `stylehub vector` makes one from a painting.") from None
    if made_by != encoder:
        raise WeightsError(
            f"{path} was made by another encoder ({str(made_by)[:12]} instead of {encoder[:12]}); make it again from the painting."
        )
    numbers = read_safetensors(path).get("vector")
    if numbers is None or not _is_vector(numbers, shape, scales):
        raise WeightsError(f"{path} holds no valid style vector. Make it again with `stylehub vector`.")
    return StyleVector(numbers.float(), encoder)


def short_side(stroke_size: float = 1.0) -> int:
    """The short side in pixels at which a painting is encoded for ``stroke_size``."""
    return round(SIDE * stroke_size)


@torch.inference_mode()
def vector_of(
    painting: Image.Image,
    encoder: str,
    shape: tuple[int, int],
    describe: Describe,
    scales: Sequence[float] = SCALES,
) -> StyleVector:
    """The vector of an RGB ``painting``: ``describe`` at each of ``scales``. It is cached by pixels and ``encoder``.

    Raises ``ImageError`` for a painting that is too small or has one colour only.
    """
    if min(painting.size) < SMALLEST:
        raise ImageError(
            f"The painting has {painting.width}x{painting.height} pixels; the encoder needs {SMALLEST} at least, "
            "choose a larger one."
        )
    if is_flat(painting):
        raise ImageError("The painting has one colour only; choose another picture.")
    key = hashlib.sha256(f"{painting.size} {encoder}".encode() + painting.tobytes()).hexdigest()
    path = user_cache() / "vectors" / f"{key}.safetensors"
    if path.is_file():
        with suppress(WeightsError):
            return read_vector(path, encoder, shape, scales)
    rows = [describe(pad_to_multiple(to_tensor(at_short_side(painting, short_side(s))), 8)) for s in scales]
    vector = StyleVector(torch.stack(rows).float().cpu(), encoder)
    with suppress(WeightsError):  # if the cache cannot be written, the vector is computed again next time
        vector.save(path)
    return vector


def blend(vectors: Sequence[tuple[StyleVector, float]]) -> StyleVector:
    """The weighted mean of vectors of one encoder; the shares sum to 1.

    For AdaIN this equals the paper's style interpolation (equation 15), the mean of the features after AdaIN: these are
    linear in the vectors.
    """
    numbers = torch.stack([vector.numbers * share for vector, share in vectors]).sum(0)
    return StyleVector(numbers, vectors[0][0].encoder)


class PaintingParameters(StrokeParameters):
    """The parameters of every such method."""

    style: Pictures = with_role(
        "style",
        title="Painting",
        description="A painting, a style vector (.safetensors) or the name of a preset; or several with their shares.",
    )
    other: Pictures | None = other_style()


class PaintingMethod(Method):
    """A method whose style is a painting, a vector in a file, the name of a preset, or a blend of these.

    ``setup`` sets ``encoder``, the sha256 of the network behind ``encode_painting``, and ``shape``, the shape of a
    vector's rows. ``scales`` are the stroke sizes in a vector.
    """

    scales: ClassVar[tuple[float, ...]] = SCALES
    encoder: str
    shape: tuple[int, int]

    @abstractmethod
    def encode_painting(self, pixels: Tensor) -> Tensor:
        """The rows, of shape ``self.shape``, of a painting ``(1, 3, H, W)`` in [0, 1] whose sides are multiples of 8."""

    def keep_presets(self, presets: Sequence[Style], tensors: Mapping[str, Tensor]) -> None:
        """Take the vectors of ``presets`` out of a model's ``tensors`` (untrusted). Raises ``WeightsError``."""
        self._styles = {style.name: style for style in presets}
        self.presets: dict[str, StyleVector] = {}
        for name in self._styles:
            numbers = tensors.get(PRESET + name)
            if numbers is None or not _is_vector(numbers, self.shape, self.scales):
                raise WeightsError(
                    f"{self.entry.name} holds no valid vector of its preset {name!r}. Download the weights again."
                )
            self.presets[name] = StyleVector(numbers.float(), self.encoder)

    @property
    def styles(self) -> Mapping[str, Style]:
        return self._styles

    def resolve(self, parameters: Any) -> Any:
        """Complete the names of presets. The picture reader refuses names that are neither a preset nor a file."""
        given: Pictures = parameters.style
        pictures, names = list(given.pictures), list(given.names)
        for index, picture in enumerate(pictures):
            if isinstance(picture, str) and self._styles and not Path(picture).suffix and not Path(picture).exists():
                try:
                    pictures[index] = names[index] = resolve(picture, self._styles, "preset")
                except UnknownName as error:
                    raise UnknownName(f"{error} A painting is given as a file.") from None
        return parameters.model_copy(update={"style": Pictures(pictures, given.shares, names)})

    def vector(self, painting: "Source") -> StyleVector:
        """The vector of ``painting``: a preset's name, a file with a vector, or a picture."""
        if isinstance(painting, str) and painting in self.presets:
            return self.presets[painting]
        if isinstance(painting, str | Path) and Path(painting).suffix == ".safetensors":
            return self.read_vector(Path(painting))
        with named(painting):
            return vector_of(read_image(painting).visible, self.encoder, self.shape, self.encode_painting, self.scales)

    def read_vector(self, path: Path) -> StyleVector:
        """The vector in a file of ``save_vector``. Raises ``WeightsError``."""
        return read_vector(path, self.encoder, self.shape, self.scales)

    def blend(self, paintings: Pictures) -> StyleVector:
        """The weighted mean of the vectors of ``paintings``."""
        chosen = zip(paintings.pictures, paintings.shares, strict=True)
        return blend([(self.vector(picture), share) for picture, share in chosen if share])

    def adopt(self, style: Style, tensors: Mapping[str, Tensor]) -> None:
        """Take a shared vector as one more preset."""
        numbers = tensors.get("vector")
        if numbers is None or not _is_vector(numbers, self.shape, self.scales):
            raise WeightsError(f"{style.name} holds no valid style vector. Make it again with `stylehub vector`.")
        self.presets[style.name] = StyleVector(numbers.float(), self.encoder)
        self._styles[style.name] = style

    def save_vector(self, paintings: Pictures, path: Path) -> None:
        self.blend(paintings).save(path)


def without_presets(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a model without its presets."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(PRESET)}


def _is_vector(numbers: Tensor, shape: tuple[int, int], scales: Sequence[float]) -> bool:
    return numbers.shape == (len(scales), *shape) and bool(numbers.isfinite().all())
