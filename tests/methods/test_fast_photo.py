"""fast-photo: colours move, shapes cannot; the map is exact at any size, in any bands, and exports as it is."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

import hub
from benchmarks.operators import differences
from hub.errors import ImageError, ParameterError, StylehubError
from hub.files import example_photo
from hub.images import read_image, to_image, to_tensor
from hub.progress import Progress
from hub.trainer import train
from hub.weights import write_safetensors
from methods.fast_photo.cube import read_cube, write_cube
from methods.fast_photo.lut import identity_lut
from methods.fast_photo.method import FastPhoto
from methods.fast_photo.network import FastPhotoNetwork, affine, blend_descriptors, sliced, within
from methods.fast_photo.operators import HELD_OUT, TRAINED, draw
from methods.fast_photo.rendering import ColorLayer, render
from methods.fast_photo.training import FastPhotoSettings, FastPhotoTraining
from methods.fast_photo.transport import Moments, moments, monge_kantorovitch
from methods.parts.color import reinhard
from methods.parts.dense.segmentation.masks import scene
from tests.contract import check_contract
from tests.support.paths import ROOT

CPU = torch.device("cpu")
SHAPE = {"width": 8, "keys": 4, "bases": 3, "hidden": 8}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random network whose grid is not empty."""
    torch.manual_seed(0)
    network = FastPhotoNetwork(**SHAPE)
    torch.nn.init.normal_(network.coefficients.weight, std=0.05)
    torch.nn.init.normal_(network.mixture.weight, std=0.2)
    folder = tmp_path_factory.mktemp("fast-photo")
    config = {"method": "fast-photo", **SHAPE}
    write_safetensors(folder / "model.safetensors", network.state_dict(), {"config": json.dumps(config)})
    return folder


@pytest.fixture
def method(weights: Path) -> FastPhoto:
    loaded = hub.load(weights, device="cpu", dtype="float32")
    assert isinstance(loaded, FastPhoto)
    return loaded


@pytest.fixture
def style(photo: Image.Image) -> Image.Image:
    """Another photo: darker, its channels in another order."""
    pixels = np.asarray(photo.rotate(90, expand=True))[:, :, [2, 0, 1]]
    return Image.fromarray((pixels * 0.7).astype(np.uint8))


def nothing(_: int) -> None: ...


def with_guide(lut: torch.Tensor) -> torch.Tensor:
    return torch.cat([lut, lut.mean(0, keepdim=True)])[None]


def test_the_identity_gives_the_photo_to_the_bit(photo: Image.Image) -> None:
    lut, grid = with_guide(identity_lut(33)), torch.zeros(1, 12, 8, 16, 16)
    assert np.array_equal(to_image(render(to_tensor(photo), [ColorLayer(lut, grid)], nothing)), photo)
    assert np.array_equal(to_image(render(to_tensor(photo), [ColorLayer(lut[:, :3], None)], nothing)), photo)


def test_a_constant_grid_is_an_affine_map(photo: Image.Image) -> None:
    torch.manual_seed(0)
    change = torch.rand(3, 4) * 0.1
    grid = change.view(1, 12, 1, 1, 1).expand(1, 12, 8, 16, 16)
    pixels = to_tensor(photo) * 0.6
    wanted = pixels + torch.einsum("kc,nchw->nkhw", change[:, :3], pixels) + change[:, 3].view(1, 3, 1, 1)
    assert (render(pixels, [ColorLayer(with_guide(identity_lut(33)), grid)], nothing) - wanted).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(57, 91), (1, 1), (3, 40), (300, 2)])
