"""The same painting at any size: a draft with large strokes, then revisions that add fine strokes up to the photo's size.

After Lin et al. 2021, "Drafting and Revision: Laplacian Pyramid Network for Fast High-Quality Artistic Style Transfer"
(arXiv 2104.05376); here the same network drafts and revises, without extra training. With the photo ``p``, the painting
so far ``R``, reduction to its size ``D`` and enlargement ``U``:

    d = p + a U(R - D(p))       the photo with part of the painting's colours and large shapes
    q = the method's painting of d
    next R = q + U(R - D(q))    the fine strokes of q on the large strokes of R

Corrections are small, enlarged band by band and added in place, so a revision needs no more memory than one pass.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.images.tensors import resized, with_lightness
from hub.progress import ProgressCallback

STEP = 4  # largest ratio of a revision's size to the painting before it
# A revision keeps the painting before it at this scale, but at most what the draft has. At 1 all detail is kept; a lower
# scale gives paint that looks more like one pass at full size, but keeps the photo's shapes less well.
CUT = 0.75
# The scale, beside the draft, of colours apart from lightness: small strokes of another colour would become fringes.
COLOR_CUT = 0.25
# The share ``a`` of the painting in the picture that a revision paints. At 1 the painting is painted twice, which loses more
# of the photo's content; at 0 the strokes do not follow the painting.
SHARE = 0.8
NEARLY = 1.25  # a photo that is at most this much larger than the draft is painted in one pass
BAND = 64  # rows or columns at a time

BASES = {"medium": 512, "large": 256}  # short side of the draft in pixels

# A function of a list with one tensor (N, 3, H, W), which it pops so that its memory can be freed early.
Paint = Callable[[list[Tensor], ProgressCallback], Tensor]
Size = tuple[int, int]  # rows and columns


def sizes(photo: Tensor, stroke: str | int | None) -> list[Size]:
    """The sizes of the draft and every revision for ``photo`` ``(N, 3, H, W)``; the last is the photo's size.

    The photo's size is the only one if ``stroke`` is "fine" or None, or if the photo is hardly larger than the draft.
    """
    height, width = photo.shape[2], photo.shape[3]
    short = min(height, width)
    base = draft_size(stroke)
    if base is None or short <= base * NEARLY:
        return [(height, width)]
    steps = max(1, math.ceil(math.log(short / base, STEP)))
    scales = [(base / short) ** (1 - step / steps) for step in range(steps)]
    return [(max(1, round(height * s)), max(1, round(width * s))) for s in scales] + [(height, width)]


def draft_size(stroke: str | int | None) -> int | None:
    """The short side of the draft in pixels; None: one pass at the photo's size."""
    return BASES.get(stroke) if isinstance(stroke, str) else stroke


def paint_in_levels(photo: list[Tensor], levels: Sequence[Size], paint: Paint, report: ProgressCallback) -> Tensor:
    """Paint ``photo`` at the last of ``levels``: a draft at the first, revisions at the others.

    ``photo`` is a list with one tensor ``(N, 3, H, W)`` in [0, 1], which is popped and overwritten.
    """
    pictures = [photo]
    for size in reversed(levels[:-1]):  # each from the next larger one, as a revision reduces it
        pictures.insert(0, [resized(pictures[0][0], size)])
    reduced = [picture[0].clone() for picture in pictures[:-1]]
    areas = [height * width for height, width in levels]
    painting = paint(pictures[0], _part(report, 0, areas))
    for level, picture in enumerate(pictures[1:], start=1):
        small = (painting.shape[2], painting.shape[3])
        add_enlarged(picture[0], SHARE * (painting - resized(reduced.pop(0), small)))
        result = paint(picture, _part(report, level, areas))
        add_enlarged(result, _large_strokes(painting - resized(result, small), levels[0][0] / small[0]))
        painting = result
    return painting


def _part(report: ProgressCallback, level: int, areas: Sequence[int]) -> ProgressCallback:
    """``report`` for one level: its part of the whole progress is its share of the pixels."""
    if len(areas) == 1:
        return report
    before, own, of = sum(areas[:level]), areas[level], sum(areas)
    return lambda p: report(replace(p, step=round(1000 * (before + own * p.step / p.of) / of), of=1000))


def _large_strokes(correction: Tensor, draft: float) -> Tensor:
    """The part of ``correction`` that a revision keeps; ``draft`` is the draft's scale beside it, 1 in the first revision."""
    scales = (min(CUT, draft), COLOR_CUT * draft)
    sizes = ([max(1, round(side * scale)) for side in correction.shape[2:]] for scale in scales)
    light, color = (F.interpolate(correction, s, mode="bicubic", antialias=True, align_corners=False) for s in sizes)
    return with_lightness(F.interpolate(color, light.shape[2:], mode="bicubic", align_corners=False), light)


def add_enlarged(picture: Tensor, correction: Tensor) -> None:
    """Add the bicubically enlarged ``correction`` ``(N, C, h, w)`` to ``picture`` ``(N, C, H, W)`` in place; clamp to [0, 1]."""
    channels, height, width = picture.shape[1:]
    beside = picture.stride(1) == 1 and picture.stride(3) == channels  # as networks leave channels
    correction = correction.contiguous(memory_format=torch.channels_last if beside else torch.contiguous_format)
    across = list(_bands(width, correction.shape[3], correction.device, channels if beside else 1))

    def rows(x: Tensor) -> list[Tensor]:
        return [item.permute(1, 2, 0).flatten(1) for item in x] if beside else [plane for item in x for plane in item]

    for target, source, matrix in _bands(height, correction.shape[2], correction.device):
        for plane, own in zip(rows(picture), rows(correction), strict=True):
            wide = torch.cat([own[source, columns] @ weights.T for _, columns, weights in across], 1)
            plane[target].addmm_(matrix, wide).clamp_(0, 1)


def _bands(size: int, source: int, device: torch.device, channels: int = 1) -> Iterator[tuple[slice, slice, Tensor]]:
    """The enlargement of ``source`` numbers to ``size``, in bands: what it makes, from which numbers, with which weights.

    There are ``channels`` of each number, side by side. The weights are torch's: Keys 1981, with -0.75.
    """
    place = (torch.arange(size, dtype=torch.float64) + 0.5) * (source / size) - 0.5
    near = place.floor()[:, None] + torch.arange(-1, 3)  # the four numbers around each place
    x = (place[:, None] - near).abs()
    weights = torch.where(x < 1, (1.25 * x - 2.25) * x**2 + 1, ((3.75 - 0.75 * x) * x - 6) * x + 3).float()
    near = near.long().clamp(0, source - 1)
    for top in range(0, size, BAND):
        own, first, end = near[top : top + BAND], int(near[top, 0]), int(near[top : top + BAND].max()) + 1
        band = torch.zeros(len(own), end - first).scatter_add_(1, own - first, weights[top : top + BAND])
        band = torch.kron(band, torch.eye(channels)).to(device)
        yield slice(channels * top, channels * (top + BAND)), slice(channels * first, channels * end), band
