"""Optimisation: its losses against hand-worked ones, its gradients, and that each way of running it goes downhill."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.cli import app
from hub.cli.flags import parse
from hub.errors import DownloadError, ImageError, ParameterError, StylehubError
from hub.method import Method
from hub.pictures import Pictures
from hub.progress import Progress
from methods.gatys.gap import gap_by
from methods.gatys.method import GatysParameters, ImageOptimisation, Targets, scales
from methods.parts.optimisation.loop import Flatness
from methods.parts.optimisation.parameterisation import FourierParameterisation, color_covariance
from methods.parts.perceptual.losses import gram_matrix
from methods.parts.perceptual.vgg import VGG

TINY = ((4, 4), (6, 6), (8, 8), (8, 8), (8, 8))
Run = Callable[..., tuple[Image.Image, list[Progress]]]


@pytest.fixture
def gatys(monkeypatch: pytest.MonkeyPatch) -> Method:
    """The method with a tiny perceptual network of random weights."""
    torch.manual_seed(0)
    network = VGG(TINY, "relu5_2", padding="reflect").frozen()
    method = hub.load("gatys", device="cpu", dtype="float32")
    monkeypatch.setattr(method, "backbone", lambda parameters: network)
    return method


@pytest.fixture(scope="module")
def painting() -> Image.Image:
    rng = np.random.default_rng(1)
    stripes = np.kron(rng.integers(0, 255, (12, 10, 3)), np.ones((6, 6, 1)))
    return Image.fromarray(stripes.astype(np.uint8))


@pytest.fixture
def run(gatys: Method, photo: Image.Image, painting: Image.Image) -> Run:
    def call(**parameters: Any) -> tuple[Image.Image, list[Progress]]:
        seen: list[Progress] = []
        options = {"style": painting, "iterations": 12, **parameters}
        image: Image.Image = gatys(photo, progress=seen.append, **options)
        return image, [p for p in seen if p.losses]

    return call


def optimisation(**options: Any) -> ImageOptimisation:
    torch.manual_seed(0)
    network = VGG(((2, 2), (3, 3)), "relu2_2", padding="reflect").double()
    network.requires_grad_(False)
    parameters = GatysParameters(
        style=Pictures([Path("x.png")]),
        content_layers={"conv2_2": 0.5},
        style_layers={"relu1_1": 1, "relu2_1": 2},
        **options,
    )
    photo, painting = torch.rand(2, 1, 3, 12, 10, dtype=torch.float64)
    targets = Targets(
        network(photo, ["conv2_2"]),
        {k: gram_matrix(f) for k, f in network(painting, ["relu1_1", "relu2_1"]).items()},
        color_covariance(photo, painting),
    )
    return ImageOptimisation(torch.rand(1, 3, 12, 10, dtype=torch.float64), targets, network, parameters)


def test_the_loss_is_the_weighted_sum_of_relative_errors() -> None:
    o = optimisation(content_weight=3, style_weight=5, variation_weight=7)
    losses = o.losses()
    features = o.network(o.picture, o.network.layers)
    target = o.targets.content["conv2_2"]
    content = 0.5 * ((features["conv2_2"] - target) ** 2).sum() / (target**2).sum()
    style = 0.0
    for layer, weight in (("relu1_1", 1), ("relu2_1", 2)):
        f = features[layer][0].flatten(1)
        gram, wanted = f @ f.T / f.shape[1], o.targets.grams[layer][0]
        style = style + weight * ((gram - wanted) ** 2).sum() / (wanted**2).sum()
    x = o.picture
    variation = ((x[..., 1:] - x[..., :-1]) ** 2).mean() + ((x[..., 1:, :] - x[..., :-1, :]) ** 2).mean()
    assert losses["content"].item() == pytest.approx(content.item(), rel=1e-5)
    assert losses["style"].item() == pytest.approx(float(style), rel=1e-4)
    assert losses["variation"].item() == pytest.approx(variation.item(), rel=1e-5)
    by_hand = 3 * losses["content"] + 5 * losses["style"] + 7 * losses["variation"]
    assert losses["loss"].item() == pytest.approx(by_hand.item(), rel=1e-6)


def test_the_gradient_is_that_of_finite_differences() -> None:
    o = optimisation(style_weight=1)
    (gradient,) = torch.autograd.grad(o.losses()["loss"], o.picture)
    with torch.no_grad():
        for place in [(0, 0, 3, 4), (0, 1, 0, 0), (0, 2, 11, 9)]:
            values = []
            for step in (5e-3, -5e-3):
                o.picture[place] += step
                values.append(o.losses()["loss"].item())
                o.picture[place] -= step
            assert (values[0] - values[1]) / 1e-2 == pytest.approx(gradient[place].item(), rel=0.1, abs=1e-5)


@pytest.mark.parametrize("size", [(12, 10), (11, 13)])
def test_coordinates_pass_gradients_on(size: tuple[int, int]) -> None:
    """The gradient by z is the transpose of what makes the picture: <A z, g> = <z, A^T g>."""
    torch.manual_seed(0)
    start, z, gradient = torch.rand(3, 1, 3, *size, dtype=torch.float64)
    coordinates = FourierParameterisation(start, color_covariance(torch.rand(1, 3, 9, 9, dtype=torch.float64)))
    assert torch.allclose(coordinates.picture(torch.zeros_like(z)), start)
    moved = coordinates.picture(z) - start
    assert (moved * gradient).sum() == pytest.approx((z * coordinates.gradient(gradient)).sum().item(), rel=1e-9)


def test_coordinates_reach_every_picture_and_stress_the_coarse() -> None:
    """Also of one colour, where the covariance is nothing: grey photo, black painting."""
    coordinates = FourierParameterisation(torch.zeros(1, 3, 16, 16), color_covariance(torch.zeros(1, 3, 8, 8)))
    y = torch.arange(16.0).view(1, 1, 16, 1).expand(1, 3, 16, 16)
    coarse, fine = (coordinates.picture((2 * torch.pi * n * y / 16).cos()).std() for n in (1, 7))
    assert 4 < coarse / fine < 7


def test_color_covariance() -> None:
    pictures = torch.rand(1, 3, 4, 5), torch.rand(1, 3, 4, 5)
    expected = torch.cat(pictures, 2)[0].flatten(1).cov(correction=0)
    assert torch.allclose(color_covariance(*pictures), expected, atol=1e-6)


@pytest.mark.usefixtures("small_paintings")
def test_it_can_start_from_the_picture_of_a_pass(
    gatys: Method, run: Run, photo: Image.Image, painting: Image.Image
) -> None:
    painted = hub.load("any-style", device="cpu")(photo, style=painting, stroke="fine")
    before = np.asarray(painted, np.int16)
    after = np.asarray(run(start="any-style", iterations=1, learning_rate=1e-6)[0], np.int16)
    assert abs(after - before).max() <= 2
    finer, seen = run(start="any-style", iterations=12)
    assert np.asarray(finer, np.int16).tolist() != before.tolist()
    assert seen[-1].losses["loss"] < 0.9 * seen[0].losses["loss"]


@pytest.mark.parametrize("start", ["content", "noise", "mix"])
@pytest.mark.parametrize("optimizer", ["l-bfgs", "adam"])
def test_every_start_and_optimiser_goes_downhill(run: Run, photo: Image.Image, start: str, optimizer: str) -> None:
    image, seen = run(start=start, optimizer=optimizer, iterations=30)
    assert image.size == photo.size
    assert seen[-1].losses["loss"] < 0.7 * seen[0].losses["loss"]
    assert set(seen[-1].losses) == {"loss", "content", "style", "variation"}


def test_more_style_weight_brings_the_style_nearer(run: Run) -> None:
    styles = [run(style_weight=w, iterations=25, patience=0)[1][-1].losses["style"] for w in (1.0, 300.0)]
    assert styles[1] < 0.7 * styles[0]


def test_the_optimality_gap_of_an_optimised_picture_is_small(material: Path, photo: Image.Image) -> None:
    """One that was optimised already has little left to gain, the photo itself much."""
    vgg, painting = material / "vgg.safetensors", Image.open(material / "paintings" / "red-stripes.png")
    optimised = hub.load("gatys", device="cpu")(photo, style=painting, vgg=vgg, iterations=40, patience=0)
    gap = gap_by(vgg, torch.device("cpu"), 20)
    near, far = (gap(result, photo, painting) for result in (optimised, photo))
    assert 1 <= near < 1.5
    assert far > 2 * near


def test_it_goes_on_from_an_earlier_picture(run: Run, tmp_path: Path) -> None:
    image, first = run(iterations=20)
    hub.save(image, tmp_path / "so-far.png")
    _, again = run(initial=tmp_path / "so-far.png", iterations=3)
    assert again[0].losses["loss"] < 0.5 * first[0].losses["loss"]
    assert image.info["stylehub"]["parameters"]["style"] == "PICTURE"


def test_a_record_names_files_without_their_folders(gatys: Method, painting: Image.Image, tmp_path: Path) -> None:
    painting.save(tmp_path / "stripes.png")
    curves = tmp_path / "curves.png"
    photo = Image.new("RGB", (64, 64), "teal")
    image = gatys(
        photo, style={tmp_path / "stripes.png": 1.0}, initial=tmp_path / "stripes.png", curves=curves, iterations=2
    )
    recorded = image.info["stylehub"]["parameters"]
    assert recorded == {"style": "stripes.png", "initial": "stripes.png", "iterations": 2}
    assert Image.open(curves).size == (960, 540)
    before = curves.read_bytes()
    gatys(photo, style=tmp_path / "stripes.png", curves=curves, iterations=1)
    assert curves.read_bytes() == before
    assert (tmp_path / "curves2.png").is_file()


def test_two_paintings_are_mixed(run: Run, painting: Image.Image) -> None:
    other = Image.effect_noise((70, 60), 80).convert("RGB")
    pictures = [
        run(style=style)[0] for style in (painting, other, [(painting, 1), (other, 1)], [(painting, 1), (other, 0)])
    ]
    first, second, both, first_again = (np.asarray(p, np.float32) for p in pictures)
    assert np.array_equal(first, first_again)
    assert np.abs(both - first).mean() > 1
    assert np.abs(both - second).mean() > 1


def test_the_size_of_the_strokes(run: Run) -> None:
    small, large = (np.asarray(run(style_scale=s)[0], np.float32) for s in (0.6, 2.0))
    assert np.abs(small - large).mean() > 1


def test_it_stops_when_it_is_flat() -> None:
    falling = [1.0 / (1 + i) for i in range(40)]
    flat = Flatness(0.01)
    for loss in falling:
        flat.seen.append(loss)
        assert not flat.reached
    flat.seen += [0.024] * 30
    assert flat.reached
    never = Flatness(0)
    never.seen = [1.0] * 100
    assert not never.reached


def test_losses_that_are_no_numbers_keep_the_last_good_picture(
    run: Run, photo: Image.Image, caplog: pytest.LogCaptureFixture
) -> None:
    image, seen = run(optimizer="adam", learning_rate=100, style_weight=1e6, content_weight=0)
    assert image.size == photo.size

    def broken(self: ImageOptimisation) -> dict[str, torch.Tensor]:
        loss = (self.picture * float("nan")).sum()
        return {"loss": loss, "content": loss, "style": loss, "variation": loss}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageOptimisation, "losses", broken)
        image, seen = run()
    assert np.array_equal(image, photo)
    assert not seen
    assert "Lower --learning-rate" in caplog.text


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((512, 512), [(512, 512)]),
        ((256, 384), [(256, 384)]),
        ((768, 768), [(384, 384), (768, 768)]),
        ((2048, 4096), [(512, 1024), (1024, 2048), (2048, 4096)]),
        ((1, 1), [(64, 64)]),
        ((3, 500), [(32, 500)]),
    ],
)
def test_from_coarse_to_fine(size: tuple[int, int], expected: list[tuple[int, int]]) -> None:
    assert scales(*size, True) == expected
    assert scales(*size, False) == expected[-1:]


def test_bad_input(gatys: Method, photo: Image.Image, painting: Image.Image, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], type[StylehubError], str]] = [
        ({}, ParameterError, "Give the parameter 'style'"),
        ({"style": tmp_path / "nowhere.png"}, ImageError, "nowhere.png"),
        ({"style": painting.resize((8, 8))}, ImageError, "32 at least"),
        ({"style": []}, ParameterError, "at least one picture"),
        ({"style": [(painting, -1)]}, ParameterError, "zero or more"),
        ({"style": [(painting, 0)]}, ParameterError, "do not sum to zero"),
        ({"style": painting, "style_weight": 0, "content_weight": 0}, ParameterError, "nothing to optimise"),
        ({"style": painting, "style_layers": {"relu1_1": -1}}, ParameterError, "zero or more"),
        ({"style": painting, "style_layers": {"relu1_1": 0}}, ParameterError, "weigh nothing together"),
        ({"style": painting, "curves": tmp_path / "losses.txt"}, ParameterError, "a PNG file, not losses.txt"),
        ({"style": painting, "curves": tmp_path / "no" / "c.png"}, ParameterError, "There is no folder"),
        ({"style": painting, "backbone": "resnet"}, ParameterError, "backbone"),
        ({"style": painting, "iterations": 0}, ParameterError, "iterations"),
    ]
    for parameters, kind, message in cases:
        with pytest.raises(kind, match=message):
            gatys(photo, **parameters)


def test_a_share_of_a_single_painting_is_checked_too() -> None:
    assert parse(GatysParameters, ["--style", "a.png=-1"])[0] == {"style": [("a.png", -1.0)]}
    assert parse(GatysParameters, ["--style", "a.png"])[0] == {"style": "a.png"}
    assert parse(GatysParameters, ["--style", "a=b.png"])[0] == {"style": "a=b.png"}


def test_offline_makes_no_request(painting: Image.Image, photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("looked up a host")

    monkeypatch.setattr("socket.getaddrinfo", never)
    with pytest.raises(DownloadError, match="--backbone vgg-slim works"):
        hub.load("gatys", device="cpu", offline=True)(photo, style=painting, backbone="vgg-19")


def test_show_says_which_network_optimised(
    photo: Image.Image, painting: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = hub.load("gatys", device="cpu")(photo, style=painting, iterations=2, size=64)
    hub.save(image, tmp_path / "out.png")
    with pytest.raises(SystemExit) as stopped:
        app(["show", str(tmp_path / "out.png")])
    assert stopped.value.code == 0
    assert "no weights of its own, optimised by vgg-slim, stylehub" in capsys.readouterr().out


def test_layers_that_do_not_exist(photo: Image.Image, painting: Image.Image, material: Path) -> None:
    method = hub.load("gatys", device="cpu", dtype="float32")
    vgg = material / "vgg.safetensors"
    with pytest.raises(ParameterError, match=r"no layer 'relu9_1'.*|last convolution is"):
        method(photo, style=painting, vgg=vgg, style_layers="relu9_1")
    with pytest.raises(ParameterError, match=r"'content_layers' cannot be"):
        method(photo, style=painting, vgg=vgg, content_layers="relu4_2=much")


def test_too_little_memory_says_what_to_do(
    gatys: Method, painting: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ImageOptimisation) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ImageOptimisation, "losses", full)
    with pytest.raises(StylehubError, match="optimise 90x70 pixels; give --size 512"):
        gatys(torch.rand(1, 3, 70, 90), style=painting)


@pytest.mark.parametrize("colour", ["black", "white", "#406080"])
def test_solid_colours_do_no_harm(gatys: Method, photo: Image.Image, colour: str) -> None:
    flat = Image.new("RGB", (64, 64), colour)
    for content, style in ((flat, photo), (photo, flat)):
        assert gatys(content, style=style, iterations=3).size == content.size
