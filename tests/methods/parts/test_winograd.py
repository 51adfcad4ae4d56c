"""The quicker 3x3 convolution against torch's."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import hub
from hub.files import user_cache
from methods.parts import winograd
from methods.parts.perceptual.vgg import VGG
from methods.parts.transformation.space_to_depth import convolution
from methods.parts.winograd import FrozenWinograd, Winograd


@pytest.mark.parametrize(("height", "width"), [(3, 3), (6, 6), (18, 34), (35, 41), (10, 7)])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 64), (5, 3)])
def test_it_is_the_convolution(height: int, width: int, inputs: int, outputs: int) -> None:
    torch.manual_seed(height * width)
    x, weight = torch.randn(2, inputs, height, width), torch.randn(outputs, inputs, 3, 3)
    expected = F.conv2d(x, weight)
    made = Winograd(weight)(x.to(memory_format=torch.channels_last))
    assert made.shape == expected.shape
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert (made - expected).abs().max() < 1e-4 * (9 * inputs) ** 0.5


def test_pieces_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    x, fast = torch.randn(3, 8, 50, 30), Winograd(torch.randn(8, 8, 3, 3))
    at_once = fast(x)
    monkeypatch.setattr("methods.parts.winograd.NUMBERS", 1)
    monkeypatch.setattr("methods.parts.winograd.TILES", 1)
    assert torch.allclose(fast(x), at_once, atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "outputs", "size", "stride", "exact", "fast"),
    [
        (64, 64, 3, 1, False, True),
        (32, 32, 3, 1, False, False),
        (64, 64, 3, 2, False, False),
        (64, 64, 5, 1, False, False),
        (64, 64, 3, 1, True, False),
    ],
)
def test_where_it_is_used(inputs: int, outputs: int, size: int, stride: int, exact: bool, fast: bool) -> None:
    weight = torch.randn(outputs, inputs, size, size)
    chosen = convolution(weight, exact, stride)
    assert isinstance(chosen, Winograd) is fast
    x = torch.rand(1, inputs, 13, 13)
    assert torch.allclose(chosen(x), F.conv2d(x, weight, stride=stride), atol=1e-3)


@pytest.mark.parametrize(("dtype", "fast"), [("float32", True), ("bfloat16", False)])
def test_half_precision_is_too_short_for_it(dtype: str, fast: bool) -> None:
    model = hub.load("cin-25styles", device="cpu", dtype=dtype)
    assert any(isinstance(part, Winograd) for part in model.runner.space_to_depth.modules()) is fast


@pytest.mark.parametrize(("its_seconds", "fast"), [(0.5, True), (0.95, False), (2, False)])
def test_it_is_used_where_it_was_measured_to_be_faster(
    monkeypatch: pytest.MonkeyPatch, its_seconds: float, fast: bool
) -> None:
    (user_cache() / "runtime.json").unlink()
    asked: list[str] = []
    monkeypatch.setattr(
        winograd, "seconds", lambda way, channels: asked.append(way) or {"plain": 1, "winograd": its_seconds}[way]
    )
    for _ in range(2):
        assert isinstance(convolution(torch.randn(64, 64, 3, 3), exact=False), Winograd) is fast
    assert len(asked) == 10, "measured again"


def test_a_real_measurement() -> None:
    assert winograd.seconds("plain", 64) > 0
    assert winograd.seconds("winograd", 64) > 0


def gradient(convolve: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Of a sum that weighs every result differently."""
    y = x.clone().requires_grad_()
    made = convolve(y)
    (made * torch.arange(made.numel()).view(made.shape).sin()).sum().backward()
    assert y.grad is not None
    return y.grad


@pytest.mark.parametrize(("height", "width"), [(3, 3), (10, 7), (18, 34)])
def test_its_gradient_is_that_of_the_convolution(height: int, width: int) -> None:
    torch.manual_seed(height)
    x, weight, bias = torch.randn(3, 6, height, width), torch.randn(4, 6, 3, 3), torch.randn(4)
    fast, plain = FrozenWinograd(weight, bias), partial(F.conv2d, weight=weight, bias=bias)
    assert torch.allclose(fast(x), plain(x), atol=1e-3)
    assert torch.allclose(gradient(fast, x), gradient(plain, x), atol=1e-3)


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
def test_a_frozen_perceptual_network_uses_it_and_sees_the_same(padding: Literal["zeros", "reflect"]) -> None:
    torch.manual_seed(0)
    trained = VGG(((8, 128), (128,)), "relu2_1", padding=padding)
    frozen = copy.deepcopy(trained).frozen()
    x = torch.rand(2, 3, 20, 26)

    def seen(network: VGG) -> Callable[[Tensor], Tensor]:
        return lambda picture: network(picture, ["relu2_1"])["relu2_1"]

    assert torch.allclose(seen(frozen)(x), seen(trained)(x), atol=1e-5)
    assert torch.allclose(gradient(seen(frozen), x), gradient(seen(trained), x), atol=1e-5)
    assert [name for name, fast in frozen.fast.items() if fast] == ["2_1"]
    assert not trained.fast, "weights that change would not be seen"


def test_a_perceptual_network_in_half_precision_does_not_use_it() -> None:
    network = VGG(((128, 128),), "relu1_2").frozen().to(torch.bfloat16)
    network(torch.rand(1, 3, 8, 8), ["relu1_2"])
    assert not network.fast
