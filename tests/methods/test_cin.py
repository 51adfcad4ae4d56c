"""The conditional network against its paper, and its styles, blends and bundled weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.errors import ParameterError, UnknownName, WeightsError
from hub.styles import Style
from methods.parts.transformation.network import ImageTransformationNetwork
from methods.parts.transformation.normalisation import ConditionalInstanceNorm
from methods.parts.transformation.space_to_depth import SpaceToDepthNetwork
from tests.support.models import STYLES, random_network


def test_the_papers_architecture() -> None:
    """1.68 million numbers, and 3,206 more for every style: 2 x 1,603 feature maps."""
    one, two = (sum(p.numel() for p in ImageTransformationNetwork(n, 32).parameters()) for n in (1, 2))
    assert two - one == 3206
    assert one == pytest.approx(1.68e6, rel=0.01)
    layers = ImageTransformationNetwork(1, 32).layers
    assert [layer.convolution.out_channels for layer in layers] == [32, 64, 128, *[128] * 10, 64, 32, 3]
    assert [layer.kernel for layer in layers] == [9, *[3] * 14, 9]
    assert [layer.activation for layer in layers][3:13] == ["relu", "none"] * 5


def test_conditional_instance_norm_is_equation_5() -> None:
    norm = ConditionalInstanceNorm(2, 3)
    norm.scale.data = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    norm.shift.data = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    x = torch.randn(2, 3, 8, 8)
    out = norm(x, torch.tensor([[1.0, 0.0], [0.25, 0.75]]))
    plain = torch.nn.functional.instance_norm(x)
    for item, (scale, shift) in enumerate([((1, 2, 3), (0.1, 0.2, 0.3)), ((3.25, 4.25, 5.25), (0.325, 0.425, 0.525))]):
        expected = plain[item] * torch.tensor(scale)[:, None, None] + torch.tensor(shift)[:, None, None]
        assert torch.allclose(out[item], expected, atol=1e-5)


@pytest.mark.parametrize("channels", [3, 8, 32, 5])
def test_normalisation_in_groups_of_pixels_is_the_same(channels: int) -> None:
    """On a CPU neighbouring pixels are normalised together; a batch of channels-last maps with a large mean shows it."""
    torch.manual_seed(0)
    x = (torch.randn(2, channels, 6, 64) * 3 + 10 * torch.rand(1, channels, 1, 1)).to(memory_format=torch.channels_last)
    norm, mix = ConditionalInstanceNorm(2, channels), torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    norm.scale.data.uniform_(0.5, 2)
    norm.shift.data.normal_()
    learning = norm(x, mix)
    with torch.no_grad():
        assert torch.allclose(norm(x, mix), learning, atol=2e-5)
        half = x.bfloat16()
        assert (norm(half, mix) - norm(half.float(), mix)).abs().max() < 0.03


@pytest.mark.parametrize(("width", "size"), [(4, (32, 48)), (8, (64, 40)), (8, (16, 16))])
def test_two_by_two_pixels_at_a_time_is_the_same(width: int, size: tuple[int, int]) -> None:
    network = random_network(width=width).to(memory_format=torch.channels_last)
    photos, mix = torch.rand(2, 3, *size), torch.tensor([[0.2, 0.5, 0.3], [0.0, 0.0, 1.0]])
    with torch.no_grad():
        plain, folded = network(photos, mix), SpaceToDepthNetwork(network)(photos, mix)
    assert (plain - folded).abs().max() < 2e-5
    assert plain.std() > 0.05


def test_no_dark_border() -> None:
    """Reflected borders: a picture of one colour stays of one colour up to its edge."""
    flat = random_network()(torch.full((1, 3, 48, 48), 0.6), torch.tensor([[1.0, 0.0, 0.0]]))
    assert flat.flatten(2).std(2).max() < 0.02  # rounding, which 16 normalisations of nothing blow up; zeros give 0.2


def test_fusion_with_one_share_is_the_single_style(tiny_model: Path, photo: Image.Image) -> None:
    style = hub.load(tiny_model, device="cpu")
    single = np.asarray(style(photo, style="klee-senecio"))
    for same in ({"klee-senecio": 1}, {"klee-senecio": 7.5}, {"senecio": 0.1, "great-wave": 0}):
        assert np.array_equal(single, style(photo, style=same))
    assert not np.array_equal(single, style(photo, style="starry-night"))


def test_fusion_lies_between_its_styles(tiny_model: Path) -> None:
    """Shares are proportions: doubling all changes nothing, and a blend has the mean of the rows."""
    style = hub.load(tiny_model, device="cpu")

    def shares(given: dict[str, float]) -> torch.Tensor:
        return style.condition(style.checked({"style": given}))

    assert torch.allclose(shares({STYLES[0]: 1, STYLES[2]: 3}), torch.tensor([[0.25, 0, 0.75]]))
    assert torch.equal(shares({STYLES[0]: 1, STYLES[2]: 3}), shares({STYLES[0]: 2, STYLES[2]: 6}))
    assert torch.allclose(shares({STYLES[0]: 1e308, STYLES[2]: 1e308}), torch.tensor([[0.5, 0, 0.5]]))
    layer = style.network.layers[0].norm
    rows = shares({STYLES[0]: 1, STYLES[1]: 1}) @ layer.scale.float()
    assert torch.allclose(rows[0], layer.scale.float()[:2].mean(0))


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ({}, "sum to zero"),
        ({"klee-senecio": 0}, "sum to zero"),
        ({"klee-senecio": -1, "starry-night": 2}, "zero or more"),
        ({"klee-senecio": float("nan")}, "finite"),
        ({"klee-senecio": float("inf")}, "finite"),
        ("klee-senecia", "did you mean klee-senecio"),
        ("", "There is no style"),
        (3, "style"),
    ],
)
def test_styles_that_cannot_be(tiny_model: Path, photo: Image.Image, style: object, message: str) -> None:
    with pytest.raises((ParameterError, UnknownName), match=message) as error:
        hub.load(tiny_model, device="cpu")(photo, style=style)
    assert "\n" not in str(error.value)


def test_a_style_is_needed(tiny_model: Path, photo: Image.Image) -> None:
    with pytest.raises(ParameterError, match="Give the parameter 'style'"):
        hub.load(tiny_model, device="cpu")(photo)


def test_centre_crop_works_on_the_middle_square(tiny_model: Path, photo: Image.Image) -> None:
    style = hub.load(tiny_model, device="cpu")
    side = photo.height
    left = (photo.width - side) // 2
    middle = photo.crop((left, 0, left + side, side))
    cropped = style(photo, style="klee-senecio", center_crop=True)
    assert cropped.size == (side, side)
    assert np.array_equal(cropped, style(middle, style="klee-senecio"))
    photo = photo.convert("RGBA")
    assert style(photo, style="klee-senecio", center_crop=True, strength=0).size == (side, side)
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    alpha = style(photo, style="klee-senecio", center_crop=True).getchannel("A")
    assert np.array_equal(alpha, photo.getchannel("A").crop((left, 0, left + side, side)))


def test_large_pictures_are_tiled_and_the_same(tiny_model: Path, photo: Image.Image) -> None:
    style = hub.load(tiny_model, device="cpu", dtype="float32")
    whole = np.asarray(style(photo, style="klee-senecio"), np.int16)
    style.tile = 32
    tiled = np.asarray(style(photo, style="klee-senecio"), np.int16)
    assert np.abs(whole - tiled).max() <= 1


@pytest.mark.parametrize(
    "config", [{}, {"width": 4, "styles": []}, {"width": 10**9, "styles": [{"name": "a"}]}, {"width": 4, "styles": "a"}]
)
def test_a_configuration_that_cannot_be(tmp_path: Path, config: dict[str, object]) -> None:
    import json

    from hub.weights import write_safetensors

    write_safetensors(
        tmp_path / "model.safetensors",
        random_network().state_dict(),
        {"config": json.dumps({"method": "cin", **config})},
    )
    with pytest.raises(WeightsError, match="configuration"):
        hub.load(tmp_path)


def test_bfloat16_is_close_to_float32(photo: Image.Image) -> None:
    """Half the bits cost less than a hundredth of the range on average."""
    exact = hub.load("cin-25styles", device="cpu", dtype="float32")
    short = hub.load("cin-25styles", device="cpu", dtype="bfloat16")
    for name in ("hokusai-great-wave", "klee-senecio"):
        a, b = (np.asarray(m(photo, style=name), np.float32) / 255 for m in (exact, short))
        assert np.abs(a - b).mean() < 0.01


def test_the_25_styles_are_told_apart(photo: Image.Image) -> None:
    """No two styles make nearly the same picture: a mean difference of 4 of 255 at least."""
    style = hub.load("cin-25styles", device="cpu")
    assert len(style.styles) == 25
    made = [np.asarray(style(photo, style=name), np.float32) for name in style.styles]
    closest = min(np.abs(a - b).mean() for i, a in enumerate(made) for b in made[:i])
    assert closest > 4


def test_one_small_file() -> None:
    entry = hub.info("cin-25styles")
    assert entry.model.weights is not None
    assert (entry.model.weights.bytes or 0) < 4e6


def test_many_styles_are_added_without_a_network_for_each(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method = hub.load(tiny_model, device="cpu", dtype="float32", styles=[])
    before = {name: p.clone() for name, p in method.network.named_parameters() if ".norm." in name}
    monkeypatch.setattr(ImageTransformationNetwork, "__init__", None)  # building one would fail now
    rows = [{name: torch.rand(1, p.shape[1]) for name, p in before.items()} for _ in range(30)]
    for number, row in enumerate(rows):
        method.adopt(Style(name=f"mine-{number}"), row)
    assert len(method.styles) == len(STYLES) + 30
    for name, parameter in method.network.named_parameters():
        if name in before:
            assert torch.equal(parameter, torch.cat([before[name], *(row[name] for row in rows)]))
    with pytest.raises(WeightsError, match="wrong shape"):
        method.adopt(Style(name="other"), {name: p[:, :1] for name, p in before.items()})
