"""Which places of a photo take their style from which places of the style photo.

By scene parsing, by masks of one's own whose colours are matched, or by both: a mask in the groups' own colours stands
for what parsing would have found.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from hub.errors import ParameterError
from hub.images import read_image, to_tensor
from hub.spatial import Map
from methods.parts.dense.guided import guided
from methods.parts.dense.segmentation.groups import GROUPS
from methods.parts.dense.segmentation.parse import Parser, parse

SMALLEST = 0.01  # share of a picture below which a group of things does not count as there
RARE = 0.002  # share of a mask below which a colour is an edge between two others
ALIKE = 60  # distance of two colours, in levels, up to which they may mean the same

Parsing = Literal["bundled", "segformer", "none"]  # what finds the groups, or nothing

logger = logging.getLogger(__name__)


class ColorMask(Map):
    """A mask of any number of colours, one a region: a picture in any form, or an array ``(H, W)`` of numbers."""

    def colors(self) -> NDArray[np.uint8]:
        """``(H, W, 3)``. Raises ``ImageError``."""
        if isinstance(self.source, Tensor | np.ndarray):
            plane = self.read()[0, 0].numpy()
            levels, index = np.unique(plane, return_inverse=True)
            if len(levels) > 256:
                raise ParameterError("A mask as an array holds the numbers of the regions, 256 at most; this has more.")
            spread = np.linspace(0, 255, max(2, len(levels)), dtype=np.uint8)[index.reshape(plane.shape)]
            return np.repeat(spread[..., None], 3, axis=2)
        return np.asarray(read_image(self.source).rgb)


@dataclass
class Region:
    """A part of the photo, ``(1, 1, H, W)`` in [0, 1], and what it takes its style from; None: the whole style photo."""

    name: str
    photo: Tensor
    style: Tensor | None


def colorize(masks: Tensor) -> Image.Image:
    """``(10, H, W)`` as a picture in the groups' colours; black where all of them are 0."""
    colors = torch.tensor([group.color for group in GROUPS], dtype=torch.uint8, device=masks.device)
    most, group = masks.max(0)
    picture = colors[group] * (most > 0)[..., None]
    return Image.fromarray(picture.cpu().numpy())


def regions(
    photo: Tensor,
    style: Tensor,
    photo_mask: ColorMask | None = None,
    style_mask: ColorMask | None = None,
    parser: Parsing = "bundled",
    fetching: Mapping[str, Any] | None = None,
) -> list[Region]:
    """The regions of ``photo`` ``(1, 3, H, W)``, which sum to 1 everywhere, with their counterparts in ``style``.

    Raises ``ImageError``, ``ParameterError``, and what ``parse`` does.
    """
    if photo_mask and style_mask:
        pairs = _by_color(photo, style, photo_mask, style_mask)
    elif parser == "none" and not (photo_mask or style_mask):
        return [Region("everything", torch.ones_like(photo[:, :1]), None)]
    else:
        both = []
        for pixels, given in ((photo, photo_mask), (style, style_mask)):
            if given is None and parser == "none":
                raise ParameterError("One mask alone needs scene parsing for the other picture: give --parser bundled.")
            both.append(parse(pixels, parser, fetching) if given is None else _of_groups(pixels, given))  # type: ignore[arg-type]
        return _warn_missing(paired(*both))
    return _warn_missing(_matched(pairs))


def paired(photo: Tensor, style: Tensor) -> list[Region]:
    """Of what ``parse`` gives for both, the groups that ``photo`` has: ``(1, 10, H, W)``."""
    return _matched({group.title: (photo[:, i : i + 1], style[:, i : i + 1]) for i, group in enumerate(GROUPS)})


