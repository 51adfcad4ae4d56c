"""The training loop. A ``TrainingTask`` defines a method's network, batches and losses.

Every random choice is a function of the seed and the step, so a resumed run has the same batches and losses as an
uninterrupted one.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from hub.errors import TrainingError
from hub.files import remove_leftovers
from hub.progress import Progress, ProgressCallback
from hub.trainer.optimizer import Optimizer, decay
from hub.training import LearningTask, TrainingTask, facts
from hub.weights import read_metadata, read_safetensors, write_safetensors
from methods.parts.memory import keep_freed_memory

logger = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.safetensors"
MOST_SKIPPED = 10


class Trainer:
    """One training run: the network, the moving average of its weights, which is exported, and the optimiser."""

    def __init__(self, task: LearningTask, device: torch.device) -> None:
        self.task, self.settings, self.device = task, task.settings, device
        self.network = task.network.to(device)
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(self.settings.average))  # type: ignore[no-untyped-call]
        self.optimizer = Optimizer(task.parameter_groups(), self.settings)

    def steps(self, start: int = 0) -> Iterator[tuple[int, dict[str, float]]]:
        """Train from step ``start`` to the end and yield, after each step, the steps done and the losses.

        Raises ``TrainingError`` after several steps without a finite gradient.
        """
        settings = self.settings
        autocast = torch.autocast(self.device.type, dtype=torch.bfloat16) if settings.bf16 else nullcontext()
        losses = torch.compile(self.task.losses) if settings.compile else self.task.losses
        loader = DataLoader(
            self.task.batches(),
            batch_size=None,
            sampler=range(start, settings.steps),
            num_workers=settings.workers,
            pin_memory=self.device.type == "cuda",
            prefetch_factor=4 if settings.workers else None,
        )
        skipped = 0  # with a picture of one colour, 16 normalisations can make the gradient infinite: skip it
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
                    f"No finite gradient in {skipped} steps up to step {step}; continue from the last checkpoint with "
                    "smaller --learning-rate and --muon-rate."
                )
            yield step + 1, {name: value.item() for name, value in parts.items()}


def train(task: TrainingTask, out: Path, device: torch.device, progress: ProgressCallback | None = None) -> Path:
    """Train ``task`` in the folder ``out``, from its checkpoint if it has one; return the folder of exported weights.

    ``out`` receives ``checkpoint.safetensors`` (newest only, replaced atomically), ``sheets/*.png``, TensorBoard scalars
    in ``logs/`` and at the end ``weights/``. Raises ``TrainingError`` if gradients are no longer finite or the
    checkpoint belongs to other settings.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise TrainingError("Training needs TensorBoard: pip install 'stylehub[train]'.") from None

    settings = task.settings
    if settings.average and (span := 1 / (1 - settings.average)) > settings.steps / 4:
        logger.warning(
            "The average that is exported looks back over about %d steps, much of a training of %d: give a smaller "
            "--average, such as %.2g.", round(span), settings.steps, max(0.0, 1 - 10 / settings.steps),
        )  # fmt: skip
    keep_freed_memory()
    run = Trainer(task, device)
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
                preview = _save_sheet(task.sheet(run.average.module), out / "sheets" / f"step-{done:06d}.png")
            if done % settings.checkpoint_every == 0 or done == settings.steps:
                _save(out / CHECKPOINT, done, run)
            if progress:
                progress(Progress(done, settings.steps, numbers, preview))
    task.export(run.average.module, out / "weights", facts(settings))
    return out / "weights"


def _to(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    return {name: _to(value, device) for name, value in batch.items()}


def _save_sheet(sheet: Image.Image, path: Path) -> Image.Image:
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
    return sheet


def _save(path: Path, step: int, run: Trainer) -> None:
    network, average, optimizer = run.network.state_dict(), run.average.state_dict(), run.optimizer.state()
    parts = {"network": network, "average": average, "optimizer": optimizer}
    tensors = {f"{part}.{name}": tensor for part, state in parts.items() for name, tensor in state.items()}
    write_safetensors(path, tensors, {"step": str(step)})


def _resume(path: Path, run: Trainer) -> int:
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
            f"{path} was made with other settings, so it does not fit; give those, or choose another folder with --out."
        ) from error
    return int(read_metadata(path)["step"])
