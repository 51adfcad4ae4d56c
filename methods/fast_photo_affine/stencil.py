"""The matting Laplacian as a stencil: twelve numbers a pixel, the same places for every picture of a size.

Windows of 3x3 couple a pixel with its 24 neighbours in 5x5. The matrix is symmetric, so one half of the neighbours says
all; its rows sum to zero, since a constant is an affine function of any colours, so the diagonal need not be kept. What is
left is a plane of couplings for each of twelve offsets, which can be stored, stacked into batches, and applied on any
device without an index.
"""

from typing import Any

import torch
from torch import Tensor

# Rows and columns to the neighbour: those that come later in reading order.
OFFSETS = tuple((row, column) for row in range(3) for column in range(-2, 3) if (row, column) > (0, 0))


def stencil(laplacian: Tensor, height: int, width: int) -> Tensor:
    """Of ``laplacian``, what ``matting_laplacian`` gives for a photo ``(1, 3, H, W)``: couplings ``(12, H, W)`` float32.

    At a place stands its coupling with the neighbour at each of ``OFFSETS``; 0 where that is outside of the picture.
    They lie in [-3, 3] whatever the photo, where float16 has its full precision: six windows at most hold two pixels both,
    and off its diagonal no entry of a projection, which fitting a window is, exceeds one half.
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
    """``M V`` of every channel ``V`` of ``picture`` ``(N, C, H, W)``, by ``couplings`` ``(N, 12, H, W)``: like ``picture``.

    Computed from differences of neighbours, so that a constant costs nothing whatever the couplings are rounded to.
    """
    result: Tensor = _Product.apply(couplings, picture)
    return result


class _Product(torch.autograd.Function):
    """Its gradient is the same product, since the matrix is symmetric."""

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

    ``result`` O and ``photo`` C are ``(N, 3, H, W)`` in [0, 1]. The Laplacian nearly annuls the photo itself; what is left
    of the photo where it has no texture is taken off here.
    """
    return product(couplings, result - photo).square().sum(1).mean((1, 2))
