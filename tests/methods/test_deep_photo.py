"""Photographs that stay photographs: the matting Laplacian, local affine maps, masked styles, the method."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from typer.testing import CliRunner

import hub
from hub.cli import app
from hub.errors import Cancelled, StylehubError
from hub.evaluation.photos import classic_transfers, evaluate_photos, histogram_distance, photo_pairs
from hub.method import Method
from hub.parameters import field_specs
from hub.progress import Progress
from methods.deep_photo.affine import affine_maps, apply_maps
from methods.parts.matting import EPSILON, affine_cost, matting_laplacian
from methods.parts.perceptual.losses import gram_matrix
from methods.parts.perceptual.masked import MaskIndices, mask_pyramid, masked_grams
from methods.parts.perceptual.vgg import VGG, read_vgg

pytestmark = pytest.mark.usefixtures("small_maps")
TINY = ((4, 4), (6, 6), (8, 8), (8, 8), (8, 8))


@pytest.fixture
def pixels() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(1, 3, 7, 9)


def test_the_laplacian_is_levins(pixels: torch.Tensor) -> None:
    """Equation 12 of Levin et al., summed over the windows one by one."""
    height, width = pixels.shape[-2:]
    flat = pixels[0].flatten(1).T.double().numpy()
    wanted = np.zeros((height * width, height * width))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            window = [(y + i) * width + x + j for i in (-1, 0, 1) for j in (-1, 0, 1)]
            colors = flat[window]
            centred = colors - colors.mean(0)
            inverse = np.linalg.inv(centred.T @ centred / 9 + EPSILON / 9 * np.eye(3))
            wanted[np.ix_(window, window)] += np.eye(9) - (1 + centred @ inverse @ centred.T) / 9
    found = matting_laplacian(pixels).to_dense().numpy()
    assert np.allclose(found, wanted, atol=1e-4)
    assert np.allclose(found, found.T, atol=1e-5)
    assert np.linalg.eigvalsh(found.astype(float)).min() > -1e-3


def test_an_affine_change_of_the_colours_costs_nothing(pixels: torch.Tensor) -> None:
    laplacian = matting_laplacian(pixels)
    matrix = torch.tensor([[0.7, 0.2, -0.1], [0.1, 0.5, 0.3], [0.0, -0.4, 0.9]])
    changed = torch.einsum("oi,nihw->nohw", matrix, pixels) + 0.1
    assert affine_cost(changed, laplacian).abs() < 1e-5
    assert affine_cost(pixels.flip(3), laplacian) > 1e-2


def test_the_gradient_of_the_affine_term(pixels: torch.Tensor) -> None:
    laplacian = matting_laplacian(pixels)
    dense = laplacian.to_dense().double()
    picture = torch.rand_like(pixels).requires_grad_()
    affine_cost(picture, laplacian).backward()
    flat = picture.detach()[0].flatten(1).T.double()
    wanted = 2 * dense @ flat / len(flat)
    assert picture.grad is not None
    assert torch.allclose(picture.grad[0].flatten(1).T.double(), wanted, atol=1e-5)


def test_without_pymatting_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, pixels: torch.Tensor) -> None:
    monkeypatch.setitem(sys.modules, "pymatting.laplacian.cf_laplacian", None)
    with pytest.raises(StylehubError, match=r"pip install 'stylehub\[photo\]'"):
        matting_laplacian(pixels)


def test_the_threads_of_torch_stay_as_they_are() -> None:
    """Numba changes them when it is imported; the next picture of the same photo would differ in the last bit."""
    pytest.importorskip("pymatting")
    code = "from methods.parts.matting import *; torch.set_num_threads(5); print(torch.get_num_threads())\n"
    code += "matting_laplacian(torch.rand(1, 3, 4, 4)); print(torch.get_num_threads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["5", "5"]


def test_local_maps_carry_an_affine_change_to_any_size() -> None:
    torch.manual_seed(1)
    photo = F.interpolate(torch.rand(1, 3, 20, 26), (160, 208), mode="bicubic").clamp(0, 1)
    matrix = torch.tensor([[0.6, 0.2, 0.0], [0.0, 0.7, 0.1], [0.2, 0.0, 0.5]])

    def changed(x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("oi,nihw->nohw", matrix, x) + 0.05

    small = F.interpolate(photo, (80, 104), mode="area")
    maps = affine_maps(small, changed(small), radius=3, epsilon=1e-7)
    full = apply_maps(maps, photo)
    assert (full - changed(photo)).abs().max() < 0.02
    tall = photo.repeat(1, 1, 3, 1)  # of more rows than are computed at a time
    assert torch.allclose(apply_maps(maps, tall)[:, :, 200:280], apply_maps(maps, tall[:, :, :])[:, :, 200:280])


def test_what_the_maps_cannot_say_is_left_out() -> None:
    """Noise on the picture is no change of the photo's colours, so an even photo takes its mean alone."""
    torch.manual_seed(2)
    photo = torch.full((1, 3, 60, 60), 0.5)
    picture = (photo + 0.2 * torch.randn_like(photo)).clamp(0, 1)
    result = apply_maps(affine_maps(photo, picture, radius=8), photo)
    assert result.std() < 0.1 * picture.std()


