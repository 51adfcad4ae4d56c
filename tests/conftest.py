"""Fixtures that several tests share: a tiny trained-looking model, a photo, material to learn from."""

import os
from tempfile import TemporaryDirectory

from hub.threads import give_way

give_way()
# Before anything reads them. Fixtures of a whole module, and the processes that tests start, have no other home either.
HOME = TemporaryDirectory(prefix="stylehub-tests-", ignore_cleanup_errors=True)
for name in ("HOME", "USERPROFILE", "HF_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
    os.environ[name] = HOME.name
os.environ["GRADIO_TEMP_DIR"] = f"{HOME.name}/gradio"
for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN_PATH", "HF_XET_CACHE", "TORCH_HOME"):
    os.environ.pop(name, None)

import io
import json
import shutil
import sys
import tarfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import huggingface_hub.constants
import huggingface_hub.file_download
import huggingface_hub.utils._http as client_http
import numpy as np
import pytest
import torch
from PIL import Image

from hub import registry, runtime
from hub.files import user_cache
from hub.weights import write_safetensors
from methods.parts import style_vectors, winograd
from methods.parts.dense import hourglass
from methods.parts.perceptual.vgg import ARCHITECTURES, torchvision_indices
from tests.support.models import NARROW, STYLES, random_network
from tests.support.pictures import make_photo

torch.set_num_threads(2)


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that remembers what is faster: float32 and Winograd's convolutions, so that all machines test the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("measured")))
        for stopwatch in ("seconds", "training_seconds"):
            patch.setattr(runtime, stopwatch, lambda dtype, device: 0 if dtype is torch.float32 else float("inf"))
        patch.setattr(winograd, "seconds", lambda way, channels: {"plain": 1, "winograd": 0}[way])
        cpu = torch.device("cpu")
        runtime.fastest_dtype(cpu), runtime.training_dtype(cpu), winograd.faster_here(64), winograd.faster_here(128)
        return user_cache() / "runtime.json"


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def _no_user_settings(monkeypatch: pytest.MonkeyPatch, homes: Path, measured: Path) -> None:
    """No test depends on, or writes into, the user's own folders."""
    home = mkdtemp(dir=homes)  # pytest's own numbered folders take longer with every test
    monkeypatch.setenv("XDG_CACHE_HOME", f"{home}/cache")
    user_cache().mkdir(parents=True)
    shutil.copy(measured, user_cache())
    monkeypatch.setenv("XDG_DATA_HOME", f"{home}/data")
    Path(home, "data").mkdir()
    monkeypatch.delenv("STYLEHUB_VGG", raising=False)
    monkeypatch.delenv("STYLEHUB_PLUGINS", raising=False)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that ``hub.load`` reads: random weights of width 4 for three styles."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    config = {"method": "cin", "width": 4, "styles": [{"name": name} for name in STYLES]}
    write_safetensors(folder / "model.safetensors", random_network().state_dict(), {"config": json.dumps(config)})
    return folder


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
    """A shard of noisy photos, two paintings, small and large, a narrow VGG-16 of random weights."""
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
    (folder / "large").mkdir()
    for name in ("red-stripes", "blue-dots"):
        painting = Image.fromarray(rng.integers(0, 255, (80, 64, 3), dtype=np.uint8))
        painting.save(folder / "paintings" / f"{name}.png")
        painting.resize((128, 160), Image.Resampling.BILINEAR).save(folder / "large" / f"{name}.png")
    random_vgg(folder / "vgg.safetensors", NARROW)
    return folder


@pytest.fixture(scope="session")
def whole_vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VGG-16 of random weights and full width."""
    return random_vgg(tmp_path_factory.mktemp("vgg") / "vgg.safetensors", "VGG-16")


def random_vgg(path: Path, architecture: str) -> Path:
    torch.manual_seed(0)
    state, channels = {}, 3
    blocks = ARCHITECTURES[architecture]
    widths = [width for block in blocks for width in block]
    for index, width in zip(torchvision_indices(blocks).values(), widths, strict=True):
        state[f"{index}.weight"] = torch.randn(width, channels, 3, 3) * (2 / (9 * channels)) ** 0.5
        state[f"{index}.bias"] = torch.zeros(width)
        channels = width
    write_safetensors(path, {k: v.half() for k, v in state.items()}, {})
    return path


@pytest.fixture
def small_paintings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paintings are encoded at a sixteenth of the pixels."""
    monkeypatch.setattr(style_vectors, "SIDE", 128)


@pytest.fixture
def small_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth and groups of things are found at a sixteenth of the pixels."""
    monkeypatch.setattr(hourglass, "SIDE", 64)


@pytest.fixture
def quick_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The client waits up to 23 s between retries: not here. No token or proxy of the user's is used."""
    no_waiting = types.SimpleNamespace(**{**vars(client_http.time), "sleep": lambda seconds: None})
    monkeypatch.setattr(client_http, "time", no_waiting)
    monkeypatch.setattr(huggingface_hub.file_download, "time", no_waiting)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Install a package with a ``registry.yaml``, and with a module ``method`` where code for it is given."""
    names = []

    def one(name: str, entries: str, code: str = "") -> Path:
        names.append(name)
        site = tmp_path / "site"
        folder, facts = site / name, site / f"{name}-1.0.dist-info"
        for new in (folder, facts):
            new.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[stylehub.methods]\n{name} = {name}\n")
        (folder / "__init__.py").write_text("")
        (folder / "registry.yaml").write_text(entries)
        if code:
            (folder / "method.py").write_text(code)
        monkeypatch.syspath_prepend(str(site))
        registry.refresh()
        return folder

    yield one
    for module in [m for m in sys.modules if m.partition(".")[0] in names]:
        del sys.modules[module]
    registry.refresh()