def _matched(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> list[Region]:
    """Those that are there, made to sum to 1 again."""
    there = {name: pair for name, pair in pairs.items() if pair[0].mean() > SMALLEST}
    total = torch.stack([mask for mask, _ in there.values()]).sum(0).clamp_min(1e-3)
    return [
        Region(name, mask / total, counterpart if counterpart.mean() > SMALLEST else None)
        for name, (mask, counterpart) in there.items()
    ]


def _warn_missing(found: list[Region]) -> list[Region]:
    """``found``, with a warning of what takes its style from all of the style photo."""
    if missing := [region.name for region in found if region.style is None]:
        logger.warning("The style photo has no %s; there its style as a whole applies.", "; ".join(missing).lower())
    return found


def _of_groups(pixels: Tensor, mask: ColorMask) -> Tensor:
    """``(1, 10, H, W)`` of a mask in the groups' colours, every pixel the nearest."""
    palette, colors = np.array([group.color for group in GROUPS]), mask.colors()
    labels = _nearest(colors, palette)
    if np.median(np.linalg.norm(colors - palette[labels], axis=-1)) > ALIKE / 2:
        logger.warning(
            "%s is not in the colours of `stylehub scene`, which a mask alone is read in; each place counts as the nearest.",
            mask.name,
        )
    return _soft(labels, len(palette), pixels)


def _by_color(
    photo: Tensor, style: Tensor, photo_mask: ColorMask, style_mask: ColorMask
) -> dict[str, tuple[Tensor, Tensor]]:
    """Every colour of the photo's mask with the same, or the most alike, of the style's."""
    ours, theirs = photo_mask.colors(), style_mask.colors()
    own, other = _palette(ours), _palette(theirs)
    one = _soft(_nearest(ours, own), len(own), photo)
    two = _soft(_nearest(theirs, other), len(other), style)
    pairs = {}
    for i, color in enumerate(own):
        distance = np.linalg.norm(other - color, axis=1)
        j = int(distance.argmin())
        counterpart = two[:, j : j + 1] if distance[j] <= ALIKE else torch.zeros_like(two[:, :1])
        pairs["#{:02x}{:02x}{:02x}".format(*color)] = (one[:, i : i + 1], counterpart)
    return pairs


def _palette(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The colours of a mask ``(K, 3)``: those that are no mixtures along an edge, nor what JPEG made of another."""
    colors, counts = np.unique(mask.reshape(-1, 3), axis=0, return_counts=True)
    chosen: list[NDArray[np.int64]] = []
    for index in counts.argsort()[::-1]:
        color = colors[index].astype(np.int64)
        if counts[index] < RARE * counts.sum() and chosen:
            break
        if all(np.linalg.norm(color - known) > ALIKE / 2 for known in chosen):
            chosen.append(color)
    return np.stack(chosen)


def _nearest(mask: NDArray[np.uint8], palette: NDArray[np.int64]) -> NDArray[np.int64]:
    distances = np.stack([np.square(mask.astype(np.int32) - color).sum(-1) for color in palette])
    found: NDArray[np.int64] = distances.argmin(0)
    return found


def _soft(labels: NDArray[np.int64], count: int, pixels: Tensor) -> Tensor:
    """``(1, count, H, W)`` at the size of ``pixels``, whose edges it takes."""
    height, width = pixels.shape[-2:]
    if labels.shape != (height, width):
        drawn = labels.shape[1] / labels.shape[0]
        if abs(drawn / (width / height) - 1) > 0.02:
            logger.warning("A mask of another shape than its picture is stretched over it.")
        image = Image.fromarray(labels.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
        labels = np.asarray(image).astype(np.int64)
    planes = torch.nn.functional.one_hot(torch.from_numpy(labels).to(pixels.device), count).permute(2, 0, 1)[:, None].to(pixels)
    radius = max(1, min(height, width) // 128)
    soft = torch.cat([guided(pixels, pixels, plane[None], radius) for plane in planes], 1).clamp_(0, 1)
    return soft / soft.sum(1, keepdim=True).clamp_min(1e-3)


def scene(picture: Image.Image, parser: Parser = "bundled", fetching: Mapping[str, Any] | None = None) -> Image.Image:
    """What ``parse`` finds in ``picture``, as a mask of the same size in the groups' colours."""
    return colorize(parse(to_tensor(picture.convert("RGB")), parser, fetching)[0])
