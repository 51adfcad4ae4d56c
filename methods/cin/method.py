"""Conditional instance normalisation, ready to use: any of its paintings, or a blend of them, in one pass.

Dumoulin, Shlens & Kudlur 2017 (arXiv 1610.07629), and "image style fusion and fast transfer" after it.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from hub.errors import ParameterError, StylehubError, WeightsError
from hub.method import Method, Style
from hub.names import resolve
from hub.parameters import Parameters
from hub.progress import ProgressCallback
from hub.runtime import compiled, free_bytes, keep_freed_memory, out_of_memory
from hub.tiling import run_tiled
from hub.weights import load_strict
from methods.cin.folded import FoldedNetwork
from methods.cin.network import ConditionalStyleNetwork

logger = logging.getLogger(__name__)


class CinParameters(Parameters):
    """What the conditional network takes."""

    style: str | dict[str, float] = Field(
        title="Style",
        description="A style's name (the end of it is enough: starry-night), or several with their shares.",
    )
    center_crop: bool = Field(
        False, title="Centre crop", description="Work on the central square of the photo only, as the paper does."
    )


class CinConfig(BaseModel):
    """What the weights say of themselves."""

    model_config = ConfigDict(extra="ignore")

    width: int = Field(ge=2, le=64)
    styles: list[Style] = Field(min_length=1, max_length=4096)


class Cin(Method):
    """One network for many paintings; a style is one row of scales and shifts, a blend is their weighted mean."""

    Parameters = CinParameters
    network: ConditionalStyleNetwork

    # Larger pictures than this are computed in tiles with the whole picture's statistics: same result, less memory.
    # Whole ones are faster (1.15 times at width 16, 1.7 at width 8), so the limit is as high as the memory allows.
    whole_pixels = 3_000_000
    tiles = (256, 128)  # sides, the next one when the memory did not suffice

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        try:
            checked = CinConfig.model_validate(config)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise WeightsError(
                f"{self.entry.name}: the weights' configuration is wrong at {where} ({first['msg']}); get them again."
            ) from None
        self._styles = {style.name: style for style in checked.styles}
        network = ConditionalStyleNetwork(len(checked.styles), checked.width)
        load_strict(network, tensors, self.entry.name)
        folded = FoldedNetwork(network)  # from weights that are not rounded yet
        self.place(network)
        self.network = network
        quickest = self.place(folded) if self.device.type == "cpu" else network
        self.whole: Callable[..., Tensor] = compiled(quickest, self.device) if self.compile else quickest
        free = free_bytes(self.device)
        room = free // 2 if self.device.type == "cuda" else min(free // 4, 2 << 30)
        # At the most, some maps of 2 x width channels are held at the picture's own size.
        self.whole_pixels = room // (12 * checked.width * self.dtype.itemsize)

    def adopt(self, style: Style, tensors: Mapping[str, Tensor]) -> None:
        row = ConditionalStyleNetwork(1, self.network.width)
        norms = {name: tensor for name, tensor in row.state_dict().items() if ".norm." in name}
        load_strict(row, {**row.state_dict(), **tensors}, style.name)
        state = self.network.state_dict()
        for name in norms:
            module, _, parameter = name.rpartition(".")
            rows = torch.cat([state[name], row.state_dict()[name].to(state[name])])
            setattr(self.network.get_submodule(module), parameter, nn.Parameter(rows, requires_grad=False))
        self.network.styles += 1
        self._styles[style.name] = style

    @property
    def styles(self) -> Mapping[str, Style]:
        return self._styles

    def resolve(self, parameters: CinParameters) -> CinParameters:
        if isinstance(parameters.style, str):
            style: str | dict[str, float] = resolve(parameters.style, self._styles, "style")
        else:
            style = {}
            for name, share in parameters.style.items():
                if share < 0:
                    raise ParameterError(f"The share of {name!r} is {share:g}; shares are zero or more.")
                full = resolve(name, self._styles, "style")
                style[full] = style.get(full, 0.0) + share
            if not sum(style.values()) > 0:
                raise ParameterError("The shares of the styles sum to zero; give at least one of them a share.")
        return parameters.model_copy(update={"style": style})

    def prepare(self, content: Tensor, parameters: CinParameters) -> Tensor:
        if not parameters.center_crop:
            return content
        height, width = content.shape[-2:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return content[..., top : top + side, left : left + side]

    def stylize(self, content: Tensor, parameters: CinParameters, progress: ProgressCallback) -> Tensor:
        mix = self.mix(parameters.style).expand(len(content), -1)
        height, width = content.shape[-2:]
        # 48 megapixels are 0.6 GB in float32: neither this copy nor the caller's, perhaps the last one, need stay.
        padded = pad_to_multiple(content := content.to(self.dtype))
        del content
        for tile in [None, *self.tiles] if height * width <= self.whole_pixels else self.tiles:
            try:
                result = self.run(padded, mix, tile, progress)
                return result[..., :height, :width].float()
            except Exception as error:
                if not out_of_memory(error):
                    raise
                logger.warning("Not enough memory for %dx%d at once; going on in smaller tiles.", width, height)
        raise StylehubError(
            f"There is not enough memory for a picture of {width}x{height}; free some, or give --size (size=...) a smaller one."
        )

    def run(self, padded: Tensor, mix: Tensor, tile: int | None, progress: ProgressCallback) -> Tensor:
        """``padded`` at once, or picture by picture in tiles of side ``tile``."""
        keep_freed_memory(tile is None)
        if tile is None:
            inputs = padded.contiguous(memory_format=torch.channels_last), mix
            return self.whole(*inputs) if self.compile else self.whole(*inputs, progress)
        one_by_one = zip(torch.split(padded, 1), torch.split(mix, 1), strict=True)
        results = [run_tiled(self.network.layers, p, m, tile=tile, progress=progress) for p, m in one_by_one]
        return results[0] if len(results) == 1 else torch.cat(results)

    def mix(self, style: str | dict[str, float]) -> Tensor:
        """The share of every style, summing to 1: ``(1, styles)``."""
        shares = {style: 1.0} if isinstance(style, str) else style
        mix = torch.tensor([[shares.get(name, 0.0) for name in self._styles]], dtype=torch.float64)
        mix = mix / mix.max()  # shares near the largest number would sum to infinity
        return (mix / mix.sum()).to(self.device, torch.float32)


def pad_to_multiple(content: Tensor) -> Tensor:
    """``content`` with its last rows and columns repeated up to a multiple of 4, and to 16 at least."""
    height, width = content.shape[-2:]
    bottom, right = (max(16, -(-n // 4) * 4) - n for n in (height, width))
    return F.pad(content, (0, right, 0, bottom), mode="replicate") if bottom or right else content
