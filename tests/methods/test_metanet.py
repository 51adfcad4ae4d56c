"""metanet: a network for each painting, normalised filters, files that run alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.errors import ImageError, StylehubError, TrainingError, WeightsError
from hub.parameters import validate
from hub.registry import info
from hub.trainer import train
from hub.weights import read_config, read_safetensors, write_safetensors
from methods.any_style.network import AnyStyleNetwork
from methods.metanet.encoder import PAPER_LAYERS, Encoder
from methods.metanet.method import MetaNet
from methods.metanet.network import IMPROVED, ORIGINAL, OURS, Architecture, FilterHead, MetaNetwork, learnt, unit
from methods.metanet.paper import PaperNetwork
from methods.metanet.training import MetaNetSettings, MetaNetTraining
from methods.parts.perceptual.backbone import read_slim
from methods.parts.style_code.network import LAYERS, description_size
from tests.contract import check_contract
from tests.support.models import tiny_training

pytestmark = pytest.mark.usefixtures("small_paintings")
CPU = torch.device("cpu")
SIZES = {"width": 4, "blocks": 1, "code": 6, "hidden": 8, "rank": 3}
ENTRY = info("metanet")


def loaded(tensors: dict[str, torch.Tensor], config: dict[str, object]) -> MetaNet:
    method = MetaNet(ENTRY, CPU, torch.float32)
    method.setup(config, tensors)
    return method


def random_meta_network() -> MetaNetwork:
    torch.manual_seed(0)
    network = MetaNetwork(Architecture(**SIZES), description_size(read_slim(LAYERS)))
    for name, parameter in network.heads.named_parameters():
        if name.endswith(("rows", "coefficients")):
            parameter.data[1:] = 0.3 * torch.randn_like(parameter[1:])
    return network


@pytest.fixture(scope="module")
def method() -> MetaNet:
    """A tiny random meta network with one preset."""
    tensors = random_meta_network().state_dict() | {"presets.red-stripes": torch.tensor([[[1.0, 2, -1, 0.5, 0, 1]]])}
    return loaded(tensors, {**SIZES, "presets": [{"name": "red-stripes"}]})


@pytest.fixture(scope="module")
def painting(photo: Image.Image) -> Image.Image:
    return photo.rotate(180)


def test_a_tiny_random_model_keeps_the_contract(method: MetaNet, photo: Image.Image, tmp_path: Path) -> None:
    photo.rotate(90, expand=True).save(tmp_path / "painting.png")
    check_contract(method, {"style": tmp_path / "painting.png"}, photo, tmp_path)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_filters_have_norm_one_whatever_the_head_puts_out(size: float) -> None:
    network = random_meta_network()
    for head in network.heads.values():
        if isinstance(head, FilterHead):
            head.mean.data *= size
    written = network.generate(torch.randn(2, 6) * 10)
    for name, filters in written.items():
        if filters.ndim == 5 and name not in learnt(network.architecture.transformation()):
            assert torch.allclose(filters.square().sum((2, 3, 4)), torch.ones(filters.shape[:2]), atol=1e-3), name
    assert torch.equal(unit(torch.zeros(1, 5, 4, 3, 3)), torch.zeros(1, 5, 4, 3, 3)), "a filter of zeros is not NaN"


def test_the_filters_change_with_the_painting_and_not_with_the_photo(
    method: MetaNet, photo: Image.Image, painting: Image.Image
) -> None:
    one, two = (method.write(method.code(method.checked({"style": s}).style)) for s in (painting, "red-stripes"))
    same = {"layers.0.convolution.weight", "layers.7.convolution.weight"}
    assert len(one) == 3 * 8
    assert {name for name in one if torch.equal(one[name], two[name])} == same
    method(photo, style=painting)
    before = list(method.runners)
    method(photo.rotate(90), style=painting)
    assert list(method.runners) == before


def test_what_trains_is_what_paints(method: MetaNet, photo: Image.Image, painting: Image.Image) -> None:
    """Painting with the written network equals the pass that the losses see, up to the rounding to float16."""
    pixels = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1)[None] / 255
    code = method.vector(painting).numbers[0]
    trained = method.network.paint(pixels, code)
    assert (trained - method(pixels, style=painting)).abs().max() < 0.01


def test_a_share_of_one_is_the_painting_alone(method: MetaNet, photo: Image.Image) -> None:
    alone = method(photo, style="red-stripes")
    assert np.array_equal(alone, method(photo, style={"red-stripes": 1.0}))
    both = {"red-stripes": 0.5, photo_name(method): 0.5}
    assert not np.array_equal(alone, method(photo, style=both))


def photo_name(method: MetaNet) -> str:
    """A second preset, far from the first."""
    method._styles["far"] = method._styles["red-stripes"].model_copy(update={"name": "far"})
    vector = method.presets["red-stripes"]
    numbers = -vector.numbers
    numbers[..., 0] = 1
    method.presets["far"] = type(vector)(numbers, vector.encoder)
    return "far"


def test_a_file_runs_alone_and_gives_the_same_picture(
    method: MetaNet, photo: Image.Image, painting: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / "Mine & yours.safetensors"
    method.save_vector(method.checked({"style": painting}).style, path)
    here = np.asarray(method(photo, style=painting))
    assert np.array_equal(here, method(photo, style=path))
    alone = hub.load(path, device="cpu", dtype="float32")
    assert list(alone.styles) == ["mine-yours"]
    assert np.array_equal(here, alone(photo, style="mine-yours"))
    unnamed = alone(photo)
    assert np.array_equal(here, unnamed)
    assert unnamed.info["stylehub"]["parameters"]["style"] == "mine-yours"
    assert {t.dtype for t in read_safetensors(path).values()} == {torch.float16}


def test_a_network_as_large_as_the_one_that_ships_fits_into_450_kilobytes() -> None:
    weights = OURS.transformation().state_dict()
    assert sum(2 * w.numel() for w in weights.values()) < 420_000


def test_files_that_are_not_of_this_meta_network_are_refused(
    method: MetaNet, photo: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    method.save_vector(method.checked({"style": "red-stripes"}).style, path)
    good, tensors = read_config(path), read_safetensors(path)
    for change, words in (
        ({"written_by": "0" * 64}, "another meta network \\(000000000000"),
        ({"written_by": None}, "no network of a painting"),
        ({"code": [1.0]}, "no valid code"),
        ({"code": [float("nan")] * 6}, "no valid code"),
        ({"code": "far"}, "no valid code"),
    ):
        write_safetensors(path, tensors, {"config": json.dumps({**good, **change})})
        with pytest.raises(WeightsError, match=words):
            method(photo, style=path)


def test_bad_paintings_and_bad_filters_are_one_sentence(photo: Image.Image) -> None:
    network = random_meta_network()
    config = {**SIZES, "presets": [{"name": "huge"}]}
    method = loaded(network.state_dict() | {"presets.huge": torch.full((1, 1, 6), 3e38)}, config)
    with pytest.raises(ImageError, match="one colour"):
        method(photo, style=Image.new("RGB", (64, 64), "red"))
    with pytest.raises(ImageError, match="32 at least"):
        method(photo, style=photo.resize((20, 20)))
    with pytest.raises(WeightsError, match="NaN or infinity"):
        method(photo, style="huge")


def settings(material: Path, **more: object) -> MetaNetSettings:
    tiny = {**tiny_training(material), "paintings": [material / "paintings"], "targets": material / "targets"}
    tiny |= {"code": 6, "hidden": 8, "rank": 3, "crops": [64], "base_blocks": [3]}
    del tiny["style_size"]
    checked = validate(MetaNetSettings, {**tiny, **more})
    assert isinstance(checked, MetaNetSettings)
    return checked


def any_style(path: Path) -> Path:
    torch.manual_seed(1)
    network = AnyStyleNetwork(2, 6, description_size(read_slim(LAYERS)), 8)
    for name, parameter in network.transformation.named_parameters():
        if ".norm." in name:
            parameter.data[1:] = 0.2 * torch.randn_like(parameter[1:])
    write_safetensors(path, network.state_dict(), {"config": json.dumps({"method": "any-style"})})
    return path


def test_it_starts_as_any_style_without_some_blocks_and_what_it_exports_is_loaded(
    material: Path, tmp_path: Path, photo: Image.Image
) -> None:
    base = any_style(tmp_path / "any-style.safetensors")
    recipe = MetaNetTraining(settings(material, base=base, presets=material / "paintings", steps=2), CPU)
    state = {n: t for n, t in read_safetensors(base).items() if n.startswith("transformation.")}
    kept = AnyStyleNetwork(2, 6, description_size(read_slim(LAYERS)), 8).transformation
    reference = type(kept)(6, 2, blocks=1)
    layers = [0, 1, 2, 9, 10, 13, 14, 15]
    for index, layer in enumerate(layers):
        for kind in ("convolution.weight", "norm.scale", "norm.shift"):
            reference.get_parameter(f"layers.{index}.{kind}").data = state[f"transformation.layers.{layer}.{kind}"]
    for head in recipe.network.heads.values():
        if isinstance(head, FilterHead):
            head.coefficients.data.zero_()
    pixels, code = torch.rand(2, 3, 32, 32), torch.cat([torch.ones(2, 1), torch.randn(2, 5)], dim=1)
    with torch.no_grad():
        assert (reference(pixels, code) - recipe.network.paint(pixels, code)).abs().max() < 0.01

    folder = train(recipe, tmp_path / "run", CPU)
    config = json.loads((folder / "config.json").read_text())
    method = loaded(read_safetensors(folder / "model.safetensors"), config)
    assert set(method.styles) == {"red-stripes", "blue-dots"}
    assert method(photo, style="red-stripes").size == photo.size


def test_a_base_of_another_method_is_refused(material: Path, tmp_path: Path) -> None:
    write_safetensors(tmp_path / "other.safetensors", {}, {"config": json.dumps({"method": "cin"})})
    with pytest.raises(TrainingError, match="not a file of weights of any-style"):
        MetaNetTraining(settings(material, base=tmp_path / "other.safetensors"), CPU)
    with pytest.raises(TrainingError, match="from 0 to 4"):
        MetaNetTraining(settings(material, base=any_style(tmp_path / "base.safetensors"), base_blocks=[5]), CPU)


# --- The paper's configurations


def test_the_sizes_are_those_of_the_papers_table() -> None:
    sizes = []
    network = PaperNetwork().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda m, inputs, output: sizes.append(tuple(output.shape[1:])))
    with torch.no_grad():
        assert network(torch.rand(1, 3, 256, 256)).shape == (1, 3, 256, 256)
    blocks = [(32, 84 - 2 * n, 84 - 2 * n) for n in range(1, 11)]
    assert sizes == [(8, 336, 336), (16, 168, 168), (32, 84, 84), *blocks, (16, 128, 128), (8, 256, 256), (3, 256, 256)]


def test_the_numbers_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        network = MetaNetwork(ORIGINAL, 1920)
        wide = MetaNetwork(ORIGINAL.model_copy(update={"width": 32}), 1920)
        improved = MetaNetwork(IMPROVED, 1920)
    assert len(network.heads) == 14
    assert network.code == 1792
    assert set(network.learnt) == {"first-weight", "last-weight", "last-bias"}
    assert set(improved.learnt) == {"first-weight", "blocks-0-branches-weight", "last-weight", "last-bias"}
    written = [4 * sum(p.numel() for p in n.architecture.transformation().parameters()) for n in (network, wide)]
    assert [round(size / 1e6, 2) for size in written] == [0.43, 6.7], "the paper says 449 kB and 7 MB"
    sizes = [4 * sum(p.numel() for p in n.parameters()) / 1e6 for n in (network, wide)]
    assert sizes == pytest.approx([67, 870], rel=0.01)


def test_a_description_has_1920_numbers(whole_vgg: Path) -> None:
    encoder = Encoder("vgg-16", whole_vgg)
    assert encoder.size == 1920
    assert encoder(torch.rand(2, 3, 32, 48)).shape == (2, 1920)
    assert encoder(torch.ones(1, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize("name", PAPER_LAYERS)
def test_a_perceptual_network_that_is_not_there_is_one_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(StylehubError, match="vgg-slim"):
        Encoder(name, fetching={"offline": True, "cache_dir": tmp_path})  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["residual", "resnext"])
def test_networks_of_the_papers_form_paint_pictures_of_any_size(form: str, photo: Image.Image, tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"encoder": "vgg-slim", "form": form, "width": 8, "code": 4, "rank": 0, "normalised": False}
    network = MetaNetwork(Architecture.model_validate(sizes), description_size(read_slim(LAYERS)))
    method = loaded(network.state_dict(), {**sizes, "presets": []})
    painting = photo.rotate(180)
    for size in ((1, 1), (33, 47), photo.size):
        assert method(photo.resize(size), style=painting).size == size
    assert torch.isfinite(method(torch.full((1, 3, 40, 40), 0.5), style=painting)).all()
    with pytest.raises(StylehubError, match="paper's form"):
        method.save_vector(method.checked({"style": painting}).style, tmp_path / "mine.safetensors")
