"""What several tests share: a tiny trained-looking model, a photo, a catalogue that knows them."""

from hub.threads import give_way

give_way()

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hub.weights import write_safetensors
from methods.parts.perceptual.vgg import ARCHITECTURES, torchvision_indices
from methods.parts.transformation.network import ImageTransformationNetwork

torch.set_num_threads(2)
STYLES = ["van-gogh-starry-night", "hokusai-great-wave", "klee-senecio"]


@pytest.fixture(autouse=True)
def _no_user_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test depends on, or writes into, the user's own folders."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    monkeypatch.delenv("STYLEHUB_VGG", raising=False)
    monkeypatch.delenv("STYLEHUB_PLUGINS", raising=False)


def random_network(styles: int = 3, width: int = 4, seed: int = 0) -> ImageTransformationNetwork:
    """A network whose every row of scales and shifts differs, so that mixing styles up cannot go unseen."""
    torch.manual_seed(seed)
    network = ImageTransformationNetwork(styles, width)
    for name, parameter in network.named_parameters():
        if ".norm." in name:
            parameter.data += 0.3 * torch.randn_like(parameter)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that ``hub.load`` reads: random weights of width 4 for three styles."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    config = {"method": "cin", "width": 4, "styles": [{"name": name} for name in STYLES]}
    write_safetensors(folder / "model.safetensors", random_network().state_dict(), {"config": json.dumps(config)})
    return folder


def make_photo() -> Image.Image:
    """A picture with edges, a gradient and texture, 96 x 80."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:80, 0:96]
    pixels = np.stack([x * 2.6, y * 3.1, 128 + 100 * np.sin(x / 5) * np.cos(y / 7)], axis=-1)
    pixels[20:50, 30:60] = (220, 40, 30)
    return Image.fromarray(np.clip(pixels + rng.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    return make_photo()


@pytest.fixture
def photo_file(tmp_path: Path, photo: Image.Image) -> Path:
    path = tmp_path / "photo.png"
    photo.save(path)
    return path


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard of noisy photos, two paintings, a VGG-16 of random weights."""
    folder = tmp_path_factory.mktemp("material")
    rng = np.random.default_rng(0)
    with tarfile.open(folder / "photos.tar", "w") as tar:
        for index in range(6):
            pixels = np.kron(rng.integers(0, 255, (12, 16, 3)), np.ones((8, 8, 1))) + rng.normal(0, 9, (96, 128, 3))
            data = io.BytesIO()
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(data, "JPEG")
            for name, content in ((f"{index:06}.jpg", data.getvalue()), (f"{index:06}.json", b"{}")):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    (folder / "paintings").mkdir()
    for name in ("red-stripes", "blue-dots"):
        Image.fromarray(rng.integers(0, 255, (80, 64, 3), dtype=np.uint8)).save(folder / "paintings" / f"{name}.png")
    torch.manual_seed(0)
    state, channels = {}, 3
    blocks = ARCHITECTURES["VGG-16"]
    widths = [width for block in blocks for width in block]
    for index, width in zip(torchvision_indices(blocks).values(), widths, strict=True):
        state[f"{index}.weight"] = torch.randn(width, channels, 3, 3) * (2 / (9 * channels)) ** 0.5
        state[f"{index}.bias"] = torch.zeros(width)
        channels = width
    write_safetensors(folder / "vgg.safetensors", {k: v.half() for k, v in state.items()}, {})
    return folder


def tiny_training(material: Path) -> dict[str, object]:
    """Settings for a training of seconds by the perceptual losses."""
    return {
        "content": [material / "photos.tar"],
        "vgg": material / "vgg.safetensors",
        "width": 2,
        "crops": [32],
        "crop_starts": [0.0],
        "style_size": 64,
        "batch": 2,
        "steps": 6,
        "warmup": 2,
        "workers": 0,
        "bf16": False,
    }
