"""Run an image transformation network on pictures of any size: whole if memory suffices, otherwise in exact tiles."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.errors import StylehubError
from hub.progress import ProgressCallback
from methods.parts.memory import free_bytes, keep_freed_memory, out_of_memory
from methods.parts.transformation.network import ImageTransformationNetwork
from methods.parts.transformation.normalisation import SpatialBlend
from methods.parts.transformation.space_to_depth import SpaceToDepthNetwork
from methods.parts.transformation.space_to_depth_tiles import SpaceToDepthTiles
from methods.parts.transformation.tiling import Tiled, run_in_tiles

if TYPE_CHECKING:
    from hub.method import Method

logger = logging.getLogger(__name__)

# Bytes of a picture from which memory comes first. It is freed as early as possible, so smaller tiles cannot be tried after
# it; maps may be kept in half precision, which changes the result by 0.02 of 255 on average, 0.5 at most.
LARGE = 256 << 20


class TiledRunner:
    """Runs ``network`` on the device and with the precision of ``method``, at any size."""

    # Larger pictures are computed in tiles with the statistics of the whole picture: same result, less memory.
    # Whole pictures are faster (see `tiling.py`), so the limit is as high as memory allows.
    whole_pixels = 3_000_000
    blend_pixels = 3_000_000  # the same for two styles in one picture
    tiles = (256, 128)  # sides; the next one is tried when memory is too small
    tiles_room = 0  # bytes for the maps of a picture in tiles of the first size, if that is enough to keep all of them

    def __init__(self, network: ImageTransformationNetwork, method: "Method") -> None:
        self.dtype, self.compile = method.dtype, method.compile
        folds = method.device.type == "cpu" and network.upsampling == "resize"
        exact = self.dtype is not torch.float32 or self.compile  # a loop over pieces of any size does not compile well
        self.space_to_depth = SpaceToDepthNetwork(network, exact) if folds else None  # before the weights are rounded
        method.place(network)
        self.network = network
        quickest: nn.Module = network if self.space_to_depth is None else method.place(self.space_to_depth)
        self.whole: Callable[..., Tensor] = compiled(quickest, method.device) if self.compile else quickest
        free = free_bytes(method.device)
        room = free // 2 if method.device.type == "cuda" else min(free // 4, 2 << 30)
        # At most, some maps of 2 x width channels are in memory at the picture's own size. The folded network overwrites
        # its maps: measured, 4.5 x width numbers a pixel at 16 channels, photo and result included.
        maps = network.width * self.dtype.itemsize
        self.blend_pixels = room // (12 * maps)
        self.tiles_room = room * 3 // 4
        self.whole_pixels = self.tiles_room // (5 * maps + 64) if folds else self.blend_pixels

    def __call__(
        self, pictures: list[Tensor], mix: Tensor, progress: ProgressCallback, only: int | None = None
    ) -> Tensor:
        """Stylise ``pictures``, a list of one tensor ``(N, 3, H, W)`` in [0, 1], into the same shape and range.

        The tensor is taken out of the list, so that its memory can be freed. ``mix`` is ``(N, styles)``. With ``only``,
        only tiles of this side are tried. Raises ``StylehubError`` if memory is too small even for small tiles.
        """
        content = pictures.pop()
        height, width = content.shape[-2:]
        tiles = self.tiles if height * width > self.whole_pixels else (None, *self.tiles)
        keep_freed_memory(tiles[0] is None)  # what smaller pictures left behind is freed before a large one is copied
        pictures.append(pad_to_multiple(content := content.to(self.dtype)))
        del content
        for tile in (only,) if only else tiles:
            try:
                return self.run(pictures, mix, tile, progress)[..., :height, :width].float()
            except Exception as error:
                if not out_of_memory(error):
                    raise
                if not pictures:
                    break
                logger.warning("Not enough memory for %dx%d at once; trying smaller tiles.", width, height)
        raise StylehubError(
            f"There is not enough memory for a picture of {width}x{height}; free some, or give --size (size=...) a smaller one."
        )

    def run_blend(self, content: Tensor, mix: SpatialBlend, progress: ProgressCallback) -> Tensor:
        """Two styles in one picture ``(N, 3, H, W)``, computed whole. Raises torch's own error if memory is too small."""
        height, width = content.shape[-2:]
        padded = pad_to_multiple(content.to(self.dtype)).contiguous(memory_format=torch.channels_last)
        mix = mix._replace(where=pad_to_multiple(mix.where))
        return self.network(padded, mix, progress)[..., :height, :width].float()  # type: ignore[no-any-return]

    def run(self, pictures: list[Tensor], mix: Tensor, tile: int | None, progress: ProgressCallback) -> Tensor:
        """Stylise the tensor in ``pictures`` whole, or picture by picture in tiles of side ``tile``."""
        keep_freed_memory(tile is None)
        if tile is None:
            inputs = pictures[0].contiguous(memory_format=torch.channels_last), mix
            # Its memory lies below that of the maps, which can then be returned to the system; above, it would bar them.
            out = torch.empty_like(inputs[0], dtype=torch.float32)
            return out.copy_(self.whole(*inputs) if self.compile else self.whole(*inputs, progress))
        waiting = list(torch.split(pictures[0], 1))
        if len(waiting) == 1 and pictures[0].device.type == "cpu" and pictures[0].nbytes > LARGE:
            pictures.clear()  # only the first layers need it
        results = [run_in_tiles(self.in_tiles(waiting.pop(0), one, tile), progress) for one in torch.split(mix, 1)]
        return results[0] if len(results) == 1 else torch.cat(results)

    def in_tiles(self, picture: Tensor, mix: Tensor, tile: int) -> Tiled:
        """What computes ``picture`` in tiles; it is the only one that holds the picture."""
        room = self.tiles_room if tile == self.tiles[0] else 0
        half = picture.nbytes > LARGE
        if self.space_to_depth is None:
            return Tiled(self.network.layers, picture, mix, tile, room, half)
        return SpaceToDepthTiles(self.space_to_depth, picture, mix, tile, room, half)


def pad_to_multiple(content: Tensor, multiple: int = 4, least: int = 16) -> Tensor:
    """Repeat the last rows and columns of ``content`` up to a multiple of ``multiple``, at least to ``least``."""
    height, width = content.shape[-2:]
    bottom, right = (max(least, -(-n // multiple) * multiple) - n for n in (height, width))
    return F.pad(content, (0, right, 0, bottom), mode="replicate") if bottom or right else content


def compiled(network: nn.Module, device: torch.device) -> Callable[..., Tensor]:
    """``network``, compiled at its first call; if that fails, uncompiled with a warning.

    On CUDA it is compiled for each size and replayed as a CUDA graph; elsewhere once for all sizes.
    """
    mode: dict[str, Any] = {"mode": "reduce-overhead"} if device.type == "cuda" else {"dynamic": True}
    fast: Callable[..., Tensor] | None = torch.compile(network, **mode)

    def run(*inputs: Tensor) -> Tensor:
        nonlocal fast
        if fast is not None:
            try:
                result: Tensor = fast(*inputs)
                return result.clone() if device.type == "cuda" else result  # a graph reuses its own memory
            except Exception as error:
                if out_of_memory(error):
                    raise
                fast = None
                reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
                logger.warning("torch.compile failed here (%s); going on without it.", reason)
        plain: Tensor = network(*inputs)
        return plain

    return run
