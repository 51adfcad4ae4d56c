"""A network a style photo, near a photo by the matting Laplacian: its stencil, the prepared shards, the training."""

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import hub
from hub.errors import TrainingError, UnknownName
from hub.images import to_tensor
from hub.progress import Progress
from hub.trainer import train
from hub.weights import sha256_of
from methods.fast_photo_affine import matrices
from methods.fast_photo_affine.method import FastPhotoAffine
from methods.fast_photo_affine.stencil import affine_loss, product, stencil
from methods.fast_photo_affine.training import (
    STYLE_LAYERS,
    FastPhotoAffineSettings,
    FastPhotoAffineTraining,
    Prepared,
    unmirrored,
)
from methods.parts.dense.segmentation.masks import paired
from methods.parts.matting import matting_laplacian
from tests.support.models import tiny_training

CPU = torch.device("cpu")
SIDE = 32


@pytest.fixture(scope="module")
def shards(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    matrices.main([str(material / "photos.tar"), "--out", str(folder), "--side", str(SIDE)])
    return folder


def settings(material: Path, shards: Path, **changes: Any) -> FastPhotoAffineSettings:
    values = tiny_training(material) | {
        "style": material / "large" / "blue-dots.png",
        "content": [shards],
        "scratch": True,
    }
    values = {name: value for name, value in values.items() if name in FastPhotoAffineSettings.model_fields}
    return FastPhotoAffineSettings.model_validate(values | changes)


def recoloured(photo: Tensor) -> Tensor:
    matrix = torch.tensor([[0.7, 0.2, -0.1], [0.1, 0.5, 0.2], [-0.2, 0.1, 0.8]])
    return torch.einsum("oi,nihw->nohw", matrix, photo) + 0.1


# --- The Laplacian as a stencil


@pytest.mark.parametrize("size", [(3, 3), (17, 24)])
def test_the_stencil_is_the_matting_laplacian(photo: Image.Image, size: tuple[int, int]) -> None:
    pixels, (height, width) = to_tensor(photo)[..., : size[0], : size[1]], size
    laplacian = matting_laplacian(pixels)
    couplings = stencil(laplacian, height, width)
    picture = torch.rand(1, 2, height, width, generator=torch.Generator().manual_seed(0))
    wanted = (laplacian @ picture[0].flatten(1).T).T.view_as(picture)
    assert wanted.abs().max() > 0.1
    assert (product(couplings[None], picture) - wanted).abs().max() < 1e-5
    assert (product(couplings[None].half(), picture) - wanted).abs().max() < 5e-3
    assert couplings.abs().max() <= 3


def test_only_what_is_no_recolouring_costs(photo: Image.Image) -> None:
    pixels = to_tensor(photo)
    couplings = stencil(matting_laplacian(pixels), *pixels.shape[-2:])[None].half()
    blurred = F.avg_pool2d(pixels, 3, stride=1, padding=1, count_include_pad=False)
    assert affine_loss(couplings, pixels, pixels) == 0
    assert affine_loss(couplings, blurred, pixels) > 1e-2
    assert affine_loss(couplings, recoloured(pixels), pixels) < 1e-6
    assert affine_loss(couplings, torch.full_like(pixels, 0.3), pixels) < 1e-6, "an even picture is a recolouring too"


def test_the_loss_is_the_issues_and_its_gradient_is_right(photo: Image.Image) -> None:
    """Each of a batch by its own matrix, against the matrices as they are."""
    pixels = torch.cat([to_tensor(photo)[..., :12, :15], to_tensor(photo)[..., 40:52, 20:35]])
    laplacians = [matting_laplacian(one[None]) for one in pixels]
    couplings = torch.stack([stencil(laplacian, 12, 15) for laplacian in laplacians])
    result = torch.rand(2, 3, 12, 15, requires_grad=True)

    def by_matrices() -> Tensor:
        flat = (result - pixels).flatten(2)
        squares = [(m.to_dense() @ f.T).square().sum() for m, f in zip(laplacians, flat, strict=True)]
        return torch.stack(squares) / (12 * 15)

    found = affine_loss(couplings, result, pixels)
    assert torch.allclose(found, by_matrices(), rtol=1e-4)
    (ours,) = torch.autograd.grad(found.sum(), result)
    (theirs,) = torch.autograd.grad(by_matrices().sum(), result)
    assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-5)


