"""Scene parsing: the network, how it learns, masks of one's own and how they are matched."""

import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from typer.testing import CliRunner

from benchmarks.segmentation import confusion, overlaps
from hub.cli import app
from hub.errors import ParameterError, StylehubError
from hub.images import to_tensor
from hub.progress import Progress
from hub.trainer import train
from methods.parts.dense.depth.scenes import scene as rendered_scene
from methods.parts.dense.segmentation.groups import ADE_GROUPS, GROUPS
from methods.parts.dense.segmentation.masks import ColorMask, colorize, regions, scene
from methods.parts.dense.segmentation.parse import parse
from methods.parts.dense.segmentation.training import (
    UNKNOWN,
    Labelled,
    SegmentationSettings,
    SegmentationTraining,
    overlap,
)
from tests.support.paths import ROOT

CPU = torch.device("cpu")
NAMES = [group.name for group in GROUPS]


@pytest.fixture(scope="module")
def valley() -> Image.Image:
    return Image.open(ROOT / "examples" / "valley.jpg").convert("RGB").resize((360, 240))


def test_every_class_of_ade20k_has_a_group_that_exists() -> None:
    assert set(ADE_GROUPS.values()) <= set(NAMES)
    assert len({group.color for group in GROUPS}) == len(GROUPS)


