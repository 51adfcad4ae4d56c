"""One network a painting: it learns, starts from the conditional network, and each style has weights of its own."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.errors import StylehubError, TrainingError, UnknownName, WeightsError
from hub.method import Style
from hub.progress import Progress
from hub.registry import Model
from hub.trainer import train
from hub.weights import read_safetensors, sha256_of, write_safetensors
from methods.fast_art.method import FastArt
from methods.fast_art.one_style import fold_row, widen
from methods.fast_art.training import FastArtSettings, FastArtTraining
from methods.parts.transformation.network import ImageTransformationNetwork
from methods.parts.transformation.runner import TiledRunner
from tests.support.models import STYLES, random_network, tiny_training

CPU = torch.device("cpu")


def settings(material: Path, **changes: object) -> FastArtSettings:
    values = tiny_training(material) | {
        "style": material / "large" / "red-stripes.png",
        "scratch": "initial" not in changes,
    }
    return FastArtSettings.model_validate(values | changes)


@pytest.mark.parametrize("upsampling", ["resize", "transposed"])
def test_training_on_four_images_lowers_the_loss(material: Path, tmp_path: Path, upsampling: str) -> None:
    seen: list[Progress] = []
    recipe = FastArtTraining(settings(material, steps=24, warmup=4, content_weight=0, upsampling=upsampling), CPU)
    weights = train(recipe, tmp_path, CPU, seen.append)
    losses = [p.losses["loss"] for p in seen]
    assert np.mean(losses[-6:]) < 0.6 * np.mean(losses[:6])

    method = hub.load(weights, device="cpu")
    assert list(method.styles) == ["red-stripes"]
    photo = Image.new("RGB", (40, 30), "teal")
    assert method(photo, style="red-stripes").size == (40, 30)
    config = json.loads((weights / "config.json").read_text())
    assert config["upsampling"] == upsampling
    assert str(material) not in json.dumps(config), "a path of this machine was published"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("width", [4, 8])
def test_a_folded_row_gives_the_same_picture(material: Path, tiny_model: Path, style: str, width: int) -> None:
    """As wide as the conditional network, or twice as wide: the network starts with that network's picture."""
    known = {"initial": tiny_model / "model.safetensors", "initial_style": style}
    network = FastArtTraining(settings(material, width=width, **known), CPU).network
    photos = torch.rand(2, 3, 32, 44)
    mix = torch.eye(3)[[STYLES.index(style)]].expand(2, -1)
    with torch.no_grad():
        assert (network(photos, torch.ones(2, 1)) - random_network()(photos, mix)).abs().max() < 2e-5


def test_channels_of_a_widened_network_part() -> None:
    """Copies that read the same would learn the same for ever."""
    narrow, wide = (ImageTransformationNetwork(1, width, "tanh") for width in (2, 4))
    kernel = widen(narrow.state_dict(), wide)["layers.1.convolution.weight"]
    assert not torch.allclose(kernel[:4], kernel[4:])
    assert not torch.allclose(kernel[:, :2], kernel[:, 2:])


def test_a_transposed_network_takes_what_it_can(material: Path, tiny_model: Path) -> None:
    known = {"initial": tiny_model / "model.safetensors", "initial_style": STYLES[0], "width": 4}
    network = FastArtTraining(settings(material, upsampling="transposed", **known), CPU).network
    given = fold_row(read_safetensors(tiny_model / "model.safetensors"), 0)
    kernels = {index: network.state_dict()[f"layers.{index}.convolution.weight"] for index in (5, 13)}
    assert torch.equal(kernels[5], given["layers.5.convolution.weight"].float())
    assert kernels[13].shape == (16, 8, 3, 3), "a transposed kernel"


def test_a_new_painting_starts_from_the_nearest_style(
    material: Path, tiny_model: Path, tmp_path: Path, photo: Image.Image
) -> None:
    """Of a conditional network; here the picture that one of its styles makes is the painting."""
    conditional = hub.load(tiny_model, device="cpu", dtype="float32")
    conditional(photo.resize((192, 160)), style=STYLES[2]).save(tmp_path / "new.png")
    changes = {
        "initial": tiny_model / "model.safetensors",
        "style": tmp_path / "new.png",
        "width": 4,
        "content_weight": 0,
    }
    network = FastArtTraining(settings(material, **changes), CPU).network
    rows = [fold_row(read_safetensors(tiny_model / "model.safetensors"), row) for row in range(3)]
    assert torch.equal(network.state_dict()["layers.3.norm.scale"], rows[2]["layers.3.norm.scale"].float())


def test_without_a_word_it_starts_from_the_bundled_network(material: Path) -> None:
    recipe = FastArtTraining(settings(material, scratch=False, initial_style="udnie", width=32), CPU)
    with pytest.raises(WeightsError, match="does not fit"):
        FastArtTraining(settings(material, scratch=False, initial_style="udnie", width=20), CPU)
    photo, mix = torch.rand(1, 3, 32, 32), torch.ones(1, 1)
    ours = hub.load("cin-25styles", device="cpu", dtype="float32", styles=[])(photo, style="udnie")
    with torch.no_grad():
        assert (recipe.network(photo, mix) - ours).abs().max() < 1e-4