# --- Prepared photos


def test_shards_hold_the_matrix_and_the_groups_of_their_photos(shards: Path) -> None:
    with tarfile.open(shards / f"matting-{SIDE}-0000.tar") as tar:
        names = tar.getnames()
    assert names[:2] == ["000000.png", "000000.safetensors"]
    assert len(names) == 2 * 6
    item = next(item for index in range(20) if not (item := prepared(shards).item(index))["mirrored"])
    photo = item["photos"][None]
    wanted = stencil(matting_laplacian(photo), SIDE, SIDE)
    assert photo.shape == (1, 3, SIDE, SIDE)
    assert (item["matting"] - wanted).abs().max() < 1e-3
    assert item["groups"].shape == (10, SIDE, SIDE)
    assert (item["groups"].sum(0) - 1).abs().max() < 0.03


def prepared(shards: Path, **changes: Any) -> Prepared:
    values: dict[str, Any] = {"content": [shards], "style": Path("style.png"), **changes}
    return Prepared(FastPhotoAffineSettings.model_validate(values))


def test_a_mirrored_photo_is_turned_back_for_its_matrix(shards: Path) -> None:
    batch = prepared(shards, batch=12, steps=1)[0]
    mirrored = batch["mirrored"]
    assert 0 < mirrored.sum() < len(mirrored)
    photos, results = batch["photos"], recoloured(batch["photos"])
    assert affine_loss(batch["matting"], unmirrored(results, mirrored), unmirrored(photos, mirrored)).max() < 1e-6
    assert affine_loss(batch["matting"], results, photos)[mirrored].min() > 1e-4


