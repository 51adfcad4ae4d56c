"""AdaIN: statistics exchanged exactly, vectors that are the painting, tiles that cannot be told from the whole."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import hub
from hub.cli import app
from hub.errors import ImageError, ParameterError, StylehubError, TrainingError, UnknownName, WeightsError
from hub.files import user_cache
from hub.method import Method
from hub.progress import Progress
from hub.trainer import train
from hub.weights import read_metadata, read_safetensors, write_safetensors
from methods.adain.method import AdaIN
from methods.adain.network import LAYER, AdaINNetwork, adain
from methods.adain.teacher import Teacher
from methods.adain.training import AdaINSettings, AdaINTraining
from methods.parts.perceptual.losses import balanced_error
from methods.parts.perceptual.statistics import Statistics, statistics
from methods.parts.perceptual.vgg import Blocks, read_vgg
from methods.parts.style_vectors import SCALES, StyleVector, blend
from tests.contract import check_contract

CPU = torch.device("cpu")
BLOCKS: Blocks = ((4, 4), (6, 6), (8, 8, 8), (10,))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random network, in which pictures can still be told apart, and one preset."""
    torch.manual_seed(0)
    network = AdaINNetwork(BLOCKS)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
            torch.nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    last = network.decoder.layers[-1]
    torch.nn.init.normal_(last.weight, std=0.1)
    torch.nn.init.constant_(last.bias, 0.5)
    tensors = {**network.state_dict(), "presets.red-stripes": torch.rand(len(SCALES), 2, 10)}
    folder = tmp_path_factory.mktemp("adain")
    config = {"method": "adain", "blocks": BLOCKS, "presets": [{"name": "red-stripes", "title": "Stripes"}]}
    write_safetensors(folder / "model.safetensors", tensors, {"config": json.dumps(config)})
    return folder


@pytest.fixture
def method(weights: Path) -> AdaIN:
    loaded = hub.load(weights, device="cpu", dtype="float32")
    assert isinstance(loaded, AdaIN)
    return loaded


@pytest.fixture
def painting(photo: Image.Image) -> Image.Image:
    return photo.rotate(90, expand=True)


def at(vector: StyleVector, stroke: float) -> Statistics:
    """A vector's statistics, of one painting."""
    return Statistics(*vector.rows(stroke)[:, None])


def test_the_statistics_become_those_of_the_style() -> None:
    torch.manual_seed(0)
    content, style = torch.randn(2, 5, 9, 7) * 3 + 1, torch.randn(2, 5, 4, 6) * 0.5 - 2
    exchanged = adain(content, statistics(content), statistics(style))
    for found, wanted in zip(statistics(exchanged), statistics(style), strict=True):
        assert torch.allclose(found, wanted, atol=1e-4)
    own = statistics(content)
    assert torch.allclose(adain(content, own, own), content, atol=1e-5)


def test_the_decoder_mirrors_the_encoder() -> None:
    network = AdaINNetwork(BLOCKS)
    assert network.encode(torch.rand(1, 3, 32, 48)).shape == (1, 10, 4, 6)
    assert network.decode(torch.rand(1, 10, 4, 6)).shape == (1, 3, 32, 48)
    shapes = [(layer.in_channels, layer.out_channels) for layer in network.decoder.layers]
    assert shapes == [(10, 8), (8, 8), (8, 8), (8, 6), (6, 6), (6, 4), (4, 4), (4, 3)]
    assert network.decoder.upsampled_after == {0, 3, 5}


def test_alpha_nothing_is_the_reconstruction_and_one_is_plain(method: AdaIN, painting: Image.Image) -> None:
    photo = torch.rand(1, 3, 40, 48)
    with torch.inference_mode():
        features = method.network.encode(photo)
        style = at(method.vector(painting), 1.0)
        reconstruction = method.network.decode(features).clamp(0, 1)
        plain = method.network.decode(adain(features, statistics(features), style)).clamp(0, 1)
    assert (method(photo, style=painting, alpha=0.0) - reconstruction).abs().max() < 1e-5
    assert (method(photo, style=painting) - plain).abs().max() < 1e-5
    assert (reconstruction - plain).abs().max() > 1e-3


