"""The matting Laplacian: a penalty for pictures that are not locally affine in the photo's colours.

Levin, Lischinski & Weiss 2008, "A Closed-Form Solution to Natural Image Matting", equation 12, over windows of 3x3.
Luan et al. 2017 (arXiv 1703.07511), equation 2, use it for realism: colours may change, edges stay.
"""

import warnings
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from hub.errors import StylehubError

EPSILON = 1e-7  # added to the variance of the colours in a window, so that a window of one colour has a solution


def matting_laplacian(photo: Tensor, epsilon: float = EPSILON) -> Tensor:
    """The Laplacian of ``(1, 3, H, W)`` in [0, 1], H and W >= 3: a sparse symmetric ``(H W, H W)`` float32 CSR tensor.

    It has 25 numbers per pixel and the photo's device. Raises ``StylehubError`` without pymatting.
    """
    threads = torch.get_num_threads()
    try:
        cf_laplacian = _cf_laplacian()
    except ImportError:
        raise StylehubError("The matting Laplacian needs another package: pip install 'stylehub[photo]'.") from None
    finally:  # at its import numba tells OpenMP, which torch uses too, to take as many threads as there are cores
        torch.set_num_threads(threads)
    pixels = photo[0].permute(1, 2, 0).double().cpu().numpy()
    matrix = cf_laplacian(pixels, epsilon, 1)
    # With 32-bit indices the product is four times as fast as with 64-bit ones.
    rows, columns = (torch.from_numpy(part).to(torch.int32) for part in (matrix.indptr, matrix.indices))
    values = torch.from_numpy(matrix.data).float()
    with warnings.catch_warnings():  # torch warns that CSR tensors are in beta
        warnings.simplefilter("ignore", UserWarning)
        sparse = torch.sparse_csr_tensor(rows, columns, values, matrix.shape, check_invariants=False)
    return sparse.to(photo.device)


def _cf_laplacian() -> Any:
    """The function of pymatting. Where numba finds no folder for its cache, only this function is compiled, when called."""
    try:
        from pymatting.laplacian.cf_laplacian import cf_laplacian
    except RuntimeError:
        import numba

        compiled = numba.njit
        without_cache = lambda *signature, cache, **options: compiled(**options)  # noqa: E731
        with patch.object(numba, "njit", without_cache):
            from pymatting.laplacian.cf_laplacian import cf_laplacian
    return cf_laplacian


def affine_cost(picture: Tensor, laplacian: Tensor) -> Tensor:
    """``V^T M V`` divided by the number of pixels, summed over the channels V of ``picture`` ``(1, 3, H, W)``: a scalar."""
    cost: Tensor = _AffineCost.apply(picture, laplacian)
    return cost


class _AffineCost(torch.autograd.Function):
    """The gradient is ``2 M V``; ``forward`` keeps ``M V`` for it."""

    @staticmethod
    def forward(ctx: Any, picture: Tensor, laplacian: Tensor) -> Tensor:
        flat = picture[0].flatten(1).T.float().contiguous()
        product = laplacian @ flat
        ctx.save_for_backward(product)
        ctx.shape = picture.shape
        return (flat * product).sum() / len(flat)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (product,) = ctx.saved_tensors
        return (gradients[0] * 2 / len(product)) * product.T.reshape(ctx.shape), None