def test_what_was_prepared_is_not_overwritten(
    material: Path, shards: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = [str(material / "photos.tar"), "--side", str(SIDE), "--out"]
    with pytest.raises(SystemExit, match=r"matting-32-0000\.tar exists; choose another name"):
        matrices.main([*words, str(shards)])
    with pytest.raises(SystemExit) as error:
        matrices.main([*words, str(tmp_path), "--side", "100"])
    assert error.value.code == 2
    assert "a multiple of 16" in capsys.readouterr().err

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(matrices, "write_whole", full)
    with pytest.raises(SystemExit, match="No space left"):
        matrices.main([*words, str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_photos_that_were_not_prepared(material: Path, shards: Path, tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"[Nn]o \.png sample.*prepare photos by `python -m methods\.fast_photo_affine"
    ):
        prepared(material / "photos.tar")
    other = matrices.prepare([material / "photos.tar"], tmp_path, 48)
    mixed = prepared(shards, content=[shards, *other], batch=12)
    with pytest.raises(TrainingError, match="not all of one size"):
        mixed[0]


# --- The training


def test_training_lowers_the_loss_and_goes_on_where_it_stopped(material: Path, shards: Path, tmp_path: Path) -> None:
    values = {"steps": 18, "opening": 0.55, "checkpoint_every": 7, "sheet_every": 18, "warmup": 0}
    recipe = settings(material, shards, **values)
    seen: list[Progress] = []
    weights = train(FastPhotoAffineTraining(recipe, CPU), tmp_path / "whole", CPU, seen.append)
    losses = [p.losses["loss"] for p in seen]
    assert all(set(p.losses) == {"loss", "affine"} for p in seen[:10]), "the opening has no style yet"
    assert all(set(p.losses) == {"loss", "affine", "style", "variation"} for p in seen[10:])
    assert np.mean(losses[7:10]) < 0.95 * np.mean(losses[:3])
    assert np.mean(losses[15:]) < 0.7 * np.mean(losses[10:13])

    class Stopped(Exception): ...

    def stop(p: Progress) -> None:
        if p.step == 16:
            raise Stopped

    again: list[Progress] = []
    with pytest.raises(Stopped):
        train(FastPhotoAffineTraining(recipe, CPU), tmp_path / "parts", CPU, stop)
    train(FastPhotoAffineTraining(recipe, CPU), tmp_path / "parts", CPU, again.append)
    assert [p.step for p in again] == list(range(15, 19))
    assert [p.losses["loss"] for p in again] == pytest.approx(losses[14:], rel=1e-3)

    method = hub.load(weights, device="cpu")
    assert isinstance(method, FastPhotoAffine)
    assert list(method.styles) == ["blue-dots"]
    config = json.loads((weights / "config.json").read_text())
    assert config["method"] == "fast-photo-affine"
    assert str(material) not in json.dumps(config), "a path of this machine was published"


def test_the_photo_is_mixed_in_by_training_alone(material: Path, shards: Path, tmp_path: Path) -> None:
    recipe = FastPhotoAffineTraining(settings(material, shards, opening=0), CPU)
    batch = recipe.prepared[0]
    looked: list[Tensor] = []
    recipe.vgg.register_forward_pre_hook(lambda _, inputs: looked.append(inputs[0]))
    recipe.losses(batch, 0)
    with torch.no_grad():
        alone = recipe.network(batch["photos"], torch.ones(2, 1))
    assert torch.allclose(looked[0], 0.85 * alone + 0.15 * batch["photos"], atol=1e-5)

    recipe.export(recipe.network, tmp_path, {})
    method = hub.load(tmp_path, device="cpu", dtype="float32")
    assert (method(batch["photos"]) - alone).abs().max() < 1e-2  # exported in float16


def test_content_counts_when_asked_for(material: Path, shards: Path) -> None:
    found = {}
    for weight in (0.0, 2.0):
        recipe = FastPhotoAffineTraining(settings(material, shards, opening=0, content_weight=weight), CPU)
        found[weight] = {name: loss.item() for name, loss in recipe.losses(recipe.prepared[0], 0).items()}
    assert "content" not in found[0.0]
    assert found[2.0]["content"] > 0
    assert found[2.0]["loss"] - found[0.0]["loss"] == pytest.approx(2 * found[2.0]["content"], rel=1e-3)


def test_a_region_learns_from_its_like(material: Path, shards: Path) -> None:
    """What is sky in the photo is compared with the style photo's sky, whatever the rest of both looks like."""
    recipe = FastPhotoAffineTraining(settings(material, shards), CPU)
    left = torch.zeros(1, 10, 64, 64)
    left[:, 0, :, :32], left[:, 5, :, 32:] = 1, 1
    halves = torch.cat([torch.rand(1, 3, 64, 32), 0.2 * torch.rand(1, 3, 64, 32)], 3)
    recipe.style_pixels, recipe.style_groups = halves, left
    recipe.grams = recipe.style_grams()
    assert [region.name for region in paired(left, left)] == ["Sky", "Water"]
    features = recipe.vgg(halves, STYLE_LAYERS)
    alike, swapped = recipe.style_error(features, left), recipe.style_error(features, left.flip(3))
    assert alike < 1e-3
    assert swapped > 100 * alike


# --- What ships


def test_the_style_need_not_be_named(photo: Image.Image) -> None:
    method = hub.load("fast-photo-affine", device="cpu")
    first = next(iter(method.styles))
    result = method(photo)
    assert np.array_equal(result, method(photo, style=first))
    assert result.info["stylehub"]["parameters"] == {"style": first}
    with pytest.raises(UnknownName, match=f"mona-lisa.*{first}.*stylehub train fast-photo-affine --style"):
        method(photo, style="mona-lisa")


def test_bundled_files_are_those_of_the_registry() -> None:
    entry = hub.info("fast-photo-affine")
    for file in entry.model.files:
        assert entry.root
        path = entry.root / str(file.folder) / file.filename
        assert sha256_of(path) == file.sha256
        assert path.stat().st_size == file.bytes
