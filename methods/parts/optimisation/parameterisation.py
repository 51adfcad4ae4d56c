"""A Fourier parameterisation of a picture, with its colours decorrelated: optimisation takes far fewer steps there.

In pixels a gradient says next to nothing about large soft shapes, since pictures have a thousand times the energy there.
Here a picture is a start plus coloured noise: white numbers, shaped by a spectrum of one over the frequency and by the
colours that photo and painting have together (Olah et al. 2017, "Feature Visualization", distill.pub, decorrelate space
and colour alike for pictures made from nothing). The optimum is the same, the way there shorter.
"""

import torch
from torch import Tensor

SOFTEST = 0.02  # cycles a pixel, below which the spectrum is flat


class FourierParameterisation:
    """Between numbers ``z`` and pictures ``start + A z``, both ``(1, 3, H, W)``; ``A`` is linear."""

    def __init__(self, start: Tensor, colors: Tensor) -> None:
        """``colors`` ``(3, 3)``: the covariance of the colours that the picture is to have."""
        self.start = start
        height, width = start.shape[-2:]
        rows = torch.fft.fftfreq(height, device=start.device, dtype=start.dtype)[:, None]
        columns = torch.fft.rfftfreq(width, device=start.device, dtype=start.dtype)[None]
        spectrum = 1 / (torch.hypot(rows, columns) + SOFTEST)
        self.spectrum = spectrum / spectrum.mean()
        values, vectors = torch.linalg.eigh(colors + 1e-3 * torch.eye(3).to(colors))
        roots = values.clamp_min(1e-3).sqrt()
        roots = roots / roots.square().mean().sqrt()
        self.mixing = (vectors * roots) @ vectors.T  # symmetric, so that it is its own transpose

    def picture(self, z: Tensor) -> Tensor:
        """``start + A z``."""
        return self.start + _shaped(z, self.mixing, self.spectrum)

    def gradient(self, gradient: Tensor) -> Tensor:
        """The gradient by ``z``, of one by the picture's pixels: ``A^T`` of it, and ``A`` is symmetric."""
        return _shaped(gradient, self.mixing, self.spectrum)


def _shaped(x: Tensor, matrix: Tensor, spectrum: Tensor) -> Tensor:
    mixed = torch.einsum("ij,njhw->nihw", matrix, x)
    shaped: Tensor = torch.fft.irfft2(torch.fft.rfft2(mixed) * spectrum, s=x.shape[-2:])
    return shaped


def color_covariance(*pictures: Tensor) -> Tensor:
    """Covariance ``(3, 3)`` of the colours of pictures ``(1, 3, H, W)``, all of them counting the same."""
    total = pictures[0].new_zeros(3, 3)
    mean = torch.stack([p.mean((0, 2, 3)) for p in pictures]).mean(0)
    for picture in pictures:
        flat = picture[0].flatten(1) - mean[:, None]
        total += flat @ flat.T / flat.shape[1] / len(pictures)
    return total
