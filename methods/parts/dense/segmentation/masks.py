"""Pairs of regions in a photo and in a style photo.

They come from scene parsing of both, or from two masks whose colours are matched. One mask alone must be in the colours
of the groups; the other picture is then parsed.
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
from hub.images.opening import opened
from hub.images.reading import decoded
from hub.spatial import Map
from methods.parts.dense.guided import guided
from methods.parts.dense.segmentation.groups import GROUPS
from methods.parts.dense.segmentation.parse import Parser, parse

SMALLEST = 0.01  # a region with a smaller share of its picture is left out
RARE = 0.002  # a colour with a smaller share of a mask is an edge between two other colours
_SIDES = ((0, 1), (2, 1), (1, 0), (1, 2))  # rows and columns of the neighbours, counted from the upper left
LABELS = 32  # colours at most in a picture that is a mask of labels
MOST = 256  # regions at most
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF")  # formats that change colours
ALIKE = 60  # largest distance, in levels, of two colours that may mean the same region

Parsing = Literal["bundled", "segformer", "none"]  # the network for scene parsing

logger = logging.getLogger(__name__)


class ColorMask(Map):
    """A mask with one colour per region: a picture in any form, or an array ``(H, W)`` with a number per region."""

    def colors(self) -> NDArray[np.uint8]:
        """``(H, W, 3)``. Raises ``ImageError``."""
        if isinstance(self.source, Tensor | np.ndarray):
            plane = self.read()[0, 0].numpy()
            if len(np.unique(plane)) > MOST:
                raise ParameterError("A mask as an array holds the numbers of the regions, 256 at most; this has more.")
            return _spread(plane)
        return np.asarray(read_image(self.source).on_black)

    def codes(self) -> NDArray[np.int64] | None:
        """A number per colour, ``(H, W)``: 0xRRGGBB, or what is stored if it exceeds 255; None if the colours are not exact.

        Raises ``ImageError``.
        """
        if isinstance(self.source, Tensor | np.ndarray):
            plane = np.asarray(self.source.cpu() if isinstance(self.source, Tensor) else self.source)
            if plane.ndim != 2 or plane.size == 0 or plane.dtype.kind not in "iuf" or not np.isfinite(plane).all():
                return None
            if (plane != np.floor(plane)).any():
                return None
        else:
            with opened(self.source) as (image, name):
                if image.format in LOSSY and not _is_lossless_webp(image):
                    return None
                plane = np.asarray(image if image.mode.startswith("I") else decoded(image, name).on_black)
        found: NDArray[np.int64] = plane.astype(np.int64)
        if found.ndim == 3:
            found = found @ np.array([0x10000, 0x100, 1])
        elif found.min() < 0:
            return None
        else:
            found = np.where(found < 256, found * 0x010101, found)
        return found

    def is_labels(self, codes: NDArray[np.int64]) -> bool:
        """Whether each of ``codes`` is a region, however close the colours are.

        In an array it always is. In a picture it is guessed from few colours of which some are too close to be told apart.
        """
        if isinstance(self.source, Tensor | np.ndarray):
            return True
        # Levels of a soft edge have no pixels with neighbours of the same level on all sides.
        inner = codes[1:-1, 1:-1]
        solid = inner[
            np.all([inner == codes[y : y + inner.shape[0], x : x + inner.shape[1]] for y, x in _SIDES], axis=0)
        ]
        found, counts = np.unique(solid, return_counts=True)
        common = found[counts >= SMALLEST * codes.size]
        if not 2 <= len(common) <= LABELS or np.isin(codes, common).mean() < 0.9 or len(np.unique(codes)) > MOST:
            return False
        known = np.stack([common >> 16, common >> 8 & 255, common & 255], 1)
        distances = np.linalg.norm(known[:, None] - known[None], axis=2) + 1e9 * np.eye(len(known))
        if distances.min() > ALIKE:
            return False
        logger.warning("%s has few colours, some of them close, so each one counts as a region of its own.", self.name)
        return True


@dataclass
class Region:
    """A region of the photo and the same region of the style photo."""

    name: str
    photo: Tensor  # its mask (1, 1, H, W) in [0, 1]
    style: Tensor | None  # its mask; None stands for the whole style photo


def _is_lossless_webp(image: Image.Image) -> bool:
    stream: Any = getattr(image, "fp", None)
    if image.format != "WEBP" or stream is None:
        return False
    place = stream.tell()
    stream.seek(0)
    head = stream.read(64)
    stream.seek(place)
    return b"VP8L" in head


def colorize(masks: Tensor) -> Image.Image:
    """Draw masks ``(10, H, W)`` in the groups' colours; black where all masks are 0."""
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
    """The regions of ``photo`` ``(1, 3, H, W)`` with their counterparts in ``style``. Their masks sum to 1 at every pixel.

    Raises ``ImageError``, ``ParameterError``, and the errors of ``parse``.
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
    """The regions of two results of ``parse``, ``(1, 10, H, W)`` each: one for each group that ``photo`` has."""
    return _matched({group.title: (photo[:, i : i + 1], style[:, i : i + 1]) for i, group in enumerate(GROUPS)})


def _matched(pairs: Mapping[str, tuple[Tensor, Tensor]]) -> list[Region]:
    """Leave out regions that are too small; scale the other masks to a sum of 1."""
    kept = {name: pair for name, pair in pairs.items() if pair[0].mean() > SMALLEST}
    total = torch.stack([mask for mask, _ in kept.values()]).sum(0).clamp_min(1e-3)
    return [
        Region(name, mask / total, counterpart if counterpart.mean() > SMALLEST else None)
        for name, (mask, counterpart) in kept.items()
    ]


def _warn_missing(found: list[Region]) -> list[Region]:
    """``found``; warns about regions that the style photo lacks."""
    if missing := [region.name for region in found if region.style is None]:
        logger.warning(
            "The style photo has no %s; these regions take the whole style photo.", "; ".join(missing).lower()
        )
    return found


def _of_groups(pixels: Tensor, mask: ColorMask) -> Tensor:
    """The groups ``(1, 10, H, W)`` of a mask in the groups' colours; each pixel counts as the nearest colour."""
    palette, colors = np.array([group.color for group in GROUPS]), mask.colors()
    labels = _nearest(colors, palette)
    if np.median(np.linalg.norm(colors - palette[labels], axis=-1)) > ALIKE / 2:
        logger.warning(
            "%s is not in the colours of `stylehub scene`, as a single mask must be. Each pixel counts as the nearest colour.",
            mask.name,
        )
    return _soft(labels, len(palette), pixels)


