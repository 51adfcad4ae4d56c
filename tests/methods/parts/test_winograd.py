"""The quicker 3x3 convolution against torch's."""

import pytest
import torch
import torch.nn.functional as F

import hub
from hub.files import user_cache
from methods.parts.transformation import winograd
from methods.parts.transformation.space_to_depth import convolution
from methods.parts.transformation.winograd import Winograd


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
    x, fast = torch.randn(1, 8, 50, 30), Winograd(torch.randn(8, 8, 3, 3))
    at_once = fast(x)
    monkeypatch.setattr("methods.parts.transformation.winograd.NUMBERS", 1)
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
        winograd, "seconds", lambda way: asked.append(way) or {"plain": 1, "winograd": its_seconds}[way]
    )
    for _ in range(2):
        assert isinstance(convolution(torch.randn(64, 64, 3, 3), exact=False), Winograd) is fast
    assert len(asked) == 10, "measured again"


def test_a_real_measurement() -> None:
    assert winograd.seconds("plain") > 0
    assert winograd.seconds("winograd") > 0
