"""The measures behind `stylehub eval`, against what they must give by definition."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from typer.testing import CliRunner

import hub
from hub.cli import app
from hub.evaluation import Scores, average, evaluate, evaluate_strokes, read_photos
from methods.parts.perceptual.similarity import edge_map, structural_similarity
from methods.parts.perceptual.vgg import read_vgg


@pytest.fixture
def painting() -> Image.Image:
    rng = np.random.default_rng(1)
    return Image.fromarray(rng.integers(0, 255, (90, 70, 3), dtype=np.uint8))


def test_scores_of_the_extremes(material: Path, photo: Image.Image, painting: Image.Image) -> None:
    """The untouched photo has content 0 and edges 1; the painting itself, as a result, has style near 0."""
    vgg = read_vgg(material / "vgg.safetensors")
    same = evaluate(lambda p, _: p, [photo], {"a": painting}, vgg, size=64)["a"]
    assert same.content == pytest.approx(0, abs=1e-6)
    assert same.edges == pytest.approx(1, abs=1e-5)
    assert same.style == pytest.approx(same.untouched_style, rel=1e-4)
    assert same.style > 0.01
    twin = painting.resize((64, round(64 * 90 / 70)), Image.Resampling.LANCZOS)
    perfect = evaluate(lambda p, _: twin, [twin], {"a": painting}, vgg, size=64)["a"]
    assert perfect.style < 0.01
    blurred = evaluate(lambda p, _: p.filter(ImageFilter.GaussianBlur(3)), [photo], {"a": painting}, vgg, size=64)["a"]
    assert blurred.content > 0.02
    assert blurred.edges < 0.9


def test_evaluate_calls_every_pair_and_averages(material: Path, photo: Image.Image, painting: Image.Image) -> None:
    vgg = read_vgg(material / "vgg.safetensors")
    calls: list[tuple[tuple[int, int], str]] = []
    seen: list[tuple[int, int]] = []

    def stylise(picture: Image.Image, name: str) -> Image.Image:
        calls.append((picture.size, name))
        return picture

    scores = evaluate(
        stylise,
        [photo, photo.rotate(90, expand=True)],
        {"a": painting, "b": photo},
        vgg,
        size=64,
        progress=lambda *p: seen.append(p),
    )
    assert [name for _, name in calls] == ["a", "a", "b", "b"]
    assert all(min(size) == 64 for size, _ in calls)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert average(scores).style == pytest.approx((scores["a"].style + scores["b"].style) / 2)
    assert average({"x": Scores(1, 2, 3, 4)}) == Scores(1, 2, 3, 4)


def test_structural_similarity() -> None:
    torch.manual_seed(0)
    a = torch.rand(1, 1, 40, 40)
    assert structural_similarity(a, a).item() == pytest.approx(1, abs=1e-5)
    assert structural_similarity(a, 1 - a).item() < 0
    noise = (a + 0.3 * torch.randn_like(a)).clamp(0, 1)
    assert 0.3 < structural_similarity(a, noise).item() < 0.95


def test_edges_are_where_lightness_changes() -> None:
    image = torch.zeros(1, 3, 20, 20)
    image[..., 10:] = 1
    edges = edge_map(image)[0, 0]
    assert edges[:, 9:11].min() == 1
    assert edges[:, :8].max() == 0


def test_photos_from_shards_and_folders(material: Path, photo: Image.Image, tmp_path: Path) -> None:
    assert len(list(read_photos(material / "photos.tar"))) == 6
    assert len(list(read_photos(material / "photos.tar", 2))) == 2
    photo.save(tmp_path / "a.png")
    assert [p.size for p in read_photos(tmp_path)] == [photo.size]


def eval_words(model: Path, material: Path, paintings: Path) -> list[str | Path]:
    words = ["eval", model, "--photos", material / "photos.tar", "--paintings", paintings, "--size", "64"]
    return [*words, "--vgg", material / "vgg.safetensors"]


def test_eval_on_the_command_line(material: Path, photo: Image.Image, tiny_model: Path, tmp_path: Path) -> None:
    for name in ("klee-senecio", "hokusai-great-wave"):
        photo.save(tmp_path / f"{name}.png")
    words = [*eval_words(tiny_model, material, tmp_path), "--limit", "2", "--style", "senecio", "--style", "great-wave"]
    out = tmp_path / "scores.json"
    result = CliRunner().invoke(app, [*map(str, words), "-o", str(out)])
    assert result.exit_code == 0
    assert "average" in result.stdout
    scores = json.loads(out.read_text())
    assert list(scores["styles"]) == ["klee-senecio", "hokusai-great-wave"]
    assert scores["average"]["style"] > 0
    assert scores["limit"] == 2
    before = out.read_bytes()
    refused = CliRunner().invoke(app, [*map(str, words), "-o", str(out)])
    assert "exists" in str(refused.exception)
    assert out.read_bytes() == before


def test_eval_with_the_optimality_gap(
    material: Path, photo: Image.Image, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("methods.gatys.gap.ITERATIONS", 5)
    photo.rotate(90, expand=True).save(tmp_path / "klee-senecio.png")
    words = [*eval_words(tiny_model, material, tmp_path), "--limit", "1", "--style", "senecio"]
    plain, gap = (CliRunner().invoke(app, [*map(str, words), "--json", *more]) for more in ([], ["--gap"]))
    assert gap.exit_code == 0, gap.exception
    assert "gap" not in plain.stdout
    assert json.loads(gap.stdout)["average"]["gap"] > 1


def test_the_size_of_strokes_is_measured(material: Path, photo: Image.Image, painting: Image.Image) -> None:
    """A photo hardly larger than the draft has one pass whatever the stroke; a smaller stroke makes another picture."""
    vgg, model = read_vgg(material / "vgg.safetensors"), hub.load("cin-25styles-lite")
    seen: list[tuple[int, int]] = []
    draft, fine, medium, small = evaluate_strokes(
        model,
        [photo],
        {"picabia-udnie": painting},
        vgg,
        sizes=[96],
        strokes=["fine", "medium", 64],
        small=64,
        crop=80,
        progress=lambda *p: seen.append(p),
    )
    assert [row.stroke for row in (draft, fine, medium, small)] == ["draft, enlarged", "fine", "medium", "64"]
    assert (fine.whole, fine.near, fine.content) == (medium.whole, medium.near, medium.content)
    assert small.whole != fine.whole
    assert draft.near != fine.near
    assert seen == [(n, 4) for n in range(1, 5)]


def test_strokes_of_a_model_without_them(material: Path, tmp_path: Path) -> None:
    words = ["--photos", str(material / "photos.tar"), "--paintings", str(material / "paintings")]
    result = CliRunner().invoke(app, ["eval", "gatys", *words, "--vgg", str(material / "vgg.safetensors"), "--strokes"])
    assert "gatys has no --stroke" in str(result.exception)
