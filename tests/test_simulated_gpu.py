"""Every method runs wholly on a GPU, in half the bits, and makes there the picture that it makes on the CPU.

The GPU is a simulated one: `hub/checking/simulated_gpu.py` says how, and what it cannot show.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import hub
from hub.checking.simulated_gpu import GPU, LeftOnCpu, SimulatedGpu, simulated_gpu
from hub.fields import field_of
from hub.method import Method
from hub.registry import Entry
from methods.parts import style_vectors
from methods.parts.dense import hourglass
from methods.parts.dense.depth import estimate  # noqa: F401 - an import makes tensors, which must be real ones
from methods.parts.transformation.runner import TiledRunner
from tests.support.pictures import make_photo

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="here is a real one")

ENTRIES = list({entry.method_id: entry for entry in reversed(hub.list())}.values())  # one model of each method
OnCpu = Callable[[Entry], Method]
OnGpu = Callable[[Entry, str], Method]
HALVES = ("float16", "bfloat16")
TOLERANCE = {"float16": 1.5, "bfloat16": 5.0}  # mean difference to float32 on the CPU, in levels of 255
PRECISE = {"any-style", "metanet"}  # describe a painting in float32: once, and every pixel depends on it
SHORT: dict[str, dict[str, Any]] = {  # few steps; only the third of L-BFGS's has been through its memory
    "gatys": {"iterations": 3, "style_layers": {"relu2_1": 0.5, "relu3_1": 0.5}},
    "deep-photo": {"iterations": 2, "style_layers": {"conv3_1": 1.0}},
}
PHOTO = make_photo().resize((72, 64))
PAINTING = make_photo().transpose(Image.Transpose.ROTATE_90).resize((64, 64))
ANOTHER = Image.fromarray(255 - np.asarray(PAINTING)[:, ::-1])
BLEND = [(PAINTING, 0.6), (ANOTHER, 0.4)]
PLACE = Image.linear_gradient("L").resize(PHOTO.size)
COLOURS = Image.fromarray(np.repeat(np.array([[[250, 10, 10]], [[10, 10, 250]]], np.uint8), 2, 1)).resize((64, 64), 0)


@pytest.fixture(scope="module")
def gpu() -> Iterator[SimulatedGpu]:
    """The numbers are computed on the CPU all the same: small pictures, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with (
        simulated_gpu() as gpu,
        patch.object(style_vectors, "SIDE", 64),
        patch.object(style_vectors.StyleVector, "save", on_the_cpu),
        patch.object(hourglass, "SIDE", 64),
    ):
        yield gpu
    hourglass.bundled.cache_clear()
    torch.set_num_threads(threads)


def on_the_cpu(vector: style_vectors.StyleVector, path: Path) -> None:
    """In place of a file, which the next call would read instead of looking at the painting."""
    assert vector.numbers.device.type == "cpu"


@pytest.fixture(scope="module")
def on_cpu() -> OnCpu:
    """The same models on the CPU in float32, each loaded once."""
    models: dict[str, Method] = {}

    def load(entry: Entry) -> Method:
        if entry.name not in models:
            models[entry.name] = hub.load(entry.name, device="cpu", dtype="float32", styles=[])
        return models[entry.name]

    return load


@pytest.fixture(scope="module")
def on_gpu(gpu: SimulatedGpu, on_cpu: OnCpu) -> OnGpu:
    """Models on the GPU, each loaded once."""
    models: dict[tuple[str, str], Method] = {}

    def load(entry: Entry, dtype: str) -> Method:
        on_cpu(entry)  # imports what there is to import while tensors are real
        if (entry.name, dtype) not in models:
            models[entry.name, dtype] = loaded(gpu, entry, dtype)
        return models[entry.name, dtype]

    return load


def loaded(gpu: SimulatedGpu, entry: Entry, dtype: str) -> Method:
    with gpu, patch.object(gpu, "watches_cpu", False):
        return hub.load(entry.name, device="cuda", dtype=dtype, styles=[])


