"""Colour transfer, after Reinhard et al. 2001, "Color Transfer between Images": means and deviations of the style.

In a space of one lightness and two colour differences, a channel x of the photo becomes
(x - mean) deviation_s / deviation + mean_s, with the mean_s and the deviation_s of the style.
"""

import torch
from pydantic import Field

from hub.images import to_tensor
from hub.method import Method
from hub.parameters import Parameters
from hub.pictures import Pictures

# Lightness, yellow against blue, red against green: orthogonal, so that the transpose leads back.
OPPONENT = torch.tensor([[1.0, 1, 1], [1, 1, -2], [1, -1, 0]])
OPPONENT = OPPONENT / OPPONENT.norm(dim=1, keepdim=True)
FLAT = 0.01  # deviations below this are of a channel without any contrast, which stays so


class MyMethodParameters(Parameters):
    """Each field is a flag, a keyword, a control of the app and a row of the card."""

    style: Pictures = Field(title="Style", description="A picture, or several with their shares.")


class MyMethod(Method):
    """Statistics of the whole photo, so there are no tiles."""

    Parameters = MyMethodParameters

    def setup(self, config, tensors):
        """There are no weights; only the matrix goes to the device."""
        self.matrix = OPPONENT.to(self.device)

    def stylize(self, content, parameters, progress):
        """``content`` and the result are float32 ``(N, 3, H, W)`` in [0, 1], of any size."""
        pictures = [(self.opponent(to_tensor(p).to(content)), share) for p, share in parameters.style.read()]
        mean = sum(share * p.mean((2, 3), keepdim=True) for p, share in pictures)
        deviation = sum(share * spread(p) for p, share in pictures)
        photo = self.opponent(content)
        photo = (photo - photo.mean((2, 3), keepdim=True)) * deviation / spread(photo).clamp(min=FLAT) + mean
        return torch.einsum("dc,ndhw->nchw", self.matrix, photo).clamp(0, 1)

    def opponent(self, pixels):
        return torch.einsum("dc,nchw->ndhw", self.matrix, pixels)


def spread(pixels):
    return pixels.std((2, 3), keepdim=True, unbiased=False)
