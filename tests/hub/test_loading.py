"""`hub.load` through the real hub client, against a hub on this machine."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.errors import DownloadError, ParameterError, WeightsError
from hub.weights import sha256_of, write_safetensors
from tests.support.loopback_hub import LoopbackHub
from tests.support.models import random_network
from tests.support.plugins import STRANGE_CIN

COMMIT = "0123456789abcdef0123456789abcdef01234567"
pytestmark = pytest.mark.usefixtures("quick_client")


def test_a_repository_loads_pinned_and_then_without_a_request(
    tiny_model: Path, photo: Image.Image, tmp_path: Path
) -> None:
    files = {p.name: p.read_bytes() for p in tiny_model.iterdir()} | {"method.py": b"raise SystemExit('code ran')"}
    with LoopbackHub() as server:
        server.add("someone/tiny", COMMIT, files)
        name = f"hf://someone/tiny@{COMMIT}"
        first = hub.load(name, endpoint=server.url, cache_dir=tmp_path, device="cpu")
        requests = server.count()
        again = hub.load(name, endpoint=server.url, cache_dir=tmp_path, device="cpu")
        assert server.count() == requests, "a pinned and cached model asked the hub again"
    offline = hub.load(name, cache_dir=tmp_path, offline=True, device="cpu")
    local = hub.load(tiny_model, device="cpu")(photo, style="senecio")
    for method in (first, again, offline):
        assert np.array_equal(method(photo, style="senecio"), local)
    with pytest.raises(DownloadError, match="offline"):
        hub.load(name, cache_dir=tmp_path / "empty", offline=True)


def entry_of(weights: Path, place: str) -> str:
    """The entry of a package whose model has these ``weights`` at ``place``."""
    pinned = f"sha256: {sha256_of(weights)}, bytes: {weights.stat().st_size}"
    return f"{STRANGE_CIN}        weights: {{{place}, license: MIT, {pinned}}}\n"


def test_a_registry_entry_with_a_repository(
    tiny_model: Path, photo: Image.Image, tmp_path: Path, install: Callable[..., Path]
) -> None:
    """Downloaded when it is not bundled, checked by hash, refused when the hub serves something else."""
    weights = tiny_model / "model.safetensors"
    install("strange", entry_of(weights, f'repo_id: someone/tiny, revision: "{COMMIT}"'))
    with LoopbackHub() as server:
        server.add("someone/tiny", COMMIT, {"model.safetensors": weights.read_bytes()})
        method = hub.load("tiny", endpoint=server.url, cache_dir=tmp_path / "good", device="cpu")
        assert method(photo, style="senecio").size == photo.size
        server.corrupt = 2
        with pytest.raises(WeightsError, match="sha256"):
            hub.load("tiny", endpoint=server.url, cache_dir=tmp_path / "bad", device="cpu")


def test_weights_of_another_method_are_refused(tmp_path: Path, install: Callable[..., Path]) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, random_network().state_dict(), {"config": json.dumps({"method": "other"})})
    package = install("strange", entry_of(path, "folder: weights"))
    (package / "weights").mkdir()
    path.rename(package / "weights" / path.name)
    with pytest.raises(WeightsError, match="does not hold weights of"):
        hub.load("tiny")


def test_devices_and_dtypes(tiny_model: Path) -> None:
    assert hub.load(tiny_model, device="cpu", dtype="float32").dtype == torch.float32
    assert hub.load(tiny_model, device=torch.device("cpu"), dtype=torch.bfloat16).dtype == torch.bfloat16
    with pytest.raises(ParameterError, match="no device 'abacus'"):
        hub.load(tiny_model, device="abacus")
    with pytest.raises(ParameterError, match="'float8' is not supported"):
        hub.load(tiny_model, dtype="float8")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_the_gpu_makes_the_same_picture(tiny_model: Path, photo: Image.Image) -> None:
    a, b = (np.asarray(hub.load(tiny_model, device=d)(photo, style="senecio"), np.int16) for d in ("cpu", "cuda"))
    assert np.abs(a - b).mean() < 3