def painted(gpu: SimulatedGpu, method: Method, photo: Image.Image = PHOTO, **parameters: Any) -> Image.Image:
    """What ``method`` makes on the GPU; its `stylize` gives float32 there, and its convolutions are in its dtype."""
    results: list[Tensor] = []

    def watched(stylize: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def called(*args: Any) -> Tensor:
            results.append(stylize(*args))
            return results[-1]

        return called

    gpu.convolved.clear()
    with (
        gpu,
        patch.object(method, "stylize", watched(method.stylize)),
        patch.object(method, "stylize_where", watched(method.stylize_where)),
    ):
        picture: Image.Image = method(photo, **parameters)
    assert {(r.device, r.dtype) for r in results} == {(GPU, torch.float32)}
    others = {torch.bfloat16}  # of the networks for depth and scenes, on every device
    if method.entry.method_id in PRECISE:
        others.add(torch.float32)
    assert method.dtype in gpu.convolved
    assert gpu.convolved <= {method.dtype, *others}
    return picture


def needed(method: Method) -> dict[str, Any]:
    """What ``method`` is called with, as small as can be."""
    parameters: dict[str, Any] = dict(SHORT.get(method.entry.name, {}))
    return {**parameters, "style": PAINTING if takes_pictures(method) else next(iter(method.styles))}


def takes_pictures(method: Method) -> bool:
    return "style-images" in method.entry.method.inputs


def tolerance(entry: Entry, dtype: str) -> float:
    """Steps of L-BFGS grow the rounding of bfloat16, most where a CPU emulates it: 20 levels in three steps."""
    return 25 if entry.name in SHORT and dtype == "bfloat16" else TOLERANCE[dtype]


def difference(one: Image.Image, two: Image.Image) -> float:
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(two, np.float32)).mean())


every_model = pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
# Whoever paints by the code of another is tiled as that one.
TILED = [e for e in ENTRIES if e.method.tiling == "exact" and e.method_id not in ("depth-adain", "fast-photo-affine")]
in_tiles = pytest.mark.parametrize("entry", TILED, ids=lambda e: e.name)


@every_model
def test_a_style(gpu: SimulatedGpu, on_cpu: OnCpu, on_gpu: OnGpu, entry: Entry) -> None:
    """With all that a method does by default: depth, scene parsing."""
    expected = on_cpu(entry)(PHOTO, **needed(on_cpu(entry)))
    assert difference(expected, PHOTO) > 0.3
    for dtype in HALVES:
        picture = painted(gpu, on_gpu(entry, dtype), **needed(on_cpu(entry)))
        assert difference(picture, expected) < tolerance(entry, dtype), dtype


@every_model
def test_two_styles(gpu: SimulatedGpu, on_cpu: OnCpu, on_gpu: OnGpu, entry: Entry) -> None:
    """They meet in a place, or are blended by a method that takes no second style. What has masks of colours has them."""
    model = on_cpu(entry)
    parameters = {**needed(model), "where": "mask", "map": PLACE, "strength_map": PLACE, "keep_color": True}
    other = field_of(model.Parameters, "second style")
    if "photo_mask" in model.Parameters.model_fields:
        parameters |= {"photo_mask": COLOURS, "style_mask": COLOURS}
    elif other:
        parameters[other] = ANOTHER if takes_pictures(model) else [*model.styles][-1]
    if not other and takes_pictures(model):
        parameters["style"] = BLEND
    expected = model(PHOTO, **parameters)
    for dtype in HALVES:
        picture = painted(gpu, on_gpu(entry, dtype), **parameters)
        assert difference(picture, expected) < tolerance(entry, dtype), dtype