def test_the_gram_matrix_within_a_mask() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 5, 8, 6, dtype=torch.float64).float().requires_grad_()
    left = torch.zeros(1, 1, 8, 6)
    left[..., :2] = 1
    soft = torch.rand(1, 1, 8, 6) * 0.9 + 0.1
    one, two = masked_grams(features, [MaskIndices.of(left), MaskIndices.of(soft)])
    assert torch.allclose(one, gram_matrix(features[..., :2]), atol=1e-5)
    masked = features * soft
    wanted = gram_matrix(masked) / soft.square().mean()
    assert torch.allclose(two, wanted, atol=1e-5)
    weights = torch.randn(5, 5)
    (found,) = torch.autograd.grad((two * weights).sum() + one.square().sum(), features)
    again = (gram_matrix(features * soft) / soft.square().mean() * weights).sum()
    (expected,) = torch.autograd.grad(again + gram_matrix(features[..., :2]).square().sum(), features)
    assert torch.allclose(found, expected, atol=1e-4)
    (nothing,) = masked_grams(features, [MaskIndices.of(torch.zeros(1, 1, 8, 6))])
    assert nothing.abs().max() == 0


def test_masks_go_down_as_the_network_does() -> None:
    network = VGG(TINY, "relu3_1")
    mask = torch.zeros(1, 1, 32, 48)
    mask[..., 24:] = 1
    levels = mask_pyramid(mask, network, ["conv1_1", "relu2_1", "conv3_1"])
    assert levels["conv1_1"].share.item() == pytest.approx(0.5, abs=0.02)
    assert len(levels["relu2_1"].index) <= 16 * 15
    assert levels["conv3_1"].index.max() < 8 * 12


@pytest.fixture
def deep_photo(monkeypatch: pytest.MonkeyPatch) -> Method:
    """The method with a tiny perceptual network of random weights."""
    torch.manual_seed(0)
    network = VGG(TINY, "conv5_2", padding="reflect").frozen()
    method = hub.load("deep-photo", device="cpu", dtype="float32")
    monkeypatch.setattr(method, "backbone", lambda parameters: network)
    return method


@pytest.fixture(scope="module")
def dusk(photo: Image.Image) -> Image.Image:
    pixels = np.asarray(photo.transpose(Image.Transpose.ROTATE_90), np.float32)
    return Image.fromarray((pixels * [0.9, 0.5, 0.3] + [25, 0, 20]).clip(0, 255).astype(np.uint8))


