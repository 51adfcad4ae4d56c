"""The matting Laplacian as a stencil of twelve numbers per pixel.

1. Windows of 3x3 couple a pixel with its 24 neighbours in 5x5.
2. The matrix is symmetric, so 12 of the neighbours are enough.
3. Its rows sum to zero, because a constant is an affine function of any colours. So the diagonal is not stored.

The result is a plane of couplings for each of twelve offsets. It can be stored, stacked into batches, and applied on
any device without sparse indices.
"""

from typing import Any

import torch
from torch import Tensor

# Offsets (rows, columns) to the neighbours that come later in reading order.
OFFSETS = tuple((row, column) for row in range(3) for column in range(-2, 3) if (row, column) > (0, 0))


def stencil(laplacian: Tensor, height: int, width: int) -> Tensor:
    """The couplings ``(12, H, W)``, in float32, of a photo's ``matting_laplacian``.

    Each pixel has its coupling with the neighbour at each of ``OFFSETS``; 0 if that is outside the picture. All
    couplings are in [-3, 3], so float16 is precise enough. Reason: at most six windows contain both pixels, each fit of
    a window is a projection, and no entry of a projection outside its diagonal is larger than 1/2.
    """
    pixels = torch.arange(height * width, device=laplacian.device)
    rows = pixels.repeat_interleave(laplacian.crow_indices().diff().long())
    columns = laplacian.col_indices().long()
    later = columns > rows
    rows, columns, values = rows[later], columns[later], laplacian.values()[later]
    down, right = columns // width - rows // width, columns % width - rows % width
    planes = values.new_zeros(len(OFFSETS), height * width)
    planes[5 * down + right - 1, rows] = values  # in the order of OFFSETS
    return planes.view(-1, height, width)


def product(couplings: Tensor, picture: Tensor) -> Tensor:
    """``M V`` for every channel ``V`` of ``picture`` ``(N, C, H, W)`` and ``couplings`` ``(N, 12, H, W)``: ``(N, C, H, W)``.

    It uses differences of neighbours, so a constant picture gives exactly 0, also with rounded couplings.
    """
    result: Tensor = _Product.apply(couplings, picture)
    return result


class _Product(torch.autograd.Function):
    """The gradient is the same product, because the matrix is symmetric."""

    @staticmethod
    def forward(ctx: Any, couplings: Tensor, picture: Tensor) -> Tensor:
        ctx.save_for_backward(couplings)
        return _product(couplings, picture)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        (couplings,) = ctx.saved_tensors
        return None, _product(couplings, gradients[0])


def _product(couplings: Tensor, picture: Tensor) -> Tensor:
    picture = picture.float()
    height, width = picture.shape[-2:]
    result = torch.zeros_like(picture)
    for plane, (down, right) in zip(couplings.float().unbind(1), OFFSETS, strict=True):
        columns = slice(max(0, -right), width - max(0, right))
        neighbours = slice(max(0, right), width - max(0, -right))
        here = (..., slice(0, height - down), columns)
        there = (..., slice(down, height), neighbours)
        pull = plane[:, None][here] * (picture[there] - picture[here])
        result[here] += pull
        result[there] -= pull
    return result


def affine_loss(couplings: Tensor, result: Tensor, photo: Tensor) -> Tensor:
    """``1/N sum_V |M V(O) - M V(C)|^2`` over the channels V and the N pixels, for each item of the batch: ``(N,)``.

    ``result`` O and ``photo`` C are ``(N, 3, H, W)`` in [0, 1]. ``M V(C)`` is nearly 0; it is subtracted because it is
    not exactly 0 in areas without texture.
    """
    return product(couplings, result - photo).square().sum(1).mean((1, 2))