@in_tiles
def test_a_blend_in_tiles(gpu: SimulatedGpu, on_cpu: OnCpu, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU without free memory computes in pieces is what the CPU computes at once."""
    model = on_cpu(entry)
    parameters = needed(model)
    if takes_pictures(model):
        parameters["style"] = BLEND
    elif "fusion" in entry.method.tasks:
        parameters["style"] = dict(zip(model.styles, (0.6, 0.4), strict=False))
    expected = model(PHOTO, **parameters)
    monkeypatch.setattr(gpu, "free", 0)
    monkeypatch.setattr(TiledRunner, "tiles", (64,))
    monkeypatch.setattr("methods.adain.method.TILE", 5)
    monkeypatch.setattr("methods.fast_photo.rendering.BAND_ON_GPU", 16 * PHOTO.width)
    for dtype in HALVES:
        pieces: list[hub.Progress] = []
        picture = painted(gpu, loaded(gpu, entry, dtype), **parameters, progress=pieces.append)
        assert len(pieces) > 4
        assert difference(picture, expected) < tolerance(entry, dtype), dtype


def test_a_small_result_on_a_large_photo(
    gpu: SimulatedGpu, on_cpu: OnCpu, on_gpu: OnGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bands of the photo's own rows, and only in float16: it is computed in float32 whatever the dtype."""
    entry = hub.info("deep-photo")
    monkeypatch.setattr("methods.deep_photo.affine.ROWS", 48)
    parameters = {**needed(on_cpu(entry)), "iterations": 1, "size": 64, "smooth": True, "parser": "none"}
    photo = PHOTO.resize((144, 128))
    picture = painted(gpu, on_gpu(entry, "float16"), photo, **parameters)
    assert difference(picture, on_cpu(entry)(photo, **parameters)) < TOLERANCE["float16"]


def test_a_photo_without_texture(gpu: SimulatedGpu, on_cpu: OnCpu, on_gpu: OnGpu) -> None:
    """What features that hardly deviate are multiplied by would be too large for float16."""
    photo = PHOTO.copy()
    photo.paste((90, 90, 90), (0, 0, 66, 64))
    entry = hub.info("adain")
    picture = painted(gpu, on_gpu(entry, "float16"), photo, style=PAINTING)
    assert difference(picture, on_cpu(entry)(photo, style=PAINTING)) < TOLERANCE["float16"]


class Blur(nn.Module):
    """A convolution and a buffer, to be forgotten somewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x - self.mean)  # type: ignore[no-any-return, operator]


def test_a_buffer_left_on_the_cpu_is_seen(gpu: SimulatedGpu) -> None:
    with gpu:
        network = Blur().to("cuda")
        photo = torch.rand(1, 3, 8, 8).to("cuda")
        assert network(photo).device == GPU
        network.mean = network.mean.cpu()
        with pytest.raises(RuntimeError, match=r"same device|different devices"):
            network(photo)


def test_a_network_left_on_the_cpu_is_seen(gpu: SimulatedGpu) -> None:
    with gpu, pytest.raises(LeftOnCpu, match="convolution"):
        Blur().convolution(torch.ones(1, 3, 8, 8))


def test_an_index_left_on_the_cpu_is_seen(gpu: SimulatedGpu) -> None:
    with gpu:
        places = torch.arange(3)
        with pytest.raises(LeftOnCpu, match="index"):
            torch.ones(8, device="cuda")[places]


def test_another_dtype_is_seen(gpu: SimulatedGpu) -> None:
    with gpu:
        network = Blur().to("cuda", torch.float16)
        with pytest.raises(RuntimeError, match="Half"):
            network.convolution(torch.ones(1, 3, 8, 8, device="cuda"))


def test_numbers_on_the_gpu_are_no_arrays(gpu: SimulatedGpu) -> None:
    with gpu:
        numbers = torch.arange(3, device="cuda")
        with pytest.raises(TypeError, match="cuda"):
            np.asarray(numbers)
        assert np.array_equal(numbers.cpu().numpy(), [0, 1, 2])


def test_a_fault_in_a_method_is_seen(gpu: SimulatedGpu, on_gpu: OnGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shares of the styles, not sent to the GPU."""
    method: Any = on_gpu(hub.info("cin-25styles-lite"), "float16")
    shares = method.condition
    monkeypatch.setattr(method, "condition", lambda values: shares(values).cpu())
    with pytest.raises(RuntimeError, match=r"same device|different devices"):
        painted(gpu, method, **needed(method))


def test_numbers_and_gradients_are_real(gpu: SimulatedGpu) -> None:
    torch.manual_seed(0)
    network, photo = Blur(), torch.rand(1, 3, 8, 8)

    def found(network: nn.Module, photo: Tensor) -> tuple[float, Tensor]:
        photo = photo.clone().requires_grad_()
        loss = network(photo).square().sum()
        return loss.item(), torch.autograd.grad(loss, photo)[0].cpu()

    expected, wanted = found(network, photo)
    with gpu:
        other = Blur()
        other.load_state_dict(network.state_dict())
        loss, gradient = found(other.to("cuda"), photo.to("cuda"))
        assert loss == pytest.approx(expected)
        assert np.allclose(gradient.numpy(), wanted.numpy(), atol=1e-5)
