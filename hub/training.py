"""The one training loop. A method brings a ``Recipe``: its network, its batches, its losses.

Every random choice is a function of the seed and the step, so a run that was killed and resumed sees the same
batches as one that never stopped, and reaches the same losses.
"""

import math
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from hub.errors import TrainingError
from hub.files import remove_leftovers
from hub.progress import Progress, ProgressCallback
from hub.runtime import keep_freed_memory, training_dtype
from hub.weights import read_metadata, read_safetensors, write_safetensors

CHECKPOINT = "checkpoint.safetensors"
MOST_SKIPPED = 10


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


class Learning(ABC):
    """What a ``Run`` optimises. ``network`` is what learns; everything else is frozen."""

    Settings: ClassVar[type[TrainingSettings]]
    settings: TrainingSettings
    network: nn.Module

    @abstractmethod
    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups of parameters; ``factor`` multiplies Adam's rate, ``muon=True`` hands convolution kernels to Muon."""

    @abstractmethod
    def batches(self) -> Dataset[Any]:
        """``batches()[step]`` is the whole batch of that step, a function of the seed and the step alone."""

    @abstractmethod
    def losses(self, batch: Any, step: int) -> dict[str, Tensor]:
        """Scalars to log; ``loss`` is the one to minimise."""


class Recipe(Learning):
    """What is particular about training one method, with what ``train`` leaves behind."""

    @abstractmethod
    def sheet(self, network: Any) -> Image.Image:
        """A contact sheet of what ``network`` can do now."""

    @abstractmethod
    def export(self, network: Any, folder: Path, facts: dict[str, Any]) -> None:
        """Write ``model.safetensors`` and ``config.json`` that ``hub.load(folder)`` reads; ``facts`` go into the config."""


class Run:
    """One optimisation: the network that learns, the moving average of it that ships, the optimiser between them."""

    def __init__(self, recipe: Learning, device: torch.device) -> None:
        self.recipe, self.settings, self.device = recipe, recipe.settings, device
        self.network = recipe.network.to(device)
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(self.settings.average))  # type: ignore[no-untyped-call]
        self.optimizer = Optimizer(recipe.parameter_groups(), self.settings)

    def steps(self, start: int = 0) -> Iterator[tuple[int, dict[str, float]]]:
        """Go on from step ``start`` to the end; after each step: how many are done, and its losses.

        Raises ``TrainingError`` when no gradient is finite any more.
        """
        settings = self.settings
        autocast = torch.autocast(self.device.type, dtype=torch.bfloat16) if settings.bf16 else nullcontext()
        losses = torch.compile(self.recipe.losses) if settings.compile else self.recipe.losses
        loader = DataLoader(
            self.recipe.batches(),
            batch_size=None,
            sampler=range(start, settings.steps),
            num_workers=settings.workers,
            pin_memory=self.device.type == "cuda",
            prefetch_factor=4 if settings.workers else None,
        )
        skipped = 0  # a picture of one colour can send a gradient through 16 normalisations to infinity: leave it out
        for step, batch in enumerate(loader, start=start):
            with autocast:
                parts = losses(_to(batch, self.device), step)
            self.network.zero_grad(set_to_none=True)
            parts["loss"].backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
            if torch.isfinite(norm):
                skipped = 0
                self.optimizer.step(decay(settings, step))
                self.average.update_parameters(self.network)
            elif (skipped := skipped + 1) == MOST_SKIPPED:
                raise TrainingError(
                    f"No finite gradient in {skipped} steps up to step {step}; go on from the last checkpoint, if there "
                    "is one, with smaller --learning-rate and --muon-rate."
                )
            yield step + 1, {name: value.item() for name, value in parts.items()}


def train(recipe: Recipe, out: Path, device: torch.device, progress: ProgressCallback | None = None) -> Path:
    """Train ``recipe`` in the folder ``out``, going on from the checkpoint in it; return the exported weights' folder.

    ``out`` receives ``checkpoint.safetensors`` (newest only, replaced atomically), ``sheets/*.png``, TensorBoard
    scalars in ``logs/`` and at the end ``weights/``. Raises ``TrainingError`` when the loss is no longer finite or
    the checkpoint belongs to another configuration.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise TrainingError("Training keeps its losses for TensorBoard: pip install 'stylehub[train]'.") from None

    settings = recipe.settings
    keep_freed_memory()
    run = Run(recipe, device)
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    start = _resume(out / CHECKPOINT, run)
    sums: defaultdict[str, list[float]] = defaultdict(list)
    with SummaryWriter(str(out / "logs"), purge_step=start) as log:
        for done, numbers in run.steps(start):
            for name, value in numbers.items():
                sums[name].append(value)
            preview = None
            if done % 50 == 0:
                for name, values in sums.items():
                    log.add_scalar(name, sum(values) / len(values), done)
                log.add_scalar("decay", decay(settings, done - 1), done)
                sums.clear()
            if done % settings.sheet_every == 0 or done == settings.steps:
                preview = _save_sheet(recipe.sheet(run.average.module), out / "sheets" / f"step-{done:06d}.png")
            if done % settings.checkpoint_every == 0 or done == settings.steps:
                _save(out / CHECKPOINT, done, run)
            if progress:
                progress(Progress(done, settings.steps, numbers, preview))
    recipe.export(run.average.module, out / "weights", facts(settings))
    return out / "weights"


def facts(settings: TrainingSettings) -> dict[str, Any]:
    """What the exported weights say of their training: every setting, of files and folders only the names."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value.name if isinstance(value, Path) else value

    return {name: plain(value) for name, value in settings.model_dump().items()} | {"bf16": bool(settings.bf16)}


