"""A painting as a method sees it: means and deviations of its features at several scales, some kilobytes.

Made once from the painting, kept by the hash of its pixels, saved and shared as a file.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from hub.errors import ImageError, WeightsError
from hub.files import user_cache
from hub.images import at_short_side, is_flat, to_tensor
from hub.weights import read_metadata, read_safetensors, write_safetensors
from methods.adain.network import AdaINNetwork, Statistics, statistics
from methods.parts.painter import pad_to_multiple

SCALES = (0.5, 2**-0.5, 1.0, 2**0.5, 2.0)  # stroke sizes that a vector holds
SIDE = 512  # short side of the painting at a stroke size of 1
SMALLEST = 32


@dataclass(frozen=True)
class StyleVector:
    """``numbers`` is ``(scales, 2, C)``: at each of ``SCALES`` the means, then the deviations of ``encoder``'s features."""

    numbers: Tensor
    encoder: str

    def at(self, stroke: float) -> Statistics:
        """The statistics ``(1, C)`` for a stroke size between 0.5 and 2; between the scales there are, the mean of both."""
        place = (math.log2(stroke) + 1) * 2
        low = min(max(int(place), 0), len(SCALES) - 2)
        mean, deviation = torch.lerp(self.numbers[low], self.numbers[low + 1], place - low)
        return Statistics(mean[None], deviation[None])

    def save(self, path: Path | str) -> Path:
        """Write it as a safetensors file. Raises ``WeightsError``."""
        write_safetensors(Path(path), {"vector": self.numbers}, {"config": json.dumps({"vector_of": self.encoder})})
        return Path(path)


def read_vector(path: Path, encoder: str) -> StyleVector:
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
    if numbers is None or numbers.ndim != 3 or numbers.shape[:2] != (len(SCALES), 2) or not numbers.isfinite().all():
        raise WeightsError(f"{path} is broken: its style vector is none; make it again from the painting.")
    return StyleVector(numbers.float(), encoder)


@torch.inference_mode()
def vector_of(painting: Image.Image, network: AdaINNetwork, encoder: str) -> StyleVector:
    """The vector of an RGB ``painting``, remembered. Raises ``ImageError`` for one that has no style."""
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
            return read_vector(path, encoder)
    parameter = next(network.parameters())
    rows = []
    for scale in SCALES:
        pixels = pad_to_multiple(to_tensor(at_short_side(painting, round(SIDE * scale))), 8)
        found = statistics(network.encode(pixels.to(parameter.device, parameter.dtype)))
        rows.append(torch.stack([found.mean[0], found.deviation[0]]))
    vector = StyleVector(torch.stack(rows).cpu(), encoder)
    with suppress(WeightsError):  # a disk that takes nothing costs the time again
        vector.save(path)
    return vector


def blend(vectors: Sequence[tuple[StyleVector, float]]) -> StyleVector:
    """The mean of several of one encoder by shares that sum to 1.

    Decoding it is the paper's style interpolation (equation 15), which averages features that AdaIN has changed: they are
    linear in these numbers.
    """
    numbers = torch.stack([vector.numbers * share for vector, share in vectors]).sum(0)
    return StyleVector(numbers, vectors[0][0].encoder)