def test_a_mixture_ends_in_single_styles(method: AdaIN, photo: Image.Image, painting: Image.Image) -> None:
    other = photo.transpose(Image.Transpose.FLIP_TOP_BOTTOM).convert("L").convert("RGB")
    one, two = (np.asarray(method(photo, style=p), np.int16) for p in (painting, other))
    assert np.array_equal(one, method(photo, style=[(painting, 1.0), (other, 0.0)]))
    half = np.asarray(method(photo, style=[(painting, 3.0), (other, 3.0)]), np.int16)
    assert np.abs(one - half).max() > 0
    assert np.abs(two - half).max() > 0
    first, second = method.vector(painting), method.vector(other)
    mean = at(blend([(first, 0.25), (second, 0.75)]), 1.0)
    assert torch.allclose(mean.deviation, 0.25 * at(first, 1.0).deviation + 0.75 * at(second, 1.0).deviation)


def test_a_saved_vector_gives_the_same_picture(
    method: AdaIN, photo: Image.Image, painting: Image.Image, tmp_path: Path
) -> None:
    path = method.vector(painting).save(tmp_path / "mine.safetensors")
    assert path.stat().st_size < 10_000
    assert np.array_equal(method(photo, style=path, stroke_size=0.7), method(photo, style=painting, stroke_size=0.7))


