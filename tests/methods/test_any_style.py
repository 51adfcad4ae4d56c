"""any-style: the code decides, blends are linear, vectors are the painting, targets are computed once."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.errors import ImageError, ParameterError, TrainingError, UnknownName, WeightsError
from hub.parameters import validate
from hub.trainer import train
from hub.training.data import open_photos
from hub.weights import sha256_of, write_safetensors
from methods.any_style.method import AnyStyle
from methods.any_style.network import AnyStyleNetwork
from methods.any_style.training import AnyStyleSettings, AnyStyleTraining
from methods.parts.perceptual.backbone import read_slim
from methods.parts.perceptual.losses import STYLE_LAYERS, balanced_error, large_lights
from methods.parts.perceptual.vgg import VGG
from methods.parts.style_code.network import LAYERS, StylePredictor, describe, description_size
from methods.parts.style_code.targets import PaintingTargets
from methods.parts.style_vectors import SCALES
from tests.contract import check_contract
from tests.support.models import random_network, tiny_training

pytestmark = pytest.mark.usefixtures("small_paintings")
CPU = torch.device("cpu")
BLOCKS = ((4, 4), (6, 6), (8, 8, 8), (10, 10, 10), (10,))


# A tiny network needs an entry of its own: a folder brings it, as a stranger's would.
ENTRY = """
methods:
  any-style:
    plugin: method:AnyStyle
    tasks: [single, fusion, arbitrary]
    inputs: [content, style-names, style-images]
    tiling: exact
    half: true
    code_license: Apache-2.0
    paper: {title: Arbitrary stylization, authors: Ghiasi et al., year: 2017, url: "https://arxiv.org/abs/1705.06830"}
    models:
      any-style:
        title: Any painting
        summary: For the tests.
        weights: {repo_id: stylehub/any-style, folder: weights, license: Apache-2.0, sha256: "SHA", bytes: SIZE}
"""


def as_plugin(folder: Path) -> Path:
    (folder / "method.py").write_text("from methods.any_style.method import AnyStyle as AnyStyle\n")
    return folder


def pinned(folder: Path) -> Path:
    """``folder`` with an entry for the weights in it."""
    weights = folder / "weights" / "model.safetensors"
    entry = ENTRY.replace("SHA", sha256_of(weights)).replace("SIZE", str(weights.stat().st_size))
    (folder / "registry.yaml").write_text(entry)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random network and one preset."""
    torch.manual_seed(0)
    network = AnyStyleNetwork(4, 6, description_size(read_slim(LAYERS)), 8)
    for name, parameter in network.transformation.named_parameters():
        if ".norm." in name:
            parameter.data[1:] = 0.2 * torch.randn_like(parameter[1:])
    tensors = {
        **network.state_dict(),
        "presets.red-stripes": torch.cat([torch.ones(5, 1, 1), torch.randn(5, 1, 5)], dim=2),
    }
    folder = as_plugin(tmp_path_factory.mktemp("any-style"))
    config = {"method": "any-style", "width": 4, "code": 6, "hidden": 8, "presets": [{"name": "red-stripes"}]}
    (folder / "weights").mkdir()
    write_safetensors(folder / "weights" / "model.safetensors", tensors, {"config": json.dumps(config)})
    return pinned(folder)


@pytest.fixture
def method(weights: Path) -> AnyStyle:
    loaded = hub.load(weights, device="cpu", dtype="float32", trust=True)
    assert isinstance(loaded, AnyStyle)
    return loaded


def test_a_tiny_random_model_keeps_the_contract(method: AnyStyle, photo: Image.Image, tmp_path: Path) -> None:
    photo.rotate(90, expand=True).save(tmp_path / "painting.png")
    check_contract(method, {"style": tmp_path / "painting.png"}, photo, tmp_path)


def test_a_blend_is_the_mean_of_the_codes(method: AnyStyle, photo: Image.Image, tmp_path: Path) -> None:
    painting = tmp_path / "painting.png"
    photo.rotate(180).save(painting)
    one, two = (method.condition(method.checked({"style": style})) for style in (str(painting), "red-stripes"))
    blended = method.condition(method.checked({"style": {str(painting): 0.25, "red-stripes": 0.75}}))
    assert torch.allclose(blended, one.lerp(two, 0.75), atol=1e-5)
    assert blended[0, 0] == pytest.approx(1, abs=1e-6)


