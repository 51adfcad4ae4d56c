"""Pictures as tensors and back."""

import numpy as np
import pytest
import torch

from hub.errors import ImageError
from hub.images import (
    to_image,
    to_tensor,
)
from tests.support.pictures import noise


def test_tensor_round_trip():
    image = noise("RGB", (7, 5))
    tensor = to_tensor(image)
    assert tensor.shape == (1, 3, 5, 7) and tensor.dtype == torch.float32
    assert tensor[0, 2, 4, 6] == pytest.approx(image.getpixel((6, 4))[2] / 255)
    assert to_image(tensor).tobytes() == image.tobytes()
    assert to_image(tensor[0].double().requires_grad_()).tobytes() == image.tobytes()
    with pytest.raises(ImageError):
        to_tensor(image.convert("L"))


def test_to_image_clamps_and_rounds():
    tensor = torch.tensor([-1.0, 0.499 / 255, 0.501 / 255, 2.0, float("inf"), 0.5]).expand(3, 1, 6)
    assert np.asarray(to_image(tensor))[0, :, 0].tolist() == [0, 0, 1, 255, 255, 128]


def test_to_image_alpha():
    alpha = noise("L", (4, 2))
    image = to_image(torch.zeros(1, 3, 2, 4), alpha)
    assert image.mode == "RGBA" and image.getchannel("A").tobytes() == alpha.tobytes()
    with pytest.raises(ImageError, match="resize"):
        to_image(torch.zeros(1, 3, 4, 2), alpha)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 4, 4, 4), (4, 4), (1, 3, 0, 4)])
def test_to_image_refuses_other_shapes(shape):
    with pytest.raises(ImageError, match="shape"):
        to_image(torch.zeros(shape))


def test_to_image_refuses_nan():
    tensor = torch.zeros(1, 3, 2, 2)
    tensor[0, 1, 1, 1] = float("nan")
    with pytest.raises(ImageError, match="NaN"):
        to_image(tensor)