def _by_color(
    photo: Tensor, style: Tensor, photo_mask: ColorMask, style_mask: ColorMask
) -> dict[str, tuple[Tensor, Tensor]]:
    """Match each colour of the photo's mask with the nearest of the style's mask; labels only with the same label."""
    codes, others = photo_mask.codes(), style_mask.codes()
    labels = codes is not None and photo_mask.is_labels(codes), others is not None and style_mask.is_labels(others)
    if codes is not None and others is not None and any(labels):
        subset = np.isin(codes, others).all() or np.isin(others, codes).all()
        if all(labels) or subset:
            return _by_label(photo, style, codes, others)
    ours = _spread(codes) if codes is not None and labels[0] else photo_mask.colors()
    theirs = _spread(others) if others is not None and labels[1] else style_mask.colors()
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


def _by_label(
    photo: Tensor, style: Tensor, ours: NDArray[np.int64], theirs: NDArray[np.int64]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Match each label of ``ours`` ``(H, W)`` with the same label of ``theirs``."""
    own, other = np.unique(ours), np.unique(theirs)
    if max(len(own), len(other)) > MOST:
        raise ParameterError("A mask holds the numbers of the regions, 256 at most; this one has more.")
    one = _soft(np.searchsorted(own, ours), len(own), photo)
    two = dict(zip(other.tolist(), _soft(np.searchsorted(other, theirs), len(other), style).unbind(1), strict=True))
    missing = torch.zeros_like(style[:, 0])
    return {f"#{code:06x}": (one[:, i : i + 1], two.get(code, missing)[:, None]) for i, code in enumerate(own.tolist())}


def _spread(labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Greys ``(H, W, 3)`` from black to white, one for each label."""
    found, index = np.unique(labels, return_inverse=True)
    greys = np.linspace(0, 255, max(2, len(found))).astype(np.uint8)[index.reshape(labels.shape)]
    return np.repeat(greys[..., None], 3, axis=2)


def _palette(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The region colours of a mask ``(K, 3)``, without mixed colours at edges and without JPEG errors."""
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
    """One soft mask per label, ``(1, count, H, W)``, at the size of ``pixels``; their edges follow those of ``pixels``."""
    height, width = pixels.shape[-2:]
    if labels.shape != (height, width):
        drawn = labels.shape[1] / labels.shape[0]
        if abs(drawn / (width / height) - 1) > 0.02:
            logger.warning("A mask has another aspect ratio than its picture, so it is stretched.")
        image = Image.fromarray(labels.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
        labels = np.asarray(image).astype(np.int64)
    spread = torch.nn.functional.one_hot(torch.from_numpy(labels).to(pixels.device), count)
    planes = spread.permute(2, 0, 1)[:, None].to(pixels)
    radius = max(1, min(height, width) // 128)
    soft = torch.cat([guided(pixels, pixels, plane[None], radius) for plane in planes], 1).clamp_(0, 1)
    return soft / soft.sum(1, keepdim=True).clamp_min(1e-3)


def scene(picture: Image.Image, parser: Parser = "bundled", fetching: Mapping[str, Any] | None = None) -> Image.Image:
    """The result of ``parse`` as a mask of the size of ``picture``, in the groups' colours."""
    return colorize(parse(to_tensor(picture.convert("RGB")), parser, fetching)[0])