def test_a_vector_stands_for_its_painting(method: AnyStyle, photo: Image.Image, tmp_path: Path) -> None:
    painting, vector = photo.rotate(180), tmp_path / "mine.safetensors"
    method.save_vector(method.checked({"style": painting}).style, vector)
    assert vector.stat().st_size < 10_000
    for stroke in (0.5, 1.0, 1.7):
        by_painting, by_vector = (np.asarray(method(photo, style=s, stroke_size=stroke)) for s in (painting, vector))
        assert np.array_equal(by_painting, by_vector)
    broken = tmp_path / "broken.safetensors"
    write_safetensors(broken, {"vector": torch.zeros(3, 1, 6)}, {"config": json.dumps({"vector_of": method.encoder})})
    with pytest.raises(WeightsError, match="valid style vector"):
        method(photo, style=broken)
    other = tmp_path / "other.safetensors"
    write_safetensors(other, {"vector": torch.zeros(5, 1, 6)}, {"config": json.dumps({"vector_of": "0" * 64})})
    with pytest.raises(WeightsError, match="another encoder"):
        method(photo, style=other)


def test_paintings_that_have_no_style_are_refused(method: AnyStyle, photo: Image.Image) -> None:
    with pytest.raises(ImageError, match="one colour"):
        method(photo, style=Image.new("RGB", (64, 64), "red"))
    with pytest.raises(ImageError, match="32 at least"):
        method(photo, style=photo.resize((20, 20)))
    with pytest.raises(UnknownName, match="red-stripes"):
        method(photo, style="red-strips")


def test_two_paintings_meet(method: AnyStyle, photo: Image.Image) -> None:
    left = np.zeros((80, 96), dtype=np.uint8)
    left[:, :48] = 255
    both = method(photo, style="red-stripes", other=photo.rotate(180), where="mask", map=Image.fromarray(left))
    alone = method(photo, style="red-stripes")
    assert not np.array_equal(np.asarray(both)[:, 60:], np.asarray(alone)[:, 60:])


def test_the_first_number_of_a_code_is_one_whatever_the_painting() -> None:
    predictor = StylePredictor(20, 8, 6)
    codes = predictor(torch.randn(5, 20) * 100)
    assert torch.equal(codes[:, 0], torch.ones(5))
    assert codes.std(0)[1:].min() > 0


def test_a_description_tells_paintings_apart_and_has_the_promised_size(photo: Image.Image) -> None:
    encoder = read_slim(LAYERS)
    pixels = torch.rand(2, 3, 32, 48)
    found = describe(pixels, encoder)
    assert found.shape == (2, description_size(encoder))
    assert not torch.allclose(found[0], found[1])
    # The rounding of Winograd's convolutions depends on the batch.
    assert torch.allclose(found[:1], describe(pixels[:1], encoder), rtol=1e-3, atol=1e-3)


