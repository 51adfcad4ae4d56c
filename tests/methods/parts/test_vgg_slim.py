"""The narrow VGG: what is thrown away is what the rest predicts, and training brings it nearer to its teacher."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hub.errors import ParameterError
from hub.trainer import Trainer
from hub.weights import read_metadata
from methods.parts.perceptual.backbone import read_slim
from methods.parts.perceptual.losses import gram_matrix
from methods.parts.perceptual.vgg import ARCHITECTURES
from methods.parts.vgg_slim import training
from methods.parts.vgg_slim.training import GRAM_LAYERS, LAYERS, SlimSettings, SlimTraining, pivots, restoration
from tests.support.models import NARROW


@pytest.fixture(scope="module")
def recipe(material: Path) -> Iterator[SlimTraining]:
    """A student of half of the width of a narrow teacher."""
    settings = SlimSettings(
        content=[material / "photos.tar"],
        paintings=[material / "paintings"],
        vgg=material / "vgg.safetensors",
        batch=1,
        side=64,
        steps=6,
        warmup=1,
        rounds=3,
        workers=0,
        bf16=False,
        average=0.5,
        learning_rate=1e-4,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "BLOCKS", tuple(tuple(w // 2 for w in block) for block in ARCHITECTURES[NARROW]))
        yield SlimTraining(settings, torch.device("cpu"))


def test_the_channels_kept_predict_the_others() -> None:
    torch.manual_seed(0)
    own = torch.randn(3, 400, dtype=torch.float64)
    features = torch.cat([own, own[:1] * 2, own[1:2] - own[2:], torch.zeros(1, 400, dtype=torch.float64)])
    moments = features @ features.T / 400
    kept = pivots(moments, 3)
    assert len(set(kept)) == 3
    restored = restoration(moments, kept) @ features[kept]
    assert (restored - features).square().mean() < 1e-3 * features.square().mean()


def test_it_begins_near_its_teacher_and_comes_nearer(recipe: SlimTraining, tmp_path: Path) -> None:
    run = Trainer(recipe, torch.device("cpu"))
    before = recipe.losses(recipe.pairs[0], 0)
    assert set(before) == {"loss", "features", "gram", "own_features", "own_gram"}
    assert before["features"] < 0.8, "half of the channels, chosen well, tell more than nothing"
    for _ in run.steps():
        pass
    assert recipe.losses(recipe.pairs[0], 0)["loss"] < before["loss"]

    recipe.export(run.average.module, tmp_path, {"steps": 6})
    file = tmp_path / "model.safetensors"
    assert file.stat().st_size < recipe.settings.vgg.stat().st_size
    config = json.loads((tmp_path / "config.json").read_text())
    assert config == json.loads(read_metadata(file)["config"])
    slim = read_slim(["relu3_1", "conv4_2"], weights=file)
    with pytest.raises(ParameterError, match="no layer 'relu5_2'; it has conv1_1"):
        read_slim(["relu5_2"], weights=file)
    student = run.average.module
    with torch.no_grad():
        grams = []
        for image in torch.rand(2, 1, 3, 64, 64):
            own, shipped = student(image, GRAM_LAYERS), slim(image, GRAM_LAYERS)
            grams.append([(student.embedded_gram(k, own[k]), gram_matrix(shipped[k])) for k in GRAM_LAYERS])
    for (embedded, projected), (other_embedded, other_projected) in zip(*grams, strict=True):
        difference = (projected - other_projected).square().sum()
        assert difference == pytest.approx((embedded - other_embedded).square().sum().item(), rel=0.05)
    assert set(slim.projections) == set(LAYERS)


def test_pictures_under_optimisation_start_anew_in_turns(recipe: SlimTraining) -> None:
    pairs = recipe.pairs
    assert [pairs.age(step, 0) for step in range(5)] == [0, 1, 2, 0, 1]
    assert pairs.episode(0, 0) == pairs.episode(2, 0) != pairs.episode(3, 0)
    step = pairs[1]
    assert {name: tuple(t.shape) for name, t in step.items()} == dict.fromkeys(
        ("photos", "paintings", "own_photos", "own_paintings"), (1, 3, 64, 64)
    )
    assert torch.equal(step["own_photos"], pairs[2]["own_photos"])
    assert torch.equal(step["photos"], pairs[1]["photos"])
    assert not torch.equal(step["photos"], pairs[2]["photos"])


def test_projecting_a_gram_matrix_is_that_of_the_projected_features() -> None:
    network, picture, layer = read_slim(["relu2_1"]), torch.rand(2, 3, 32, 48), "relu2_1"
    wanted = gram_matrix(network(picture, [layer])[layer])
    cheaper = network.projected_gram(layer, gram_matrix(network(picture, [layer], unprojected=[layer])[layer]))
    assert torch.allclose(cheaper, wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max())
