"""What every training can be told, and what weights say of their training."""

from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field

from hub.runtime import training_dtype


class TrainingSettings(BaseModel):
    """What every training has in common. A method's recipe adds its own fields; all of them become CLI flags."""

    model_config = ConfigDict(extra="forbid")

    steps: int = Field(8000, ge=1, description="Optimiser steps in all, earlier runs of the same folder counted in.")
    batch: int = Field(4, ge=1, description="Pictures a step.")
    learning_rate: float = Field(
        1e-3, gt=0, description="Adam's peak learning rate; cosine decay to zero at the last step."
    )
    muon_rate: float = Field(0.02, gt=0, description="Muon's peak learning rate, for convolution kernels; same decay.")
    warmup: int = Field(100, ge=0, description="Steps of linear warm-up.")
    average: float = Field(
        0.998, ge=0, lt=1, description="Decay of the moving average of the weights, which is what ships."
    )
    clip: float = Field(5.0, gt=0, description="Largest gradient norm.")
    seed: int = Field(0, ge=0, description="Seed of every random choice.")
    workers: int = Field(2, ge=0, description="Loader processes.")
    bf16: bool | None = Field(
        None,
        description="Compute in bfloat16 (autocast), losses and weights stay float32; whether that is faster is measured "
        "when left out.",
    )
    compile: bool = Field(False, description="Compile with torch.compile; pays on a GPU.")
    checkpoint_every: int = Field(100, ge=1, description="Steps between checkpoints; only the newest is kept.")
    sheet_every: int = Field(500, ge=1, description="Steps between contact sheets.")

    def on(self, device: torch.device) -> Self:
        """These settings as they are on ``device``: with the precision that is faster there, where none was asked for.

        A recipe takes them so; one that is given None computes in float32.
        """
        if self.bf16 is not None:
            return self
        return self.model_copy(update={"bf16": training_dtype(device) is torch.bfloat16})


def facts(settings: TrainingSettings) -> dict[str, Any]:
    """What the exported weights say of their training: every setting, of files and folders only the names."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value.name if isinstance(value, Path) else value

    return {name: plain(value) for name, value in settings.model_dump().items()} | {"bf16": bool(settings.bf16)}