def test_bands_are_the_whole_and_what_is_trained(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    photo, grid = torch.rand(1, 3, *size), torch.randn(1, 12, 8, 16, 16) * 0.1
    lut = with_guide(identity_lut(33))
    whole = render(photo, [ColorLayer(lut, grid)], nothing)
    seen: list[int] = []
    assert (render(photo, [ColorLayer(lut, grid)], seen.append, rows=2) - whole).abs().max() < 1e-6
    assert seen == [*range(2, size[0], 2), size[0]]
    trained = photo + affine(sliced(grid, photo.mean(1, keepdim=True)), photo)
    assert (trained.clamp(0, 1) - whole).abs().max() < 1e-4


def test_a_large_picture_is_the_small_one_enlarged(method: FastPhoto, photo: Image.Image, style: Image.Image) -> None:
    large = photo.resize((photo.width * 6, photo.height * 6), Image.Resampling.BICUBIC).filter(
        ImageFilter.GaussianBlur(6)
    )
    small = large.resize(photo.size, Image.Resampling.BOX)
    reduced = method(large, style=style).resize(photo.size, Image.Resampling.BOX)
    difference = np.abs(np.asarray(reduced, np.int16) - np.asarray(method(small, style=style), np.int16))
    assert difference.mean() < 1
    assert difference.max() <= 6


def test_local_nothing_is_the_table_that_is_written(
    method: FastPhoto, photo: Image.Image, style: Image.Image, tmp_path: Path
) -> None:
    result = method(photo, style=style, local=0.0, detail=0.0, lut=tmp_path / "look.cube")
    table = read_cube(tmp_path / "look.cube").stages[0].values
    assert table.shape == (3, 33, 33, 33)
    theirs = photo.filter(ImageFilter.Color3DLUT(33, [tuple(c) for c in table.flatten(1).T.tolist()]))
    assert np.abs(np.asarray(theirs, np.int16) - np.asarray(result, np.int16)).max() <= 1
    assert np.abs(np.asarray(method(photo, style=style), np.int16) - np.asarray(result, np.int16)).max() > 1
    method(photo, style=style, strength=0.5, lut=tmp_path / "half.cube")
    assert (read_cube(tmp_path / "half.cube").stages[0].values - (table + identity_lut(33)) / 2).abs().max() < 1e-5


def test_a_table_that_exists_is_kept(method: FastPhoto, photo: Image.Image, style: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "look.cube"
    path.write_text("mine")
    with pytest.raises(ParameterError, match="exists and is kept"):
        method(photo, style=style, lut=path)
    assert path.read_text() == "mine"
    with pytest.raises(ParameterError, match=r"\.cube"):
        method(photo, style=style, lut=tmp_path / "look.txt")
    pixels = torch.cat([to_tensor(photo), to_tensor(photo).flip(3)])
    method(pixels, style=style, other=photo, where="across", lut=tmp_path / "many.cube")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["look.cube", "many.cube", "many2.cube"]


def test_the_tables_of_several_photos_are_numbered(
    method: FastPhoto, photo: Image.Image, style: Image.Image, tmp_path: Path
) -> None:
    for one in (photo, photo.rotate(180)):
        method(one, style=style, lut=tmp_path / "look.cube")
    assert {path.name for path in tmp_path.iterdir()} == {"look.cube", "look2.cube"}


def test_a_table_is_a_style(method: FastPhoto, photo: Image.Image, style: Image.Image, tmp_path: Path) -> None:
    swapped = identity_lut(17)[[2, 0, 1]]
    write_cube(tmp_path / "swap.cube", swapped, "")
    result = np.asarray(method(photo, style=tmp_path / "swap.cube"), np.int16)
    assert np.abs(result - np.asarray(photo, np.int16)[:, :, [2, 0, 1]]).max() <= 1
    plain = np.asarray(method(photo, style=style, local=0.0, detail=0.0), np.float32)
    both = method(photo, style={str(tmp_path / "swap.cube"): 1.0}, strength=1.0)
    assert np.array_equal(both, result)
    mixed = method(photo, style=[(tmp_path / "swap.cube", 1.0), (style, 3.0)], local=0.0, detail=0.0)
    assert np.abs(np.asarray(mixed) - (0.25 * result + 0.75 * plain)).max() <= 2
    mixed = method(
        photo,
        style=[(to_image(identity_lut(16)[[2, 0, 1]].reshape(3, 64, 64)), 1.0), (style, 3.0)],
        local=0.0,
        detail=0.0,
    )
    assert np.abs(np.asarray(mixed) - (0.25 * result + 0.75 * plain)).max() <= 2
    (tmp_path / "bright.cube").write_text("LUT_1D_SIZE 2\n0 0 0\n2 2 2\n")
    bright = method(photo, style=tmp_path / "bright.cube", interpolation="tetrahedral", lut=tmp_path / "again.cube")
    assert np.array_equal(bright, np.minimum(255, 2 * np.asarray(photo, np.int16)))
    assert np.array_equal(bright, method(photo, style=tmp_path / "again.cube"))
    (tmp_path / "broken.cube").write_text("LUT_3D_SIZE 2\n")
    with pytest.raises(ImageError, match=r"broken\.cube"):
        method(photo, style=tmp_path / "broken.cube")


def test_strength_nothing_is_the_photo_and_masks_confine(
    method: FastPhoto, photo: Image.Image, style: Image.Image
) -> None:
    assert np.array_equal(method(photo, style=style, strength=0), photo)
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, photo.width // 2, photo.height))
    result = np.asarray(method(photo, style=style, where="mask", map=mask))
    assert np.array_equal(result[:, photo.width // 2 :], np.asarray(photo)[:, photo.width // 2 :])
    full = np.asarray(method(photo, style=style))
    assert np.array_equal(result[:, : photo.width // 2], full[:, : photo.width // 2])


def test_several_styles_by_their_shares(method: FastPhoto, photo: Image.Image, style: Image.Image) -> None:
    one = np.asarray(method(photo, style=style), np.int16)
    alone = np.asarray(method(photo, style=[(style, 1.0), (photo, 0.0)]), np.int16)
    assert np.array_equal(one, alone)
    twice = np.asarray(method(photo, style=[style, style]), np.int16)
    assert np.abs(one - twice).max() <= 1
    half = np.asarray(method(photo, style=[style, photo]), np.int16)
    assert np.abs(one - half).max() > 2


def test_blended_looks_are_means_and_all_places() -> None:
    torch.manual_seed(0)
    network = FastPhotoNetwork(**SHAPE)
    looks = network.encode_style(torch.rand(2, 3, 128, 128))[0]
    both = blend_descriptors(looks, torch.tensor([0.25, 0.75]))
    assert torch.allclose(both.mean[0], 0.25 * looks.mean[0] + 0.75 * looks.mean[1])
    assert both.keys.shape == (1, 512, SHAPE["keys"])
    assert both.weights.sum() == pytest.approx(1)


def test_a_photo_is_its_own_style(method: FastPhoto, photo: Image.Image) -> None:
    """The closed forms find nothing to move."""
    pixels = to_tensor(photo)
    matrix, offset = monge_kantorovitch(moments(pixels), moments(pixels))
    moved = torch.einsum("nij,njhw->nihw", matrix, pixels) + offset[:, :, None, None]
    assert (moved - pixels).abs().max() < 0.02


def test_the_transport_gives_mean_and_covariance() -> None:
    torch.manual_seed(0)
    content = torch.rand(2, 3, 40, 40) * 0.5
    style = moments(torch.einsum("ij,njhw->nihw", torch.eye(3) + 0.3 * torch.rand(3, 3), content) + 0.1)
    matrix, offset = monge_kantorovitch(moments(content), style)
    found = moments(torch.einsum("nij,njhw->nihw", matrix, content) + offset[:, :, None, None])
    assert torch.allclose(found.mean, style.mean, atol=1e-4)
    assert torch.allclose(found.covariance, style.covariance, atol=1e-3)
    assert torch.allclose(matrix, matrix.transpose(1, 2), atol=1e-5)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_style_of_one_colour_tints(method: FastPhoto, photo: Image.Image, value: int) -> None:
    flat = Image.new("RGB", (40, 40), (value, value // 2, 255 - value))
    result = to_tensor(method(photo, style=flat))
    assert result.isfinite().all()
    one = Moments(torch.tensor([[0.5, 0.2, 0.1]]), torch.zeros(1, 3, 3))
    matrix, _ = monge_kantorovitch(moments(to_tensor(photo)), one)
    assert torch.linalg.eigvalsh(matrix).max() > 0.1, "nothing is left of the photo"
    assert torch.linalg.eigvalsh(matrix).max() <= 3


def test_the_trained_network_leaves_a_photo_under_a_tint(photo: Image.Image) -> None:
    result = hub.load("fast-photo", device="cpu")(photo, style=Image.new("RGB", (40, 40), (200, 30, 30)), local=0.0)
    before, after = (np.asarray(picture.convert("L"), np.float32) for picture in (photo, result))
    assert after.std() > 0.2 * before.std()
    assert np.corrcoef(before.flatten(), after.flatten())[0, 1] > 0.9


def test_what_is_drawn_from_a_mask_is_what_is_inside() -> None:
    torch.manual_seed(0)
    pixels, mask = torch.rand(1, 3, 128, 128), torch.zeros(1, 1, 128, 128)
    mask[..., 20:90, 5:60] = 1
    inside, drawn = moments(pixels[..., 20:90, 5:60]), moments(within(pixels, mask))
    assert (drawn.mean - inside.mean).abs().max() < 2e-3
    assert (drawn.covariance - inside.covariance).abs().max() < 2e-3
    half = moments(within(pixels, mask * 0.5))  # only what a place weighs beside others counts
    assert torch.equal(half.mean, drawn.mean)
    assert within(pixels, None) is pixels


def test_layers_are_mixed_by_their_masks() -> None:
    red, blue = (torch.tensor(c).view(1, 3, 1, 1, 1).expand(1, 3, 2, 2, 2) for c in ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    right = torch.linspace(0, 1, 4).round().view(1, 1, 1, 4).expand(1, 1, 6, 4)
    layers = [ColorLayer(red, None, 1 - right), ColorLayer(blue, None, right)]
    whole = render(torch.rand(1, 3, 30, 40), layers, nothing)
    for column, color in ((0, (1.0, 0.0, 0.0)), (-1, (0.0, 0.0, 1.0))):
        assert (whole[0, :, :, column] - torch.tensor(color)[:, None]).abs().max() < 1e-5
    assert (whole.sum(1) - 1).abs().max() < 1e-5
    assert whole[0, 2, 0].diff().min() > -1e-5
    assert (render(torch.rand(1, 3, 30, 40), layers, nothing, rows=3) - whole).abs().max() < 1e-5


def halves(one: tuple[int, int, int], two: tuple[int, int, int]) -> Image.Image:
    """Two colours beside each other, with some texture."""
    noise = np.random.default_rng(0).normal(0, 12, (96, 96, 1))
    sides = np.where(np.arange(96)[None, :, None] < 48, np.array(one), np.array(two))
    return Image.fromarray(np.clip(sides + noise, 0, 255).astype(np.uint8))


def test_each_group_takes_the_colours_of_its_like(tmp_path: Path) -> None:
    """The dark side that of the bright one, because the masks say so: no whole picture would."""
    method = hub.load("fast-photo", device="cpu")
    photo, style = halves((60, 70, 90), (190, 180, 150)), halves((210, 150, 90), (70, 40, 90))
    mask = halves((0, 0, 0), (0, 0, 0))
    mask.paste((255, 0, 0), (0, 0, 48, 96))
    mask.paste((0, 255, 0), (48, 0, 96, 96))

    def missing(result: Image.Image) -> float:
        sides = (slice(4, 40), slice(56, 92))
        ours, theirs = (np.asarray(picture, float) for picture in (result, style))
        return max(float(np.abs((ours[:, side] - theirs[:, side]).mean((0, 1))).max()) for side in sides)

    result = method(photo, style=style, photo_mask=mask, style_mask=mask)
    assert missing(result) < 25 < 60 < missing(method(photo, style=style))
    assert result.info["stylehub"]["remarks"] == {"regions": ["#ff0000", "#00ff00"], "without_counterpart": []}
    lacking = method(photo, style=style, photo_mask=mask, style_mask=Image.new("RGB", (96, 96), "red"))
    assert lacking.info["stylehub"]["remarks"]["without_counterpart"] == ["#00ff00"]
    method(photo, style=style, lut=tmp_path / "whole.cube")
    method(photo, style=style, photo_mask=mask, style_mask=mask, lut=tmp_path / "groups.cube")
    assert (tmp_path / "groups.cube").read_text() == (tmp_path / "whole.cube").read_text()


def test_scene_parsing_finds_the_groups(photo: Image.Image, style: Image.Image) -> None:
    method = hub.load("fast-photo", device="cpu")
    shared = method(photo, style=[style, photo], parser="bundled")
    assert shared.info["stylehub"]["remarks"]["regions"]
    assert shared.size == photo.size
    plain = method(photo, style=style)
    assert "remarks" not in plain.info["stylehub"]
    alone = method(photo, style=style, photo_mask=scene(photo))  # the other picture is parsed
    assert alone.info["stylehub"]["remarks"]["regions"]


def test_masks_do_nothing_for_a_table(
    method: FastPhoto, photo: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_cube(tmp_path / "swap.cube", identity_lut(5)[[2, 0, 1]], "")
    masked = method(photo, style=tmp_path / "swap.cube", photo_mask=photo, style_mask=photo)
    assert "has no regions" in caplog.text
    assert np.array_equal(masked, method(photo, style=tmp_path / "swap.cube"))


LARGEST_STEP = 8  # of 255, between neighbouring levels of a smooth ramp; the card states it


@pytest.mark.parametrize("look", [(255, 160, 90), (90, 110, 230), (250, 240, 120)])
def test_a_smooth_ramp_gets_no_bands(look: tuple[int, int, int]) -> None:
    method = hub.load("fast-photo", device="cpu")
    valley = read_image(example_photo()).rgb.resize((384, 256))
    style = Image.fromarray((np.asarray(valley, float) * np.array(look) / 255).astype(np.uint8))
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2).repeat(192, 0)
    for photo in (Image.fromarray(ramp), Image.fromarray(np.ascontiguousarray(ramp.transpose(1, 0, 2)))):
        levels = np.asarray(method(photo, style=style), np.int16)
        for axis in (0, 1):
            assert np.abs(np.diff(levels, axis=axis)).max() <= LARGEST_STEP


def test_fine_contrast_stays_the_photos_own() -> None:
    """A colour map that changes contrast changes fine steps too; with detail they keep their height, and lightness still moves."""
    method = hub.load("fast-photo", device="cpu")
    stripes = np.where(np.arange(256) % 8 < 4, 108, 124).astype(np.uint8)
    photo = Image.fromarray(np.repeat(stripes[None, :, None], 3, 2).repeat(256, 0))
    noise = np.random.default_rng(0).normal(0, 4, (128, 128, 1))
    style = Image.fromarray(np.clip(noise + np.array([190, 180, 170]), 0, 255).astype(np.uint8))

    def step(detail: float) -> tuple[float, float]:
        grey = np.asarray(method(photo, style=style, detail=detail).convert("L"), float)[64:192, 64:192]
        return float(np.abs(np.diff(grey, axis=1)).max()), float(grey.mean())

    (kept, light), (changed, lighter) = step(1.0), step(0.0)
    assert kept == pytest.approx(16, abs=2)
    assert abs(changed - 16) > 4
    assert min(light, lighter) > 150


@pytest.mark.parametrize("size", [(1, 1), (40, 3), (8, 900)])
def test_any_size_and_grey_pictures(method: FastPhoto, photo: Image.Image, size: tuple[int, int]) -> None:
    grey = photo.convert("L")
    for content, look in ((photo.resize(size), photo), (grey.resize(size), photo), (photo, photo.resize(size))):
        assert method(content, style=look).size == content.size
    assert method(photo, style=grey).mode == "RGB"


def test_numbers_that_are_none_are_refused(method: FastPhoto, photo: Image.Image) -> None:
    method.network.guide_mix.data.fill_(float("nan"))
    with pytest.raises(StylehubError, match="float32"):
        method(photo, style=photo)


def test_progress_counts_rows(method: FastPhoto, style: Image.Image) -> None:
    seen: list[Progress] = []
    method(torch.rand(2, 3, 30, 20), style=style, progress=seen.append)
    assert [(p.step, p.of) for p in seen[:-1]] == [(30, 61), (60, 61)]


def test_operators_stay_in_range_and_kinds_are_apart() -> None:
    torch.manual_seed(0)
    pixels = torch.rand(1, 3, 16, 16)
    assert not set(TRAINED) & set(HELD_OUT)
    for kinds in (TRAINED, HELD_OUT):
        for kind in kinds:
            made = draw(np.random.default_rng(3), (kind,))(pixels)
            assert made.shape == pixels.shape
            assert 0 <= made.min() <= made.max() <= 1
            assert torch.equal(made, draw(np.random.default_rng(3), (kind,))(pixels))


def test_half_precision_is_near(weights: Path, method: FastPhoto, photo: Image.Image, style: Image.Image) -> None:
    half = hub.load(weights, device="cpu", dtype="bfloat16")
    difference = np.asarray(half(photo, style=style), np.int16) - np.asarray(method(photo, style=style), np.int16)
    assert np.abs(difference).mean() < 3


def test_a_tiny_random_model_keeps_the_contract(
    method: FastPhoto, photo: Image.Image, style: Image.Image, tmp_path: Path
) -> None:
    style.save(tmp_path / "style.png")
    check_contract(method, {"style": tmp_path / "style.png"}, photo, tmp_path)


def test_a_training_leaves_weights_that_load(material: Path, photo: Image.Image, tmp_path: Path) -> None:
    settings = FastPhotoSettings(
        content=[material / "photos.tar"],
        vgg=material / "vgg.safetensors",
        steps=4,
        batch=2,
        pairs=1,
        pairs_start=0.5,
        warmup=1,
        workers=0,
        bf16=False,
    )
    seen: list[Progress] = []
    folder = train(FastPhotoTraining(settings, CPU), tmp_path / "run", CPU, seen.append)
    assert "grams" not in seen[0].losses
    assert np.isfinite(seen[-1].losses["grams"])
    assert hub.load(folder, device="cpu")(photo, style=photo.rotate(90)).size == photo.size


def test_the_trained_network_beats_reinhard(material: Path) -> None:
    """On pairs whose answer is known, made by operators of kinds that it never saw."""
    method = hub.load("fast-photo", device="cpu")

    def ours(content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = method(content, style=to_image(style))
        return result

    scores = differences({"ours": ours, "reinhard": reinhard}, ROOT / "examples", 8)
    assert scores["ours"] < 0.75 * scores["reinhard"]