def test_targets_are_computed_once_and_those_kept_equal_fresh_ones(material: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    vgg, encoder = VGG(BLOCKS, "relu5_1").frozen(), read_slim(LAYERS)
    paintings = open_photos([material / "paintings"])
    targets = PaintingTargets(paintings, vgg, encoder, tmp_path, seed=0)
    assert len(targets) == 4
    fresh = targets[1]
    assert len(list(tmp_path.iterdir())) == 1
    calls = []
    again = PaintingTargets(paintings, vgg, encoder, tmp_path, seed=0)
    again.compute = lambda view: calls.append(view) or {}  # type: ignore[method-assign, func-returns-value]
    kept = again[1]
    assert not calls
    assert kept.keys() == fresh.keys()
    assert all(torch.equal(kept[name], fresh[name]) for name in fresh)
    exact = targets.compute(targets.view(1))
    for layer in STYLE_LAYERS:
        assert torch.allclose(kept[f"gram.{layer}"], exact[f"gram.{layer}"], rtol=0.01, atol=1e-6)


def test_a_damaged_target_is_made_again_and_a_disk_that_takes_none_is_one_sentence(
    material: Path, tmp_path: Path
) -> None:
    vgg, encoder, paintings = VGG(BLOCKS, "relu5_1").frozen(), read_slim(LAYERS), open_photos([material / "paintings"])
    targets = PaintingTargets(paintings, vgg, encoder, tmp_path / "targets", seed=0)
    fresh = targets[0]
    (kept,) = (tmp_path / "targets").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert all(torch.equal(fresh[name], tensor) for name, tensor in targets[0].items())
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(WeightsError, match="could not be written"):
        _ = PaintingTargets(paintings, vgg, encoder, tmp_path / "file", seed=0)[0]


def test_targets_of_another_perceptual_network_are_not_taken(material: Path, tmp_path: Path) -> None:
    encoder, paintings = read_slim(LAYERS), open_photos([material / "paintings"])
    for seed in (0, 1):
        torch.manual_seed(seed)
        _ = PaintingTargets(paintings, VGG(BLOCKS, "relu5_1").frozen(), encoder, tmp_path, seed=0)[0]
    assert len(list(tmp_path.iterdir())) == 2


def test_the_losses_are_what_they_are_called() -> None:
    a = torch.rand(2, 3, 4)
    assert torch.allclose(balanced_error(a, a), torch.zeros(2))
    assert torch.allclose(balanced_error(torch.zeros_like(a), a), torch.full((2,), 2.0))
    picture = torch.rand(1, 1, 4, 4).repeat_interleave(16, 2).repeat_interleave(16, 3).expand(-1, 3, -1, -1)
    assert (large_lights(0.4 * picture + 0.2) - large_lights(picture)).abs().max() < 0.1, "contrast is not structure"
    assert (large_lights(1 - picture) - large_lights(picture)).abs().max() > 0.5


def settings(material: Path, **more: object) -> AnyStyleSettings:
    tiny = {**tiny_training(material), "paintings": [material / "paintings"], "targets": material / "targets"}
    tiny |= {"code": 6, "hidden": 8, "crops": [64], "content": [material / "photos.tar"]}
    del tiny["style_size"]
    checked = validate(AnyStyleSettings, {**tiny, **more})
    assert isinstance(checked, AnyStyleSettings)
    return checked


@pytest.fixture(scope="module")
def base(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conditional network of the two paintings of ``material``."""
    path = tmp_path_factory.mktemp("base") / "model.safetensors"
    config = {"method": "cin", "width": 2, "styles": [{"name": "red-stripes"}, {"name": "blue-dots"}]}
    write_safetensors(path, random_network(2, 2).state_dict(), {"config": json.dumps(config)})
    return path


def test_it_starts_as_the_conditional_network_learns_and_what_it_exports_is_loaded(
    material: Path, base: Path, tmp_path: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AnyStyleTraining, "fit_steps", 50)
    given = settings(material, base=base, presets=material / "paintings", steps=16, average=0.5)
    recipe = AnyStyleTraining(given, CPU)
    source = random_network(2, 2)
    rows = torch.cat([t for n, t in source.state_dict().items() if ".norm." in n], dim=1)
    ours = torch.cat([t for n, t in recipe.network.transformation.state_dict().items() if ".norm." in n], dim=1)
    assert torch.allclose(ours[0], rows.mean(0), atol=1e-5)
    # The two codes are plus and minus one along the first component.
    reached = torch.stack([ours[0] + ours[1], ours[0] - ours[1]])
    assert min((reached - rows).abs().max(), (reached.flip(0) - rows).abs().max()) < 1e-4
    losses: list[float] = []
    folder = train(recipe, tmp_path / "run", CPU, lambda p: losses.append(p.losses["loss"]))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    method = hub.load(pinned(as_plugin(folder.parent)), device="cpu", trust=True)
    assert set(method.styles) == {"red-stripes", "blue-dots"}
    assert isinstance(method, AnyStyle)
    assert method.presets["red-stripes"].numbers.shape == (len(SCALES), 1, 6)
    assert method(photo, style="red-stripes").size == photo.size


def test_a_share_of_the_photos_gets_a_painting_of_the_presets(material: Path, tmp_path: Path) -> None:
    presets = tmp_path / "presets"
    presets.mkdir()
    for name in ("red-stripes", "blue-dots"):
        Image.open(material / f"paintings/{name}.png").transpose(Image.Transpose.ROTATE_90).save(
            presets / f"{name}.png"
        )
    mixed = AnyStyleTraining(settings(material, presets=presets, preset_share=0.3), CPU)
    known = [mixed.preset_targets[index]["description"] for index in (0, 2)]  # as they are, not in other colours
    hits = [any(torch.equal(mixed.target(index)["description"], k) for k in known) for index in range(100)]
    assert 20 < sum(hits) < 40
    with pytest.raises(ParameterError, match="--presets"):
        settings(material, preset_share=0.3)


def test_a_base_whose_paintings_are_not_at_hand_is_refused(material: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="blue-dots"):
        AnyStyleTraining(settings(material, base=base), CPU)
    write_safetensors(tmp_path / "other.safetensors", {}, {"config": json.dumps({"method": "adain"})})
    with pytest.raises(TrainingError, match="not a file of weights of cin"):
        AnyStyleTraining(settings(material, base=tmp_path / "other.safetensors"), CPU)