@pytest.mark.parametrize("size", [(1, 1), (40, 3), (31, 47), (200, 40)])
def test_any_size_is_parsed(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    found = parse(torch.rand(2, 3, *size))
    assert found.shape == (2, 10, *size)
    assert found.min() >= 0
    assert torch.allclose(found.sum(1), torch.ones(2, *size), atol=1e-3)


def test_the_bundled_network_finds_the_sky(valley: Image.Image) -> None:
    """In rendered scenes that it never saw, whose sky is known, far better than the upper half would."""
    pixels = np.asarray(valley, np.float32) / 255
    crops = [pixels[y : y + 48, x : x + 48] for y in (100, 190) for x in (0, 150, 300)]
    tables = {name: np.zeros((2, 2), int) for name in ("network", "rows")}
    for seed in range(8):
        picture, inverse = rendered_scene(crops, 192, 256, np.random.default_rng([5, seed]))
        sky = (inverse == 0).astype(int)
        found = parse(torch.from_numpy(picture).permute(2, 0, 1)[None])[0, NAMES.index("sky")].numpy() > 0.5
        rows = np.repeat(np.arange(192)[:, None] < 96, 256, 1)
        tables["network"] += confusion(sky, found.astype(int), 2)
        tables["rows"] += confusion(sky, rows.astype(int), 2)
    network, trivial = (overlaps(table)[1] for table in tables.values())
    assert network > 0.6
    assert network > trivial + 0.1


def shard(path: Path, count: int) -> Path:
    """A tar of pictures: a blue sky over a green field, and a row of which nothing is known; water in the first alone."""
    rng = np.random.default_rng(0)
    with tarfile.open(path, "w") as tar:
        for index in range(count):
            horizon = int(rng.integers(20, 50))
            labels = np.full((72, 96), NAMES.index("grass"), np.uint8)
            labels[:horizon] = NAMES.index("sky")
            labels[-2:] = UNKNOWN
            if index == 0:
                labels[-12:-2] = NAMES.index("water")
            colors = {"sky": (90, 150, 240), "grass": (60, 160, 40), "water": (20, 40, 90)}
            pixels = np.zeros((72, 96, 3))
            for name, color in colors.items():
                pixels[labels == NAMES.index(name)] = color
            pixels += rng.normal(0, 12, pixels.shape)
            photo, plane = BytesIO(), BytesIO()
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(photo, "JPEG")
            Image.fromarray(labels).save(plane, "PNG")
            for suffix, data in (("jpg", photo), ("label.png", plane)):
                member = tarfile.TarInfo(f"{index:06d}.{suffix}")
                member.size = data.tell()
                data.seek(0)
                tar.addfile(member, data)
    return path


def settings(folder: Path, **options: object) -> SegmentationSettings:
    values = {"labelled": [shard(folder / "labelled.tar", 5)], "batch": 1, "rare": 1, "rarest": 1, "workers": 0}
    return SegmentationSettings.model_validate(values | options)


def test_rare_groups_are_shown_more_often(tmp_path: Path) -> None:
    labelled = Labelled(settings(tmp_path, batch=1, rare=1))
    assert [list(photos) for photos in labelled.showing] == [[0]], "only the first photo shows the rarest group"
    one, two = labelled[7], labelled[7]
    assert torch.equal(one["photos"], two["photos"])
    assert one["photos"].shape[0] == 2


def test_training_lowers_the_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("methods.parts.dense.segmentation.training.SIZE", (64, 96))
    seen: list[Progress] = []
    recipe = SegmentationTraining(settings(tmp_path, steps=14, warmup=2, bf16=False), CPU)
    folder = train(recipe, tmp_path / "run", CPU, seen.append)
    for name in ("entropy", "missed"):
        values = [p.losses[name] for p in seen]
        assert np.mean(values[-4:]) < np.mean(values[:4])
    assert json.loads((folder / "config.json").read_text())["groups"] == NAMES


def test_overlap_of_a_hand_made_case() -> None:
    labels = torch.tensor([[[0, 0, 1, UNKNOWN]]])
    found = torch.zeros(1, 3, 1, 4)
    found[0, 0, 0, 0] = found[0, 1, 0, 1] = found[0, 1, 0, 2] = found[0, 2, 0, 3] = 1
    # Group 0: one of two found, 2*1/(1+2); group 1: one of one and one too many, 2*1/(2+1); group 2 is not labelled.
    assert overlap(found, labels).item() == pytest.approx(2 / 3)


def test_masks_are_matched_by_their_colours() -> None:
    torch.manual_seed(0)
    photo, style = torch.rand(1, 3, 60, 80), torch.rand(1, 3, 50, 40)
    ours, theirs = Image.new("RGB", (80, 60), (250, 0, 0)), Image.new("RGB", (40, 50), (0, 0, 240))
    ours.paste((0, 0, 255), (0, 0, 40, 60))
    ours.paste((0, 255, 0), (60, 30, 80, 60))
    theirs.paste((255, 10, 5), (0, 25, 40, 50))
    found = {r.name: r for r in regions(photo, style, ColorMask(ours), ColorMask(theirs))}
    assert set(found) == {"#fa0000", "#0000ff", "#00ff00"}
    assert found["#00ff00"].style is None, "green is nowhere in the style's mask"
    assert found["#0000ff"].photo[0, 0, 30, 20] > 0.9
    assert found["#0000ff"].photo[0, 0, 30, 60] < 0.1
    assert found["#0000ff"].style is not None
    assert found["#0000ff"].style[0, 0, 10, 20] > 0.9
    assert found["#fa0000"].style is not None
    assert found["#fa0000"].style[0, 0, 40, 20] > 0.9
    total = torch.stack([r.photo for r in found.values()]).sum(0)
    assert torch.allclose(total, torch.ones_like(total), atol=1e-3)


def test_a_jpeg_of_a_mask_has_no_more_regions_than_the_mask() -> None:
    mask = Image.new("RGB", (160, 120), (200, 30, 30))
    mask.paste((30, 30, 200), (0, 0, 90, 70))
    file = BytesIO()
    mask.save(file, "JPEG", quality=60)
    photo = torch.rand(1, 3, 120, 160)
    assert len(regions(photo, photo, ColorMask(file.getvalue()), ColorMask(mask))) == 2


def test_one_mask_alone_is_in_the_colours_of_the_groups(valley: Image.Image, caplog: pytest.LogCaptureFixture) -> None:
    pixels = to_tensor(valley)
    mask = Image.new("RGB", (90, 60), GROUPS[NAMES.index("vehicle")].color)
    (only,) = regions(pixels, pixels, ColorMask(mask))
    assert only.name == "Vehicles"
    assert only.style is None
    assert "no vehicles" in caplog.text
    regions(pixels, pixels, ColorMask(Image.new("RGB", (90, 60), (0, 255, 255)), "mine.png"))
    assert "mine.png is not in the colours of `stylehub scene`" in caplog.text
    with pytest.raises(ParameterError, match="give --parser bundled"):
        regions(pixels, pixels, ColorMask(mask), parser="none")


def test_a_mask_of_another_shape_is_stretched_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    photo = torch.rand(1, 3, 40, 80)
    regions(photo, photo, ColorMask(Image.new("RGB", (50, 50), "red")), ColorMask(Image.new("RGB", (80, 40), "red")))
    assert "stretched" in caplog.text


def test_an_array_numbers_the_regions() -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[:, 30:] = 7
    photo = torch.rand(1, 3, 40, 60)
    assert len(regions(photo, photo, ColorMask(labels), ColorMask(labels))) == 2


LABELS: dict[str, list[Any]] = {
    "0 and 1": [0, 1],
    "0 to 2": [0, 1, 2],
    "0 to 5": [0, 1, 2, 3, 4, 5],
    "close greys": [100, 107, 110],
    "close colours": [(10, 0, 0), (12, 0, 0), (200, 200, 200)],
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "16 bits", "palette", "lossless WebP", "array"])
def test_labels_are_regions_however_close(
    kind: str, form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values, photo = LABELS[kind], torch.rand(1, 3, 40, 60)
    grey = not isinstance(values[0], tuple)
    if not grey and form in ("16 bits", "array"):
        return
    plane = np.repeat(np.array(values, np.uint8), 60 // len(values), axis=0)
    stripes = np.broadcast_to(plane, (40, *plane.shape))
    masks: list[Any] = []
    for labels in (stripes, stripes[:, :30]):  # the style lacks the last ones
        picture = Image.fromarray(labels.astype(np.uint16) if form == "16 bits" else labels)
        path = tmp_path / f"{len(masks)}.{ {'TIFF': 'tif', 'lossless WebP': 'webp'}.get(form, 'png') }"
        options = {"lossless": True} if form == "lossless WebP" else {}
        (picture.convert("P") if form == "palette" and grey else picture).save(path, **options)
        masks.append(ColorMask(labels) if form == "array" else ColorMask(path))
    found = regions(photo, torch.rand(1, 3, 40, 30), *masks)
    width = 60 // len(values)
    assert sorted(region.style is None for region in found) == [number * width >= 30 for number in range(len(values))]
    assert all(any(region.photo[0, 0, 20, place] > 0.9 for region in found) for place in range(width // 2, 60, width))
    assert ("each one counts as a region" in caplog.text) == (form != "array")


def test_labels_meet_a_mask_in_black_and_white() -> None:
    photo, half = torch.rand(1, 3, 40, 60), np.zeros((40, 60), np.uint8)
    half[:, 30:] = 1
    found = regions(photo, photo, ColorMask(Image.fromarray(half)), ColorMask(Image.fromarray(half * 255)))
    assert [region.style is not None for region in found] == [True, True]


def test_soft_edges_are_no_labels() -> None:
    soft = Image.new("L", (120, 80))
    soft.paste(255, (0, 0, 60, 80))
    soft = soft.filter(ImageFilter.GaussianBlur(3))
    codes = ColorMask(soft).codes()
    assert codes is not None
    assert not ColorMask(soft).is_labels(codes)


def stripes(*values: int) -> NDArray[np.uint16]:
    return np.broadcast_to(np.repeat(np.array(values, np.uint16), 60 // len(values)), (40, 60)).copy()


@pytest.mark.parametrize(
    ("ours", "theirs", "met"),
    [
        ((0, 1, 2), (1,), [False, True, False]),
        ((1,), (0, 1, 2), [True]),
        ((0, 20, 40), (0, 40), [True, False, True]),
        ((0, 256, 300), (0, 300), [True, False, True]),
        ((0, 255), (0, 300), [True, False]),
        ((3, 300), (3, 7), [False, True]),  # 300 is named first
    ],
)
def test_a_label_meets_only_itself(
    ours: tuple[int, ...], theirs: tuple[int, ...], met: list[bool], tmp_path: Path
) -> None:
    pixels = torch.rand(1, 3, 40, 60)
    for number, values in enumerate((ours, theirs)):
        plane = stripes(*values)
        Image.fromarray(plane if max(values) > 255 else plane.astype(np.uint8)).save(tmp_path / f"{number}.png")
    pictures = [ColorMask(tmp_path / f"{number}.png") for number in (0, 1)]
    arrays = [ColorMask(stripes(*values).astype(np.float32)) for values in (ours, theirs)]
    for masks in (pictures, arrays):
        if masks is arrays or ours != (0, 255):  # colours as far apart as these are no labels in a picture
            assert [region.style is not None for region in regions(pixels, pixels, *masks)] == met


def test_a_painted_scene_is_a_mask_that_says_the_same(valley: Image.Image) -> None:
    mask = scene(valley)
    assert mask.size == valley.size
    found = parse(to_tensor(valley))
    assert np.array_equal(mask, colorize(found[0]))
    there = {r.name for r in regions(to_tensor(valley), to_tensor(valley), ColorMask(mask))}
    assert "Sky" in there


def test_the_scene_of_a_photo_on_the_command_line(valley: Image.Image, tmp_path: Path) -> None:
    valley.save(tmp_path / "photo.png")
    run = CliRunner().invoke(app, ["scene", str(tmp_path / "photo.png")])
    assert run.exit_code == 0, run.output
    target = tmp_path / "photo-scene.png"
    assert str(target) in run.output
    assert "sky" in run.output
    assert Image.open(target).size == valley.size
    lossy = CliRunner().invoke(app, ["scene", str(tmp_path / "photo.png"), "-o", str(tmp_path / "mask.jpg")])
    assert "must be a PNG" in str(lossy.exception)
    again = CliRunner().invoke(app, ["scene", str(tmp_path / "photo.png")])
    assert again.exit_code == 1
    assert "exists" in str(again.exception)


def test_without_transformers_there_are_two_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(StylehubError, match=r"pip install transformers.*bundled.*masks of your own"):
        parse(torch.rand(1, 3, 64, 64), "segformer")
