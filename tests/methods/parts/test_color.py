"""Colour: known values, ways there and back, and the classic transfers."""

import numpy as np
import pytest
import torch
from PIL import Image

from hub.images import to_tensor
from methods.parts.color import (
    from_lab,
    from_linear,
    lab_difference,
    match_histograms,
    reinhard,
    to_lab,
    to_linear,
)


def colour(*srgb: int) -> torch.Tensor:
    return torch.tensor(srgb, dtype=torch.float32).view(1, 3, 1, 1) / 255


@pytest.mark.parametrize(
    ("srgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_known_colours(srgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert torch.allclose(to_lab(colour(*srgb)).flatten(), torch.tensor(lab, dtype=torch.float32), atol=0.03)


def test_there_and_back() -> None:
    torch.manual_seed(0)
    pixels = torch.rand(2, 3, 9, 7)
    assert torch.allclose(from_linear(to_linear(pixels)), pixels, atol=1e-5)
    assert torch.allclose(from_lab(to_lab(pixels)), pixels, atol=1e-4)


def test_a_difference_has_a_gradient_everywhere() -> None:
    pixels = torch.cat([torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)]).requires_grad_()
    lab_difference(pixels, pixels.detach()).sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.isfinite().all()


def test_reinhard_gives_means_and_deviations(photo: Image.Image) -> None:
    content = to_tensor(photo) * 0.3 + 0.3
    style = content.flip(1) * 0.7 + 0.15
    result = to_lab(reinhard(content, style))
    assert torch.allclose(result.mean((2, 3)), to_lab(style).mean((2, 3)), atol=1.0)
    assert torch.allclose(result.std((2, 3)), to_lab(style).std((2, 3)), atol=1.0)


def test_histograms_become_those_of_the_style(photo: Image.Image) -> None:
    content, style = to_tensor(photo), to_tensor(photo.resize((60, 41))).square().flip(1)
    result = match_histograms(content, style)
    for channel in range(3):
        found, wanted = (np.quantile(x[0, channel], [0.1, 0.5, 0.9]) for x in (result, style))
        assert np.abs(found - wanted).max() < 0.04
    assert torch.equal(match_histograms(content, content), content)
