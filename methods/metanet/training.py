"""Training of the meta network.

Shen et al. 2018 train 20 steps by one painting before the next. Here every photo of a batch has another painting, and
training starts from ``any-style``: its predictor, its scales and shifts, and its filters as the mean filters. The
losses are those of ``any-style``.
"""

from pathlib import Path
from typing import Any

from pydantic import Field
from torch import Tensor

from hub.errors import TrainingError
from hub.weights import load_strict, read_config, read_safetensors
from methods.metanet.network import OURS, Architecture, MetaNetwork, key
from methods.parts.style_code.training import CodeSettings, CodeTraining
from methods.parts.style_vectors import without_presets

FIRST_BLOCK = 3  # the layers before the residual blocks


class MetaNetSettings(CodeSettings):
    """Settings of ``stylehub train metanet``."""

    base: Path | None = Field(
        None, description="Weights of any-style of the same --width, --code and --hidden to start from."
    )
    base_blocks: list[int] = Field([0, 1], description="The residual blocks of --base to keep, from 0.")
    rank: int = Field(128, ge=1, le=1024, description="Rank of what a painting changes in the filters of a layer.")


class MetaNetTraining(CodeTraining):
    """Heads, mean filters, the first and the last convolution and the prediction network are trained together."""

    Settings = MetaNetSettings
    method = "metanet"
    scales = (1.0,)
    settings: MetaNetSettings
    network: MetaNetwork

    def architecture(self) -> dict[str, Any]:
        s = self.settings
        own = {"width": s.width, "blocks": len(s.base_blocks), "code": s.code, "hidden": s.hidden, "rank": s.rank}
        return OURS.model_copy(update=own).model_dump()

    def build(self, description: int) -> MetaNetwork:
        return MetaNetwork(Architecture(**self.architecture()), description)

    def begin(self) -> None:
        if self.settings.base:
            load_strict(self.network, self.based_on(self.settings.base), self.settings.base)

    def based_on(self, base: Path) -> dict[str, Tensor]:
        """The state of the meta network with the predictor, filters, scales and shifts of ``any-style``."""
        if read_config(base).get("method") != "any-style":
            raise TrainingError(f"{base} is not a file of weights of any-style; choose another one with --base.")
        given, state = without_presets(read_safetensors(base)), self.network.state_dict()
        state |= {name: tensor for name, tensor in given.items() if name.startswith("predictor.")}
        blocks = (sum(name.endswith("convolution.weight") for name in given) - 6) // 2
        if not set(self.settings.base_blocks) <= set(range(blocks)):
            raise TrainingError(
                f"{base} has {blocks} residual blocks; give numbers from 0 to {blocks - 1} with --base-blocks."
            )
        kept = [FIRST_BLOCK + 2 * block + half for block in self.settings.base_blocks for half in (0, 1)]
        layers = [*range(FIRST_BLOCK), *kept, *range(FIRST_BLOCK + 2 * blocks, 6 + 2 * blocks)]
        for index, layer in enumerate(layers):
            for kind in ("convolution.weight", "norm.scale", "norm.shift"):
                tensor = given[f"transformation.layers.{layer}.{kind}"]
                if index == len(layers) - 1 and kind != "convolution.weight":
                    tensor = tensor / 2  # a sigmoid is a tanh of half the argument, scaled to [0, 1]
                name = key(f"layers.{index}.{kind}")
                part = "rows" if kind != "convolution.weight" else "mean"
                state[f"learnt.{name}" if name in self.network.learnt else f"heads.{name}.{part}"] = tensor
        return state

    def parameter_groups(self) -> list[dict[str, object]]:
        filters = [p for p in self.network.parameters() if p.ndim == 4]
        return [{"params": filters, "muon": True}, {"params": [p for p in self.network.parameters() if p.ndim != 4]}]
