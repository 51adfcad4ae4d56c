"""Tiled equals whole: at any size and tile, in any piece order, and within bounded memory."""

import weakref

import pytest
import torch

from hub.progress import Progress
from methods.parts.transformation.runner import pad_to_multiple
from methods.parts.transformation.space_to_depth import SpaceToDepthNetwork
from methods.parts.transformation.space_to_depth_tiles import SpaceToDepthTiles
from methods.parts.transformation.tiling import Tiled, run_in_tiles
from tests.support.models import random_network


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 132), (200, 52), (20, 260)])
@pytest.mark.parametrize("tile", [16, 37, 64, 1024])
@pytest.mark.parametrize("room", [0, 1 << 30])
def test_tiled_equals_whole(height: int, width: int, tile: int, room: int) -> None:
    torch.manual_seed(height * width)
    network = random_network()
    content, mix = torch.rand(1, 3, height, width), torch.tensor([[0.2, 0.5, 0.3]])
    whole = network(content, mix)
    tiled = run_in_tiles(Tiled(network.layers, content, mix, tile, room))
    assert (tiled - whole).abs().max() < 1e-5


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 132), (200, 52), (20, 260)])
@pytest.mark.parametrize("tile", [16, 37, 64, 1024])
@pytest.mark.parametrize("room", [0, 1 << 30])
def test_folded_tiles_equal_the_whole(height: int, width: int, tile: int, room: int) -> None:
    torch.manual_seed(height * width)
    network = random_network()
    content, mix = torch.rand(1, 3, height, width), torch.tensor([[0.2, 0.5, 0.3]])
    with torch.inference_mode():
        whole = network(content, mix)
        tiled = run_in_tiles(SpaceToDepthTiles(SpaceToDepthNetwork(network), content, mix, tile, room))
    assert (tiled - whole).abs().max() < 2e-5


@pytest.mark.parametrize("numbers", [2, 40])
def test_maps_in_half_precision_round_a_little(numbers: int) -> None:
    """Few or all maps are kept in float16: not to the bit, but to less than one level of 255."""
    torch.manual_seed(0)
    network = random_network(width=8)
    content, mix = torch.rand(1, 3, 64, 132), torch.tensor([[0.2, 0.5, 0.3]])
    tiled = Tiled(network.layers, content, mix, 37, numbers * 64 * 132, half=True)
    error = (run_in_tiles(tiled) - network(content, mix)).abs().max()
    assert all(tiled.keeps) is (numbers == 40)
    assert 1e-5 < error < 1 / 255


def test_the_picture_is_freed_after_the_first_layers() -> None:
    network = random_network()
    tiled = Tiled(network.layers, torch.rand(1, 3, 64, 64), torch.tensor([[1.0, 0.0, 0.0]]), 32)
    picture = weakref.ref(tiled.kept[-1])
    alive: list[bool] = []
    run_in_tiles(tiled, lambda _: alive.append(picture() is not None))
    assert alive[0]
    assert not alive[-1]


def test_statistics_survive_a_large_mean() -> None:
    """A nearly flat, bright picture: sums of squares about zero would lose every digit that matters."""
    network = random_network()
    content = 0.9 + 1e-3 * torch.rand(1, 3, 128, 128)
    mix = torch.tensor([[1.0, 0.0, 0.0]])
    assert (run_in_tiles(Tiled(network.layers, content, mix, 32)) - network(content, mix)).abs().max() < 1e-3


def test_tiles_taken_one_by_one_would_differ() -> None:
    """The reason for all this: a tile's own statistics are not the picture's."""
    network = random_network()
    content = torch.cat([torch.rand(1, 3, 64, 64) * 0.2, 0.8 + torch.rand(1, 3, 64, 64) * 0.2], dim=3)
    mix = torch.tensor([[1.0, 0.0, 0.0]])
    naive = torch.cat([network(part, mix) for part in content.split(64, dim=3)], dim=3)
    assert (naive - network(content, mix)).abs().max() > 0.1


def test_only_small_maps_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of the picture's own size never exist whole: they have 16 numbers a pixel, the kept ones 8 at most."""
    largest = 0
    empty = torch.empty

    def watched(*size: object, **options: object) -> torch.Tensor:
        nonlocal largest
        made = empty(*size, **options)  # type: ignore[call-overload]
        largest = max(largest, made.numel())
        return made

    monkeypatch.setattr(torch, "empty", watched)
    network = random_network(width=16)
    content = torch.rand(1, 3, 256, 256)
    run_in_tiles(Tiled(network.layers, content, torch.tensor([[1.0, 0.0, 0.0]]), 64))
    assert 0 < largest <= 8 * 256 * 256


@pytest.mark.parametrize(("room", "again"), [(0, True), (64 * 256 * 256, False)])
def test_with_room_for_all_maps_nothing_is_computed_twice(room: int, again: bool) -> None:
    """Two maps of 8 numbers a pixel and one of 4 are the most that three layers in a row have: 64 bytes a pixel suffice."""
    network = random_network(width=8)
    content, mix = torch.rand(1, 3, 256, 256), torch.tensor([[1.0, 0.0, 0.0]])
    computed = 0

    def count(_layer: object, _inputs: object, output: torch.Tensor) -> None:
        nonlocal computed
        computed += output.numel()

    for layer in network.layers:
        layer.convolution.register_forward_hook(count)
    with torch.inference_mode():
        network(content, mix)
    once, computed = computed, 0
    run_in_tiles(Tiled(network.layers, content, mix, 64, room))
    assert (computed > once) is again


def test_progress_counts_the_tiles_of_all_layers() -> None:
    seen: list[Progress] = []
    network = random_network()
    content = torch.rand(1, 3, 32, 64)
    run_in_tiles(Tiled(network.layers, content, torch.tensor([[1.0, 0.0, 0.0]]), 32), seen.append)
    # Two tiles in each of the three layers of the picture's own size, one in the 13 smaller ones.
    assert [(p.step, p.of) for p in seen] == [(i + 1, 19) for i in range(19)]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 500), (15, 17), (16, 20), (21, 22)])
def test_padding_repeats_the_last_pixels(height: int, width: int) -> None:
    content = torch.rand(1, 3, height, width)
    padded = pad_to_multiple(content)
    assert padded.shape[2] % 4 == padded.shape[3] % 4 == 0
    assert min(padded.shape[2:]) >= 16
    assert torch.equal(padded[..., :height, :width], content)
    assert torch.equal(padded[..., -1, -1], content[..., -1, -1])