def decay(settings: TrainingSettings, step: int) -> float:
    """The factor on every learning rate: linear warm-up, then a cosine from 1 down to 0 at the last step."""
    warm = min(1.0, (step + 1) / (settings.warmup + 1))
    return warm * 0.5 * (1 + math.cos(math.pi * step / settings.steps))


class Optimizer:
    """Muon for convolution kernels, Adam for the rest.

    Muon (Jordan et al. 2024) orthogonalises each update of a weight matrix. Instance normalisation makes a network
    blind to the size of its kernels, so the direction is all that matters: after 300 steps of the conditional network
    the loss was 3.44 against Adam's 3.58, at the same time a step.
    """

    def __init__(self, groups: list[dict[str, Any]], settings: TrainingSettings) -> None:
        self.kernels: list[nn.Parameter] = [p for g in groups if g.get("muon") for p in g["params"]]
        # torch's Muon takes matrices only: one row an output channel, sharing the kernel's memory.
        self.matrices = [nn.Parameter(_matrix(kernel.data)) for kernel in self.kernels]
        if any(m.data_ptr() != k.data_ptr() for m, k in zip(self.matrices, self.kernels, strict=True)):
            raise TrainingError(
                "Muon needs kernels in channels-last memory: call network.to(memory_format=torch.channels_last)."
            )
        rates: list[tuple[torch.optim.Optimizer, float]] = []
        if self.matrices:
            rates.append((torch.optim.Muon(self.matrices, lr=settings.muon_rate, weight_decay=0.0), settings.muon_rate))
        others = [g for g in groups if not g.get("muon")]
        if others:
            rates.append(
                (torch.optim.Adam(others, lr=settings.learning_rate, betas=(0.9, 0.99)), settings.learning_rate)
            )
        self.rates = rates

    def step(self, factor: float) -> None:
        for kernel, matrix in zip(self.kernels, self.matrices, strict=True):
            matrix.grad = None if kernel.grad is None else _matrix(kernel.grad)
        for optimizer, rate in self.rates:
            for group in optimizer.param_groups:
                group["lr"] = rate * group.get("factor", 1.0) * factor
            optimizer.step()

    def state(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for number, (optimizer, _) in enumerate(self.rates):
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"{number}.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
        return tensors

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        for number, (optimizer, _) in enumerate(self.rates):
            state: defaultdict[int, dict[str, Tensor]] = defaultdict(dict)
            for name, tensor in tensors.items():
                which, index, key = name.split(".", 2)
                if int(which) == number:
                    state[int(index)][key] = tensor
            optimizer.load_state_dict({"state": dict(state), "param_groups": optimizer.state_dict()["param_groups"]})


def _matrix(kernel: Tensor) -> Tensor:
    """A convolution kernel ``(out, in, k, k)`` as ``(out, k*k*in)``: a view of channels-last memory."""
    return kernel.permute(0, 2, 3, 1).reshape(kernel.shape[0], -1)


def _to(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    return {name: _to(value, device) for name, value in batch.items()}


def _save_sheet(sheet: Image.Image, path: Path) -> Image.Image:
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
    return sheet


def _save(path: Path, step: int, run: Run) -> None:
    parts = {
        "network": run.network.state_dict(),
        "average": run.average.state_dict(),
        "optimizer": run.optimizer.state(),
    }
    tensors = {f"{part}.{name}": tensor for part, state in parts.items() for name, tensor in state.items()}
    write_safetensors(path, tensors, {"step": str(step)})


def _resume(path: Path, run: Run) -> int:
    if not path.exists():
        return 0
    parts: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in read_safetensors(path).items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    try:
        run.network.load_state_dict(parts["network"])
        run.average.load_state_dict(parts["average"])
        run.optimizer.load_state(parts["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"{path} was made with other settings (styles or width); choose another folder with --out."
        ) from error
    return int(read_metadata(path)["step"])
