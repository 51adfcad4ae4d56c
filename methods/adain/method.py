"""Adaptive instance normalisation: any painting in one pass.

Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization" (arXiv 1703.06868).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from hub.method import Style
from hub.progress import Progress, ProgressCallback
from hub.weights import checked_config, load_strict
from methods.adain.network import STRIDE, AdaINNetwork, adain
from methods.parts.perceptual.statistics import Statistics, statistics
from methods.parts.style_vectors import SCALES, PaintingMethod, PaintingParameters, without_presets
from methods.parts.transformation.runner import pad_to_multiple

FeatureTransform = Callable[[Tensor, Statistics], Tensor]  # features and their statistics to other features

PHOTO = 0.25  # below this strength the result is mixed with the content image's own pixels
TILE = 96  # side of a tile in features: 768 pixels
HALO = 4  # features around a tile that its border depends on: 26 pixels on each side


class AdaINParameters(PaintingParameters):
    """What the method takes."""

    alpha: float = Field(
        1.0,
        ge=0,
        le=1,
        title="Alpha",
        description="Share of the painting's statistics in the features. 0 only encodes and decodes the photo; strength 0 "
        "gives the photo itself.",
    )
    stroke_size: float = Field(
        1.0,
        ge=SCALES[0],
        le=SCALES[-1],
        title="Stroke size",
        description="Size of the painting's strokes in pixels, as a factor.",
    )


class AdaINConfig(BaseModel):
    """The metadata in a file of weights."""

    model_config = ConfigDict(extra="ignore")

    blocks: tuple[tuple[int, ...], ...] = Field(min_length=4, max_length=5)
    presets: list[Style] = Field([], max_length=4096)


class AdaIN(PaintingMethod):
    """Encode, give the features the painting's statistics, decode."""

    Parameters = AdaINParameters

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        checked = checked_config(AdaINConfig, config, self.entry.name)
        self.network = AdaINNetwork(checked.blocks)
        load_strict(self.network, without_presets(tensors), self.entry.name)
        self.encoder, self.shape = self.network.encoder_hash(), self.network.shape
        self.keep_presets(checked.presets, tensors)
        self.place(self.network)

    def encode_painting(self, pixels: Tensor) -> Tensor:
        return self.network.describe(pixels)

    def stylize(self, content: Tensor, parameters: AdaINParameters, progress: ProgressCallback) -> Tensor:
        target = self.target_statistics(parameters)

        def transform(features: Tensor, own: Statistics) -> Tensor:
            return adain(features, own, target(own))

        return self.paint(content, [transform] * len(content), progress)

    def stylize_where(
        self,
        content: Tensor,
        where: Tensor,
        parameters: AdaINParameters,
        other: AdaINParameters | None,
        progress: ProgressCallback,
    ) -> Tensor:
        """Features are mixed, then decoded: ``D(w AdaIN(E(c), s) + (1 - w) E(c))``.

        Without another style, the result is mixed with the photo's own pixels where ``w`` is below ``PHOTO``: the
        decoder cannot reproduce them exactly.
        """
        target, elsewhere = self.target_statistics(parameters), None if other is None else self.target_statistics(other)

        def transform_in(place: Tensor) -> FeatureTransform:
            def transform(features: Tensor, own: Statistics) -> Tensor:
                one = adain(features, own, target(own))
                two = features if elsewhere is None else adain(features, own, elsewhere(own))
                weight = F.adaptive_avg_pool2d(pad_to_multiple(place, STRIDE), (features.shape[2], features.shape[3]))
                return torch.lerp(two, one, weight.to(features.dtype))

            return transform

        result = self.paint(content, [transform_in(place) for place in torch.split(where, 1)], progress)
        return result if other is not None else torch.lerp(content, result, (where / PHOTO).clamp(max=1))

    def target_statistics(self, parameters: AdaINParameters) -> Callable[[Statistics], Statistics]:
        """A function from a photo's statistics to the target: the painting's, mixed with the photo's own by alpha."""
        mean, deviation = self.blend(parameters.style).rows(parameters.stroke_size).to(self.device)
        style = Statistics(mean[None], deviation[None])
        return lambda own: Statistics(*(o.lerp(s, parameters.alpha) for o, s in zip(own, style, strict=True)))

    def paint(self, content: Tensor, transforms: Sequence[FeatureTransform], progress: ProgressCallback) -> Tensor:
        """Encode each picture, apply its transform to the features, decode."""
        height, width = content.shape[-2:]
        padded = pad_to_multiple(content, STRIDE).to(self.dtype)
        rows, columns = padded.shape[2] // STRIDE, padded.shape[3] // STRIDE
        tile = max(1, self.tile // STRIDE) if self.tile else TILE
        tiles = 2 * len(padded) * sum(1 for _ in pieces(rows, columns, tile))
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            progress(Progress(done, tiles))

        results = []
        for picture, transform in zip(torch.split(padded, 1), transforms, strict=True):
            features = tiled(self.network.encode, picture, STRIDE, 1, rows, columns, tile, advance)
            transformed = transform(features, statistics(features))
            del features
            results.append(tiled(self.network.decode, transformed, 1, STRIDE, rows, columns, tile, advance))
        return torch.cat(results)[..., :height, :width].float().clamp_(0, 1)


def pieces(rows: int, columns: int, tile: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Tiles of side ``tile`` that cover ``rows`` x ``columns`` features."""
    for top in range(0, rows, tile):
        for left in range(0, columns, tile):
            yield (top, min(top + tile, rows)), (left, min(left + tile, columns))


def tiled(
    network: Callable[[Tensor], Tensor],
    x: Tensor,
    before: int,
    after: int,
    rows: int,
    columns: int,
    tile: int,
    advance: Callable[[], None],
) -> Tensor:
    """``network(x)`` computed in tiles of ``rows`` x ``columns`` features: the same result, less memory.

    ``before`` and ``after`` are the pixels per feature, in each direction, of ``x`` and of the result. Each tile is
    computed with ``HALO`` more features on every side. The network must not use statistics of the whole picture.
    """
    result: Tensor | None = None
    for (top, bottom), (left, right) in pieces(rows, columns, tile):
        a, b, c, d = max(0, top - HALO), min(rows, bottom + HALO), max(0, left - HALO), min(columns, right + HALO)
        out = network(x[:, :, a * before : b * before, c * before : d * before])
        if result is None:
            if (bottom - top, right - left) == (rows, columns):
                advance()
                return out
            result = out.new_empty((1, out.shape[1], rows * after, columns * after))
        inner = out[:, :, (top - a) * after : (bottom - a) * after, (left - c) * after : (right - c) * after]
        result[:, :, top * after : bottom * after, left * after : right * after] = inner
        advance()
    assert result is not None
    return result