def test_both_stages_lower_their_losses(deep_photo: Method, photo: Image.Image, dusk: Image.Image) -> None:
    seen: list[Progress] = []
    deep_photo(photo, style=dusk, size=96, iterations=15, patience=0, progress=seen.append)
    losses = [p.losses for p in seen if p.losses]
    first = [each for each in losses if "affine" not in each]
    second = [each for each in losses if "affine" in each]
    assert len(first) == 15
    assert len(second) == 14
    assert first[-1]["style"] < 0.5 * first[0]["style"]
    assert second[-1]["loss"] < second[0]["loss"]
    assert max(p.step for p in seen if p.losses) <= 30


def test_realism_keeps_the_photo_a_photo(deep_photo: Method, photo: Image.Image, dusk: Image.Image) -> None:
    from hub.images import to_tensor
    from methods.parts.perceptual.similarity import edge_map, structural_similarity

    def edges(**options: Any) -> float:
        result = deep_photo(photo, style=dusk, size=96, iterations=20, patience=0, content_weight=0.01, **options)
        return structural_similarity(edge_map(to_tensor(result)), edge_map(to_tensor(photo))).item()

    assert edges(affine_weight=1e6) > edges(affine_weight=0) + 0.05


def test_a_large_photo_keeps_its_own_detail(deep_photo: Method, photo: Image.Image, dusk: Image.Image) -> None:
    """Lines of one pixel, far finer than the working size can hold, are still there in the result."""
    large = np.asarray(photo.resize((480, 400), Image.Resampling.BICUBIC)).copy()
    large[::4] = large[::4] // 2
    result = np.asarray(deep_photo(Image.fromarray(large), style=dusk, size=64, iterations=6), np.int16).mean(2)
    assert result.shape == (400, 480)
    lines = result[4::4][:90] - result[6::4][:90]
    assert lines.mean() < -10


def test_masks_confine_a_style() -> None:
    """Red comes from red and blue from blue where the masks say so, although the whole style has as much of both."""
    deep_photo = hub.load("deep-photo", device="cpu")
    grey = np.full((96, 96, 3), 128, np.uint8) + np.random.default_rng(0).integers(-40, 40, (96, 96, 1)).astype(
        np.uint8
    )
    style = np.random.default_rng(1).integers(0, 60, (96, 96, 3)).astype(np.uint8)
    style[:48, :, 0] += 190
    style[48:, :, 2] += 190
    labels = np.zeros((96, 96), np.uint8)
    labels[:, 48:] = 1
    upper = np.zeros((96, 96), np.uint8)
    upper[48:] = 1
    result = np.asarray(
        deep_photo(
            Image.fromarray(grey), style=Image.fromarray(style), photo_mask=labels, style_mask=upper, size=96,
            iterations=40, content_weight=1.0, affine_weight=0, backbone="vgg-slim",
        ),
        np.int16,
    )  # fmt: skip
    left, right = result[:, :40].mean((0, 1)), result[:, 56:].mean((0, 1))
    assert left[0] - left[2] > 20
    assert right[2] - right[0] > 20


def test_what_the_style_lacks_is_said(
    deep_photo: Method, photo: Image.Image, dusk: Image.Image, caplog: pytest.LogCaptureFixture
) -> None:
    mask = Image.new("RGB", photo.size, "red")
    mask.paste((0, 255, 0), (0, 0, 48, 80))
    one = Image.new("RGB", dusk.size, "red")
    result = deep_photo(photo, style=dusk, photo_mask=mask, style_mask=one, size=64, iterations=2)
    assert "no #00ff00" in caplog.text
    remarks = result.info["stylehub"]["remarks"]
    assert remarks["without_counterpart"] == ["#00ff00"]
    assert set(remarks["regions"]) == {"#00ff00", "#ff0000"}
    untouched = deep_photo(photo, style=dusk, size=64, iterations=2, strength=0)
    assert "remarks" not in untouched.info["stylehub"], "of the picture before"


