"""A painting as a method sees it: means and deviations of its features at several scales, some kilobytes.

Made once from the painting, kept by the hash of its pixels, saved and shared as a file.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from hub.errors import ImageError, UnknownName, WeightsError
from hub.files import user_cache
from hub.images import at_short_side, is_flat, to_tensor
from hub.method import Style
from hub.names import resolve
from hub.pictures import Pictures
from hub.weights import read_metadata, read_safetensors, write_safetensors
from methods.adain.network import AdaINNetwork, Statistics, statistics
from methods.parts.painter import pad_to_multiple

SCALES = (0.5, 2**-0.5, 1.0, 2**0.5, 2.0)  # stroke sizes that a vector holds
SIDE = 512  # short side of the painting at a stroke size of 1
SMALLEST = 32


@dataclass(frozen=True)
class StyleVector:
    """``numbers`` is ``(scales, rows, C)``: what ``encoder`` says of a painting at each of ``SCALES``.

    For AdaIN the two rows are the means and the deviations of its encoder's features.
    """

    numbers: Tensor
    encoder: str

    def at(self, stroke: float) -> Statistics:
        """The statistics ``(1, C)`` for a stroke size between 0.5 and 2, of a vector of two rows."""
        mean, deviation = self.rows(stroke)
        return Statistics(mean[None], deviation[None])

    def rows(self, stroke: float) -> Tensor:
        """The rows ``(rows, C)`` for a stroke size between 0.5 and 2; between two scales, in proportion."""
        place = (math.log2(stroke) + 1) * 2
        low = min(max(int(place), 0), len(SCALES) - 2)
        return torch.lerp(self.numbers[low], self.numbers[low + 1], place - low)

    def save(self, path: Path | str) -> Path:
        """Write it as a safetensors file. Raises ``WeightsError``."""
        write_safetensors(Path(path), {"vector": self.numbers}, {"config": json.dumps({"vector_of": self.encoder})})
        return Path(path)


def read_vector(path: Path, encoder: str, rows: int = 2) -> StyleVector:
    """Raises ``WeightsError`` when ``path`` holds no vector, a broken one, or one of another encoder."""
    try:
        made_by = json.loads(read_metadata(path)["config"])["vector_of"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise WeightsError(f"{path} holds no style vector; `stylehub vector` makes one of a painting.") from None
    if made_by != encoder:
        raise WeightsError(
            f"{path} was made by another encoder ({str(made_by)[:12]} instead of {encoder[:12]}); make it again from the painting."
        )
    numbers = read_safetensors(path).get("vector")
    if numbers is None or numbers.ndim != 3 or numbers.shape[:2] != (len(SCALES), rows) or not numbers.isfinite().all():
        raise WeightsError(f"{path} holds no valid style vector; make it again with `stylehub vector`.")
    return StyleVector(numbers.float(), encoder)


def vector_of(painting: Image.Image, network: AdaINNetwork, encoder: str) -> StyleVector:
    """The vector of an RGB ``painting`` by AdaIN's encoder, remembered. Raises ``ImageError`` for one that has no style."""
    parameter = next(network.parameters())

    def means_and_deviations(pixels: Tensor) -> Tensor:
        found = statistics(network.encode(pixels.to(parameter.device, parameter.dtype)))
        return torch.cat([found.mean, found.deviation])

    return measured(painting, encoder, means_and_deviations)


@torch.inference_mode()
def measured(painting: Image.Image, encoder: str, measure: Callable[[Tensor], Tensor]) -> StyleVector:
    """``measure`` of an RGB ``painting`` at every scale, remembered by the painting's pixels and ``encoder``.

    ``measure`` takes ``(1, 3, H, W)`` in [0, 1] with sides that are multiples of 8 and gives ``(rows, C)``. Raises
    ``ImageError`` for a painting that has no style.
    """
    if min(painting.size) < SMALLEST:
        raise ImageError(
            f"The painting has {painting.width}x{painting.height} pixels; the encoder needs {SMALLEST} at least, "
            "choose a larger one."
        )
    if is_flat(painting):
        raise ImageError("The painting has one colour only, which is no style; choose another picture.")
    key = hashlib.sha256(f"{painting.size} {encoder}".encode() + painting.tobytes()).hexdigest()
    path = user_cache() / "vectors" / f"{key}.safetensors"
    if path.is_file():
        with suppress(WeightsError):
            found = read_safetensors(path)["vector"]
            return StyleVector(found.float(), encoder)
    rows = [measure(pad_to_multiple(to_tensor(at_short_side(painting, round(SIDE * s))), 8)) for s in SCALES]
    vector = StyleVector(torch.stack(rows).float().cpu(), encoder)
    with suppress(WeightsError):  # a disk that takes nothing costs the time again
        vector.save(path)
    return vector


def preset_names_in_full(given: Pictures, presets: Mapping[str, Style]) -> Pictures:
    """``given`` with names of ``presets`` in full. What is neither a file nor a preset is left for the reader of pictures."""
    pictures, names = list(given.pictures), list(given.names)
    for index, picture in enumerate(pictures):
        if isinstance(picture, str) and presets and not Path(picture).suffix and not Path(picture).exists():
            try:
                pictures[index] = names[index] = resolve(picture, presets, "preset")
            except UnknownName as error:
                raise UnknownName(f"{error} A painting is given as a file.") from None
    return Pictures(pictures, given.shares, names)


def blend(vectors: Sequence[tuple[StyleVector, float]]) -> StyleVector:
    """The mean of several of one encoder by shares that sum to 1.

    Decoding it is the paper's style interpolation (equation 15), which averages features that AdaIN has changed: they are
    linear in these numbers.
    """
    numbers = torch.stack([vector.numbers * share for vector, share in vectors]).sum(0)
    return StyleVector(numbers, vectors[0][0].encoder)
