"""Pictures as tensors and back."""

import numpy as np
import pytest
import torch
from PIL import Image

from hub.errors import ImageError
from hub.images import read_image, to_image, to_tensor
from hub.pictures import Pictures
from hub.spatial import Map
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


def test_hidden_colours_are_those_of_the_surroundings(photo: Image.Image) -> None:
    alpha = np.full((80, 96), 255, np.uint8)
    alpha[:, 48:] = 0
    alpha[10, 10] = 0
    for hidden in (0, 255):
        pixels = np.asarray(photo).copy()
        pixels[alpha == 0] = hidden
        seen = np.asarray(read_image(Image.fromarray(np.dstack([pixels, alpha]))).visible, int)
        assert np.array_equal(seen[alpha == 255], np.asarray(photo)[alpha == 255])
        assert np.abs(seen[:, 48] - seen[:, 47]).mean() < 25, "it goes on as it was at the edge"
        assert np.abs(seen[10, 10] - np.asarray(photo, int)[10, 9]).max() < 40
    clear = Image.fromarray(np.dstack([np.asarray(photo), np.zeros((80, 96), np.uint8)]))
    assert np.array_equal(read_image(clear).visible, photo), "nothing is visible, so nothing can be said"


def test_hidden_colours_of_styles_and_masks_do_not_count(photo: Image.Image) -> None:
    left = Image.new("L", photo.size)
    left.paste(255, (0, 0, 40, 80))
    pictures = [Image.composite(photo, Image.new("RGB", photo.size, color), left) for color in ("black", "white")]
    for picture in pictures:
        picture.putalpha(left)
    (one, _), (two, _) = Pictures(pictures).read()
    assert np.array_equal(one, two)
    assert torch.equal(Map(pictures[0]).read(), Map(pictures[1]).read())
