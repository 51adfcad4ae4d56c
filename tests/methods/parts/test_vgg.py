"""The perceptual network: its layers against torchvision's architectures, and which one is taken."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import vgg as torchvision_vgg

import hub
from hub.errors import DownloadError, ParameterError, StylehubError, WeightsError
from hub.files import example_photo
from hub.images import read_image, to_tensor
from hub.registry import PACKAGE_ROOT, parts
from hub.weights import read_metadata, sha256_of, write_safetensors
from methods.parts.perceptual.backbone import open_backbone
from methods.parts.perceptual.losses import gram_matrix, relative_error
from methods.parts.perceptual.vgg import ARCHITECTURES, VGG, read_vgg, torchvision_indices

CONFIGURATIONS = {"VGG-16": "D", "VGG-19": "E"}


@pytest.fixture(scope="module", params=["VGG-16", "VGG-19"])
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def reference(architecture: str) -> nn.Sequential:
    """torchvision's own convolutions, with random weights."""
    torch.manual_seed(0)
    return torchvision_vgg.make_layers(torchvision_vgg.cfgs[CONFIGURATIONS[architecture]]).eval()


@pytest.fixture(scope="module")
def file(architecture: str, reference: nn.Sequential, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / f"{architecture}.safetensors"
    write_safetensors(path, {f"features.{k}": v.half() for k, v in reference.state_dict().items()}, {})
    return path


def test_every_layer_is_the_one_of_its_name(architecture: str, reference: nn.Sequential, file: Path) -> None:
    network = read_vgg(file, "relu5_2")
    assert network.blocks == ARCHITECTURES[architecture]
    image = torch.rand(1, 3, 32, 48)
    features = network(image, network.layers)
    x = (image - network.mean) / network.std
    indices = {index: name for name, index in torchvision_indices(network.blocks).items()}
    compared = 0
    for index, module in enumerate(reference):
        x = nn.functional.relu(x) if isinstance(module, nn.ReLU) else module(x)
        name = indices.get(index) if isinstance(module, nn.Conv2d) else indices.get(index - 1)
        layer = {nn.Conv2d: "conv", nn.ReLU: "relu"}.get(type(module), "") + str(name)
        if layer in features:
            assert torch.allclose(features[layer], x, atol=0.02 * x.abs().max().item()), layer
            compared += 1
    assert compared == len(network.layers)


def test_a_layer_before_its_activation_keeps_what_the_activation_cuts_off() -> None:
    torch.manual_seed(0)
    features = VGG(((4, 4), (6,)), "relu2_1")(torch.rand(1, 3, 16, 16), ["conv1_2", "relu1_2"])
    assert (features["conv1_2"] < 0).any()
    assert torch.equal(features["conv1_2"].relu(), features["relu1_2"])


def test_average_pooling_and_reflected_borders() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 16, 16)
    usual = VGG(((4,), (6,)), "relu2_1")
    for options in ({"pooling": "average"}, {"padding": "reflect"}):
        other = VGG(((4,), (6,)), "relu2_1", **options)  # type: ignore[arg-type]
        other.load_state_dict(usual.state_dict())
        assert not torch.allclose(other(image, ["relu2_1"])["relu2_1"], usual(image, ["relu2_1"])["relu2_1"])


@pytest.mark.parametrize("layer", ["relu6_1", "relu1_3", "pool1", "conv3", ""])
def test_a_layer_that_does_not_exist_is_answered_with_the_list(layer: str) -> None:
    with pytest.raises(ParameterError, match=r"no layer .*relu1_1, conv1_2|last convolution"):
        VGG(((4, 4), (6,)), "relu2_1")(torch.rand(1, 3, 16, 16), [layer])


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "vgg.safetensors", {"0.weight": torch.zeros(64, 3, 5, 5)}, {})
    with pytest.raises(WeightsError, match="not a VGG-16 or VGG-19"):
        read_vgg(tmp_path / "vgg.safetensors")


def test_the_best_network_at_hand(architecture: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_backbone("auto", file, layers=["conv4_2"])[1] == architecture
    monkeypatch.setenv("STYLEHUB_VGG", str(file))
    assert open_backbone()[1] == architecture
    assert open_backbone(architecture.lower())[1] == architecture  # type: ignore[arg-type]
    other = {"VGG-16": "vgg-19", "VGG-19": "vgg-16"}[architecture]
    with pytest.raises(WeightsError, match=f"is a {architecture}, not a"):
        open_backbone(other, file)  # type: ignore[arg-type]


def test_what_works_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("methods.parts.perceptual.backbone.find_weights", _no_network)
    with pytest.raises(DownloadError, match="--backbone vgg-slim works"):
        open_backbone("vgg-19")
    with pytest.raises(ParameterError, match="--backbone vgg-slim needs none"):
        open_backbone("vgg-16")
    with pytest.raises(StylehubError, match="nowhere"):
        open_backbone("auto", tmp_path / "nowhere.safetensors")


def _no_network(*_: object, **__: object) -> Path:
    raise DownloadError("The hub cannot be reached.")


def test_the_bundled_network_is_whole_and_is_taken_when_there_is_no_other() -> None:
    spec = parts()["vgg-slim"].weights
    assert spec is not None and spec.folder is not None
    folder = PACKAGE_ROOT / spec.folder
    file = folder / spec.filename
    assert (sha256_of(file), file.stat().st_size) == (spec.sha256, spec.bytes)
    assert file.stat().st_size < 8e6
    assert json.loads((folder / "config.json").read_text()) == json.loads(read_metadata(file)["config"])
    network, name = open_backbone()
    assert name == "vgg-slim"
    assert not any(parameter.requires_grad for parameter in network.parameters())
    with pytest.raises(ParameterError, match="vgg-slim has no layer 'relu5_3'"):
        open_backbone("vgg-slim", layers=["relu5_3"])


def test_the_bundled_network_knows_a_texture_from_another() -> None:
    """Gram matrices of two parts of one texture are nearer than those of two textures, at every layer of style."""
    photo = to_tensor(read_image(example_photo()).rgb.resize((384, 256)))
    style = hub.load("cin-25styles", device="cpu", dtype="float32", styles=[])
    one, other = style(photo, style="starry-night"), style(photo, style="great-wave")
    layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    network, _ = open_backbone("vgg-slim", layers=layers)
    with torch.no_grad():
        left, right, foreign = (network(p, layers) for p in (one[..., :192], one[..., 192:], other[..., 192:]))
    for layer in layers:
        grams = [gram_matrix(features[layer]) for features in (left, right, foreign)]
        assert relative_error(grams[1], grams[0]) < 0.7 * relative_error(grams[2], grams[0]), layer
