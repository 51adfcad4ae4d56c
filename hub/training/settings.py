"""The settings of every training run, and the record of them in the exported weights."""

from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field

from hub.runtime import training_dtype


class TrainingSettings(BaseModel):
    """The settings of every training run. A method adds its own fields; all become command-line flags."""

    model_config = ConfigDict(extra="forbid")

    steps: int = Field(8000, ge=1, description="Optimiser steps in total, including earlier runs in the same folder.")
    batch: int = Field(4, ge=1, description="Pictures per step.")
    learning_rate: float = Field(1e-3, gt=0, description="Adam's peak learning rate; cosine decay to zero at the end.")
    muon_rate: float = Field(0.02, gt=0, description="Muon's peak learning rate, for convolution kernels; same decay.")
    warmup: int = Field(100, ge=0, description="Steps of linear warm-up.")
    average: float = Field(0.998, ge=0, lt=1, description="Decay of the moving average of weights, which is exported.")
    clip: float = Field(5.0, gt=0, description="Largest gradient norm.")
    seed: int = Field(0, ge=0, description="Seed of every random choice.")
    workers: int = Field(2, ge=0, description="Processes that load the data.")
    bf16: bool | None = Field(
        None,
        description="Compute in bfloat16 (autocast); losses and weights stay float32. Empty: the faster one is measured.",
    )
    compile: bool = Field(False, description="Use torch.compile; useful on a GPU.")
    checkpoint_every: int = Field(100, ge=1, description="Steps between checkpoints; only the newest is kept.")
    sheet_every: int = Field(500, ge=1, description="Steps between contact sheets.")

    def on(self, device: torch.device) -> Self:
        """These settings with ``bf16`` chosen for ``device``, the faster one, if it is None.

        A task that gets None computes in float32.
        """
        if self.bf16 is not None:
            return self
        return self.model_copy(update={"bf16": training_dtype(device) is torch.bfloat16})


def facts(settings: TrainingSettings) -> dict[str, Any]:
    """The settings as plain data for the exported weights; of files and folders only the names."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value.name if isinstance(value, Path) else value

    return {name: plain(value) for name, value in settings.model_dump().items()} | {"bf16": bool(settings.bf16)}
