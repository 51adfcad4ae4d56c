"""A Fourier parameterisation of a picture with decorrelated colours: optimisation needs far fewer steps.

Large soft shapes have a thousand times the energy of fine detail, but gradients in pixels hardly change them. Here a
picture is ``start + A z``. ``A`` scales the white numbers ``z`` by 1 / frequency and gives them the colour covariance
of photo and painting (Olah et al. 2017, "Feature Visualization", distill.pub). The optimum is the same.
"""

import torch
from torch import Tensor

SOFTEST = 0.02  # cycles per pixel; below this frequency the spectrum is flat


class FourierParameterisation:
    """Pictures ``start + A z``; picture and ``z`` are ``(1, 3, H, W)``, ``A`` is linear and symmetric."""

    def __init__(self, start: Tensor, colors: Tensor) -> None:
        """``colors`` ``(3, 3)`` is the expected covariance of the picture's colours."""
        self.start = start
        height, width = start.shape[-2:]
        rows = torch.fft.fftfreq(height, device=start.device, dtype=start.dtype)[:, None]
        columns = torch.fft.rfftfreq(width, device=start.device, dtype=start.dtype)[None]
        spectrum = 1 / (torch.hypot(rows, columns) + SOFTEST)
        self.spectrum = spectrum / spectrum.mean()
        values, vectors = torch.linalg.eigh(colors + 1e-3 * torch.eye(3).to(colors))
        roots = values.clamp_min(1e-3).sqrt()
        roots = roots / roots.square().mean().sqrt()
        self.mixing = (vectors * roots) @ vectors.T  # symmetric

    def picture(self, z: Tensor) -> Tensor:
        """``start + A z``."""
        return self.start + _shaped(z, self.mixing, self.spectrum)

    def gradient(self, gradient: Tensor) -> Tensor:
        """The gradient with respect to ``z`` from one with respect to the pixels: ``A^T gradient``, and ``A^T = A``."""
        return _shaped(gradient, self.mixing, self.spectrum)


def _shaped(x: Tensor, matrix: Tensor, spectrum: Tensor) -> Tensor:
    mixed = torch.einsum("ij,njhw->nihw", matrix, x)
    shaped: Tensor = torch.fft.irfft2(torch.fft.rfft2(mixed) * spectrum, s=x.shape[-2:])
    return shaped


def color_covariance(*pictures: Tensor) -> Tensor:
    """Covariance ``(3, 3)`` of the colours of pictures ``(1, 3, H, W)``; all pictures weigh the same."""
    total = pictures[0].new_zeros(3, 3)
    mean = torch.stack([p.mean((0, 2, 3)) for p in pictures]).mean(0)
    for picture in pictures:
        flat = picture[0].flatten(1) - mean[:, None]
        total += flat @ flat.T / flat.shape[1] / len(pictures)
    return total