def test_a_painting_is_encoded_once(
    method: AdaIN, photo: Image.Image, painting: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = method.vector(painting)
    monkeypatch.setattr(method.network, "encode", lambda *_: pytest.fail("encoded again"))
    assert torch.equal(method.vector(painting.copy()).numbers, first.numbers)


@pytest.mark.parametrize("tensors", [{}, {"vector": torch.zeros(3)}, {"vector": torch.full((5, 2, 10), float("nan"))}])
def test_a_damaged_vector_in_the_cache_is_made_again(
    method: AdaIN, painting: Image.Image, tensors: dict[str, torch.Tensor]
) -> None:
    first = method.vector(painting)
    (kept,) = (user_cache() / "vectors").glob("*.safetensors")
    write_safetensors(kept, tensors, {"config": json.dumps({"vector_of": first.encoder})})
    assert torch.equal(method.vector(painting).numbers, first.numbers)


@pytest.mark.parametrize("vector", [None, torch.zeros(3), torch.full((5, 2, 10), float("nan"))])
def test_weights_without_a_valid_vector_of_a_preset_are_refused(
    weights: Path, tmp_path: Path, vector: torch.Tensor | None
) -> None:
    path = weights / "model.safetensors"
    tensors = read_safetensors(path)
    del tensors["presets.red-stripes"]
    tensors |= {} if vector is None else {"presets.red-stripes": vector}
    write_safetensors(tmp_path / "model.safetensors", tensors, {"config": read_metadata(path)["config"]})
    with pytest.raises(WeightsError, match="preset 'red-stripes'"):
        hub.load(tmp_path, device="cpu")


@pytest.mark.parametrize("size", [(64, 100), (37, 150), (16, 16)])
def test_tiled_equals_whole(
    method: AdaIN, painting: Image.Image, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    photo = torch.rand(1, 3, *size)
    whole = method(photo, style=painting)
    monkeypatch.setattr(method, "tile", 24)
    seen: list[Progress] = []
    assert (method(photo, style=painting, progress=seen.append) - whole).abs().max() < 1e-4
    assert len(seen) == 2 * -(-size[0] // 24) * -(-size[1] // 24) + 1 or size == (16, 16)


def test_a_stroke_size_between_two_scales_is_their_mean(method: AdaIN, painting: Image.Image) -> None:
    vector = method.vector(painting)
    for index, scale in enumerate(SCALES):
        assert torch.allclose(at(vector, scale).mean[0], vector.numbers[index, 0], atol=1e-4)
    between = at(vector, (SCALES[1] * SCALES[2]) ** 0.5).mean[0]
    assert torch.allclose(between, vector.numbers[1:3, 0].mean(0), atol=1e-4)


def test_a_preset_by_the_end_of_its_name(method: AdaIN, photo: Image.Image) -> None:
    picture = method(photo, style="stripes")
    assert picture.info["stylehub"]["parameters"]["style"] == "red-stripes"
    with pytest.raises(UnknownName, match=r"red-strypes.*red-stripes.*as a file"):
        method(photo, style="red-strypes")


def test_larger_strokes_are_larger() -> None:
    """The bundled network: the dominant period of what it paints grows with the stroke size, in pixels of any photo."""
    method = hub.load("adain", device="cpu")
    even = Image.effect_noise((384, 384), 40).convert("RGB")

    def period(stroke: float, side: int) -> float:
        """Pixels, the mean over three paintings."""
        found = []
        for painting in ("water-lilies", "la-grande-jatte", "great-wave"):
            picture = method(even.resize((side, side)), style=painting, stroke_size=stroke)
            grey = np.asarray(picture.convert("L"), np.float64)
            power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
            frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
            found.append(power.sum() / (power * frequency).sum())
        return float(np.mean(found))

    periods = [period(stroke, 256) for stroke in SCALES]
    assert periods == sorted(periods)
    assert periods[-1] > 1.1 * periods[0]
    assert period(1.0, 320) == pytest.approx(periods[2], rel=0.2)


def test_a_vector_by_the_command_line(
    weights: Path, photo: Image.Image, painting: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    painting.save("painting.png")
    photo.save("photo.png")
    run = CliRunner().invoke(app, ["vector", str(weights), "painting.png", "--device", "cpu"])
    assert run.exit_code == 0, run.output
    assert "--style painting.safetensors" in run.output
    blend = ["vector", str(weights), "painting.png=0.5", "red-stripes=0.5", "-o", "both.safetensors"]
    assert CliRunner().invoke(app, blend).exit_code == 0
    method = hub.load(weights, device="cpu", dtype="float32")
    assert np.array_equal(method(photo, style="painting.safetensors"), method(photo, style="painting.png"))
    mixed = method(photo, style={"painting.png": 1, "red-stripes": 1})
    assert (
        np.abs(np.asarray(method(photo, style="both.safetensors"), np.int16) - np.asarray(mixed, np.int16)).max() <= 1
    )
    for words, message in (
        (["vector", str(weights), "painting.png"], "exists"),
        (["vector", str(weights), "painting.png", "-o", "x.png"], "a .safetensors file"),
        (["vector", "cin-25styles", "udnie"], "cannot take paintings"),
        (["vector", "gatys", "painting.png", "-o", "y.safetensors"], "has no style vectors"),
    ):
        with pytest.raises(StylehubError, match=message):
            CliRunner().invoke(app, words, catch_exceptions=False)
    assert not (tmp_path / "y.safetensors").exists()


def test_contract(weights: Path, photo: Image.Image, painting: Image.Image, tmp_path: Path) -> None:
    painting.save(tmp_path / "painting.png")
    check_contract(hub.load(weights, device="cpu"), {"style": tmp_path / "painting.png"}, photo, tmp_path)


def test_bad_input(method: AdaIN, photo: Image.Image, painting: Image.Image, tmp_path: Path) -> None:
    broken, foreign, none = (tmp_path / f"{name}.safetensors" for name in ("broken", "foreign", "none"))
    vector = method.vector(painting)
    write_safetensors(broken, {"vector": torch.ones(3)}, {"config": json.dumps({"vector_of": vector.encoder})})
    write_safetensors(foreign, {"vector": vector.numbers}, {"config": json.dumps({"vector_of": "f" * 64})})
    write_safetensors(none, {"vector": vector.numbers}, {"config": "{}"})
    cases: list[tuple[dict[str, Any], type[StylehubError], str]] = [
        ({}, ParameterError, "Give the parameter 'style'"),
        ({"style": Image.new("RGB", (64, 64), "red")}, ImageError, "one colour only"),
        ({"style": painting.resize((8, 8))}, ImageError, "8x8 pixels; the encoder needs 32"),
        ({"style": tmp_path / "nowhere.png"}, ImageError, r"nowhere\.png"),
        ({"style": broken}, WeightsError, "holds no valid style vector"),
        ({"style": foreign}, WeightsError, "made by another encoder"),
        ({"style": none}, WeightsError, "holds no style vector"),
        ({"style": painting, "stroke_size": 3}, ParameterError, "stroke_size"),
        ({"style": painting, "alpha": 1.5}, ParameterError, "alpha"),
    ]
    for parameters, error, message in cases:
        with pytest.raises(error, match=message):
            method(photo, **parameters)


def test_a_balanced_error_has_a_bound() -> None:
    small, large = torch.full((2, 3), 1e-4), torch.full((2, 3), 1e3)
    assert torch.allclose(balanced_error(large, small), torch.full((2,), 2.0))
    assert balanced_error(small, small).abs().max() == 0
    assert torch.allclose(balanced_error(torch.zeros(2, 3), large), balanced_error(torch.zeros(2, 3), small))


def settings_of(material: Path, **others: Any) -> AdaINSettings:
    """Settings of a training of seconds."""
    return AdaINSettings.model_validate(
        {
            "content": [material / "photos.tar"],
            "paintings": [material / "paintings"],
            "vgg": material / "vgg.safetensors",
            "crops": [32],
            "crop_starts": [0.0],
            "batch": 2,
            "steps": 24,
            "warmup": 2,
            "workers": 0,
            "bf16": False,
        }
        | others
    )


@pytest.mark.usefixtures("small_paintings")
def test_training_lowers_the_losses(material: Path, tmp_path: Path) -> None:
    settings = settings_of(material, reconstruction=0.25, presets=material / "paintings")
    seen: list[Progress] = []
    recipe = AdaINTraining(settings, CPU)
    encoder = {name: tensor.clone() for name, tensor in recipe.network.encoder.state_dict().items()}
    folder = train(recipe, tmp_path / "run", CPU, seen.append)
    assert "moments" not in seen[5].losses, "it begins as an autoencoder"
    assert "moments" in seen[6].losses
    for name in ("identity", "moments", "content"):
        values = [p.losses[name] for p in seen if name in p.losses]
        assert np.mean(values[-4:]) < np.mean(values[:4])
    assert all(torch.equal(tensor, encoder[name]) for name, tensor in recipe.network.encoder.state_dict().items())
    method: Method = hub.load(folder, device="cpu", dtype="float32")
    assert list(method.styles) == ["blue-dots", "red-stripes"]
    photo = torch.rand(1, 3, 32, 32)
    by_name, by_file = (method(photo, style=s) for s in ("red-stripes", material / "paintings" / "red-stripes.png"))
    assert (by_name - by_file).abs().max() < 0.01
    assert method(Image.new("RGB", (40, 30), "teal"), style=material / "paintings" / "red-stripes.png").size == (40, 30)


@pytest.fixture
def teacher(material: Path, tmp_path: Path) -> dict[str, Any]:
    """The settings for a teacher: the VGG of the tests with a random decoder that paints in grey and colour."""
    torch.manual_seed(1)
    network = AdaINNetwork(read_vgg(material / "vgg.safetensors", LAYER).blocks)
    torch.nn.init.normal_(network.decoder.layers[-1].weight, std=0.5)
    decoder = tmp_path / "decoder.safetensors"
    write_safetensors(decoder, network.decoder.state_dict(), {})
    return {
        "teacher_encoder": material / "vgg.safetensors",
        "teacher_decoder": decoder,
        "teacher_pictures": tmp_path / "pictures",
        "teacher_pairs": 2,
    }


def test_imitation_lowers_the_difference_to_the_teacher(
    material: Path, tmp_path: Path, teacher: dict[str, Any]
) -> None:
    task = AdaINTraining(settings_of(material, steps=10, **teacher), CPU)
    seen: list[Progress] = []
    train(task, tmp_path / "run", CPU, seen.append)
    values = [p.losses["imitation"] for p in seen]
    assert np.mean(values[-2:]) < 0.8 * np.mean(values[:2])
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 2, "each pair is painted once"


@pytest.mark.parametrize("factor", [0.0, 0.5])
def test_the_encoder_learns_from_a_teacher_if_it_may(material: Path, teacher: dict[str, Any], factor: float) -> None:
    task = AdaINTraining(settings_of(material, encoder_factor=factor, **teacher), CPU)
    task.losses(task.batches()[0], 0)["loss"].backward()
    assert all((p.grad is not None) == (factor > 0) for p in task.network.encoder.parameters())
    groups = [g["factor"] for g in task.parameter_groups() if g["params"] and "factor" in g]
    assert groups == ([factor] if factor else [])


def test_the_gram_matrices_may_be_those_of_the_painting(material: Path, teacher: dict[str, Any]) -> None:
    photos = torch.rand(1, 3, 32, 32)
    stripes = (torch.arange(32) % 4 < 2).float().expand(1, 3, 32, 32).contiguous()
    grams = {}
    for target in ("teacher", "painting"):
        task = AdaINTraining(settings_of(material, gram_target=target, content_weight=0, **teacher), CPU)
        # The teacher shows what the network itself paints, so nothing is left to learn but the painting.
        content, style = task.network.encode(photos), task.network.encode(stripes)
        own = task.network.decode(adain(content, statistics(content), statistics(style))).detach()
        losses = task.imitation(photos, stripes, own)
        assert losses["imitation"] < 1e-6
        assert "content" not in losses
        grams[target] = losses["grams"].item()
    assert grams["teacher"] < 1e-6 < 0.1 < grams["painting"]


def test_kept_pictures_are_the_teachers_own(material: Path, tmp_path: Path, teacher: dict[str, Any]) -> None:
    photos, paintings = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    files = teacher["teacher_encoder"], teacher["teacher_decoder"]
    painted = Teacher(*files, tmp_path / "pictures", CPU)(photos, paintings)
    assert not torch.equal(*painted)
    again = Teacher(*files, tmp_path / "pictures", CPU)
    again.network.decoder = torch.nn.Identity()  # it would fail if it painted
    assert torch.equal(again(photos, paintings), painted)
    damaged = next((tmp_path / "pictures").glob("*.png"))
    damaged.write_bytes(damaged.read_bytes()[:60])
    assert torch.equal(Teacher(*files, tmp_path / "pictures", CPU)(photos, paintings), painted)
    (tmp_path / "a file").touch()
    with pytest.raises(TrainingError, match="pictures cannot be kept"):
        Teacher(*files, tmp_path / "a file" / "pictures", CPU)(photos, paintings)


def test_a_teacher_without_its_decoder(material: Path, teacher: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="--teacher-decoder"):
        AdaINTraining(settings_of(material, **(teacher | {"teacher_decoder": None})), CPU)
    with pytest.raises(WeightsError, match="does not fit Decoder"):
        AdaINTraining(settings_of(material, **(teacher | {"teacher_decoder": material / "vgg.safetensors"})), CPU)


def test_statistics_are_a_tuple_of_float32() -> None:
    found = statistics(torch.rand(2, 3, 4, 4).bfloat16())
    assert isinstance(found, Statistics)
    assert found.mean.dtype == found.deviation.dtype == torch.float32