@pytest.mark.parametrize("size", [(64, 132), (37, 50)])
def test_a_transposed_network_in_tiles(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    method = hub.load("fast-art", device="cpu", dtype="float32")
    painter = TiledRunner(ImageTransformationNetwork(1, 4, "tanh", "transposed"), method)
    photo, mix = torch.rand(1, 3, *size), torch.ones(1, 1)
    with torch.inference_mode():
        whole = painter([photo], mix, lambda _: None)
        assert (painter([photo], mix, lambda _: None, 19) - whole).abs().max() < 1e-5


def test_variants_share_code_and_differ_in_weights(photo: Image.Image) -> None:
    method = hub.load("fast-art", device="cpu")
    assert isinstance(method, FastArt)
    assert len(method.styles) == 7
    first, second = list(method.styles)[:2]
    assert not method.runners, "weights were opened that nobody asked for"
    pictures = [np.asarray(method(photo, style=style)) for style in (first, second)]
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 5
    assert set(method.runners) == {first, second}
    hashes = {file.sha256 for file in method.entry.model.files}
    assert len(hashes) == 7
    assert method.weights_sha256 == method.entry.model.sha256
    assert method.weights_sha256 not in hashes


def test_a_style_that_was_not_trained(photo: Image.Image) -> None:
    method = hub.load("fast-art", device="cpu")
    with pytest.raises(UnknownName, match=r"mona-lisa.*van-gogh-starry-night.*stylehub train fast-art --style"):
        method(photo, style="mona-lisa")


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photo: Image.Image) -> None:
    method = hub.load("fast-art", device="cpu")
    monkeypatch.setattr(method, "entry", method.entry.model_copy(update={"root": tmp_path}))
    with pytest.raises(WeightsError, match=r"munch-the-scream\.safetensors is missing, so install stylehub again"):
        method(photo, style="the-scream")


def test_the_hash_of_all_files_changes_with_any() -> None:
    model = hub.info("fast-art").model
    name, variant = next(iter(model.variants.items()))
    other = model.model_copy(
        update={"variants": model.variants | {name: variant.model_copy(update={"sha256": "0" * 64})}}
    )
    assert other.sha256 != model.sha256


def test_weights_and_variants_exclude_each_other() -> None:
    good = {
        "title": "A",
        "summary": "B",
        "repository": {"license": "MIT"},
        "variants": {"a": {"title": "", "sha256": "0" * 64}},
    }
    assert Model.model_validate(good).file("a").filename == "a.safetensors"
    for bad in (
        good | {"repository": None},
        good | {"variants": {}},
        good | {"weights": {"license": "MIT", "sha256": "0" * 64}},
    ):
        with pytest.raises(ValueError, match="weights, or variants and their repository"):
            Model.model_validate(bad)


def test_what_cannot_be_trained(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StylehubError, match="empty"):
        FastArtTraining(settings(material, content=[tmp_path / "empty"]), CPU)
    with pytest.raises(StylehubError, match=r"none\.png"):
        FastArtTraining(settings(material, style=tmp_path / "none.png"), CPU)
    Image.new("RGB", (30, 300)).save(tmp_path / "ribbon.png")
    with pytest.raises(TrainingError, match=r"30x300 pixels, too few to show a style.*128"):
        FastArtTraining(settings(material, style=tmp_path / "ribbon.png"), CPU)
    write_safetensors(tmp_path / "x.safetensors", {"w": torch.ones(1)}, {"config": "{}"})
    with pytest.raises(TrainingError, match="holds no weights of fast-art or cin"):
        FastArtTraining(settings(material, initial=tmp_path / "x.safetensors"), CPU)


def test_the_name_comes_from_the_file(material: Path, tmp_path: Path) -> None:
    picture = Image.open(material / "large" / "red-stripes.png")
    picture.save(tmp_path / "My Own_Painting (2).png")
    recipe = FastArtTraining(settings(material, style=tmp_path / "My Own_Painting (2).png", title="Mine"), CPU)
    assert recipe.style == Style(name="my-own-painting-2", title="Mine")
    picture.save(tmp_path / "絵.png")
    with pytest.raises(TrainingError, match="gives no name for a style"):
        FastArtTraining(settings(material, style=tmp_path / "絵.png"), CPU)


def test_bundled_files_are_those_of_the_registry() -> None:
    entry = hub.info("fast-art")
    for file in entry.model.files:
        assert entry.root
        path = entry.root / str(file.folder) / file.filename
        assert sha256_of(path) == file.sha256
        assert path.stat().st_size == file.bytes
        assert path.stat().st_size < 3_500_000