def test_a_run_can_be_stopped_and_gone_on_from(
    deep_photo: Method, photo: Image.Image, dusk: Image.Image, tmp_path: Path
) -> None:
    seen: list[Progress] = []

    def stop(p: Progress) -> None:
        seen.append(p)
        if p.step == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        deep_photo(photo, style=dusk, size=64, iterations=10, progress=stop)
    photo.save(tmp_path / "before.png")
    again: list[Progress] = []
    deep_photo(photo, style=dusk, size=64, iterations=5, initial=tmp_path / "before.png", progress=again.append)
    assert all("affine" in p.losses for p in again if p.losses), "going on is the second stage alone"


def test_pictures_of_one_colour_and_ribbons(deep_photo: Method, dusk: Image.Image) -> None:
    flat = Image.new("RGB", (70, 50), (90, 90, 90))
    for one, two in ((flat, dusk), (dusk, flat), (flat, flat), (Image.new("RGB", (900, 4), "white"), dusk)):
        result = deep_photo(one, style=two, size=64, iterations=2)
        assert result.size == one.size


def test_histograms_in_common(pixels: torch.Tensor) -> None:
    assert histogram_distance(pixels, pixels.flip(3)) == 0
    assert histogram_distance(torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 5, 5)) == 1
    half = torch.zeros(1, 3, 4, 4)
    half[..., :2] = 1
    assert histogram_distance(half, torch.zeros(1, 3, 4, 4)) == 0.5


def test_every_photo_gets_another_one(photo: Image.Image, dusk: Image.Image) -> None:
    photos = [photo, dusk, photo.rotate(180), Image.new("RGB", (60, 60), "white")]
    pairs = photo_pairs(photos, 4)
    assert [one for one, _ in pairs] == [0, 1, 2, 3]
    assert all(one != other for one, other in pairs)
    assert len({other for _, other in pairs}) >= 3


def test_the_scores_tell_a_photo_from_a_painting(material: Path, photo: Image.Image, dusk: Image.Image) -> None:
    scores = evaluate_photos(
        classic_transfers() | {"the style": lambda photo, style: style.resize(photo.size)},
        [(photo.resize((240, 200)), dusk.resize((200, 240)))],
        read_vgg(material / "vgg.safetensors"),
        size=128,
    )
    assert scores["the photo itself"].edges == pytest.approx(1)
    assert scores["the style"].edges < 0.9
    assert scores["the style"].style < scores["the photo itself"].style
    assert scores["histogram matching"].colors < scores["the photo itself"].colors


def test_eval_of_photos_on_the_command_line(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.evaluation.photos.by_method", lambda method, size: lambda photo, style: photo)
    arguments = ["--photos", str(material / "photos.tar"), "--vgg", str(material / "vgg.safetensors")]
    options = ["--photo", "--limit", "2", "--size", "96", "-o", str(tmp_path / "eval.json")]
    run = CliRunner().invoke(app, ["eval", "deep-photo", *arguments, *options])
    assert run.exit_code == 0, run.output
    assert "Reinhard" in run.output
    result = json.loads((tmp_path / "eval.json").read_text())
    assert set(result["scores"]) == {"deep-photo", "Reinhard", "histogram matching", "the photo itself"}
    assert result["scores"]["deep-photo"]["edges"] == pytest.approx(1)
    both = CliRunner().invoke(app, ["eval", "deep-photo", *arguments, "--photo", "--paintings", str(tmp_path)])
    assert "leave out --paintings" in str(both.exception)
    neither = CliRunner().invoke(app, ["eval", "deep-photo", *arguments])
    assert "--paintings FOLDER, or use --photo" in str(neither.exception)
    learnt = CliRunner().invoke(app, ["eval", "cin-25styles", *arguments, "--photo"])
    assert "cannot take a photo as a style" in str(learnt.exception)


def test_no_parsing_is_a_choice_like_the_others(deep_photo: Method, photo: Image.Image, dusk: Image.Image) -> None:
    field = next(f for f in field_specs(deep_photo.Parameters) if f.name == "parser")
    assert field.choices == ("bundled", "segformer", "none")
    result = deep_photo(photo, style=dusk, parser="none", size=64, iterations=2)
    assert result.info["stylehub"]["remarks"]["regions"] == ["everything"]
