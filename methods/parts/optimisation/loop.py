"""The optimisation loop: stages of L-BFGS or Adam on the pixels, with previews; it stops when the loss hardly falls."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hub.errors import Cancelled
from hub.files import free_name
from hub.images import to_image
from hub.progress import Progress, ProgressCallback
from methods.parts.optimisation.checkpoint import Checkpoint, Point
from methods.parts.optimisation.curves import draw_curves
from methods.parts.optimisation.parameterisation import FourierParameterisation
from methods.parts.optimisation.parameters import OptimisationParameters
from methods.parts.pace import Pace

logger = logging.getLogger(__name__)


PREVIEW_EVERY = 1.0  # seconds


FIRST_STEP = 0.01  # mean length of the first step of L-BFGS


class Stages:
    """Several optimisations in a row, with one progress for all of them."""

    def __init__(self, iterations: int, progress: ProgressCallback, checkpoint: Checkpoint | None = None) -> None:
        """``iterations`` is the sum over all stages. With a ``checkpoint`` they go on where an earlier run stopped."""
        self.of, self.progress, self.checkpoint = iterations, progress, checkpoint
        self.begun = 0  # iterations of earlier stages
        self.stage = 0
        self.pace = Pace()
        self.history: list[dict[str, float]] = []
        self.resumed: Point | None = None

    def run(self, optimisation: "Optimisation", iterations: int) -> Tensor:
        """The best picture of up to ``iterations`` steps."""
        done = self._resume(optimisation, iterations)
        for step, losses in enumerate(optimisation.steps(iterations - done), start=done + 1):
            self.history.append(losses)
            preview = None
            if self.pace.due(PREVIEW_EVERY) or step == iterations:
                preview = to_image(optimisation.picture.detach())
            if self.checkpoint and self.checkpoint.due():
                self._save(optimisation, step)
            if self.begun + step < self.of:
                try:
                    self.progress(Progress(self.begun + step, self.of, losses, preview))
                except Cancelled:
                    self._save(optimisation, step)
                    raise
        self.begun += iterations
        self.stage += 1
        return optimisation.best

    def _resume(self, optimisation: "Optimisation", iterations: int) -> int:
        """The steps of this stage that an earlier run has done: all of them for a stage before that of the checkpoint."""
        if self.checkpoint and self.stage == 0:
            self.resumed = self.checkpoint.load(optimisation.picture.device)
        point = self.resumed
        if point is None or self.stage > point.stage:
            return 0
        if self.stage < point.stage:
            return iterations
        self.history = list(point.history)
        optimisation.restore(point.state)
        return point.step

    def _save(self, optimisation: "Optimisation", step: int) -> None:
        if self.checkpoint:
            self.checkpoint.save(Point(self.stage, step, optimisation.state(), self.history))

    def finish(self, curves: Path | None) -> None:
        """Draw the losses of all stages into ``curves``, or a numbered name if that exists; delete the checkpoint."""
        if curves:
            draw_curves(self.history, free_name(curves))
        if self.checkpoint:
            self.checkpoint.remove()


class Optimisation(ABC):
    """The optimisation of one picture. Subclasses define ``losses``."""

    def __init__(self, start: Tensor, colors: Tensor, parameters: OptimisationParameters) -> None:
        """``colors`` ``(3, 3)`` is the expected covariance of the result's colours."""
        self.parameters = parameters
        self.picture = start.clone().requires_grad_()
        self.parameterisation = FourierParameterisation(start, colors)
        self.best = start  # the picture with the smallest loss so far
        self.least = float("inf")
        self.flat = Flatness(parameters.patience)
        self.z = torch.zeros_like(self.picture).requires_grad_()
        if parameters.optimizer == "adam":
            self.optimizer: torch.optim.Adam | torch.optim.LBFGS = torch.optim.Adam(
                [self.z], lr=0.005 * parameters.learning_rate
            )
        else:
            # In the first step of L-BFGS the changes of all pixels sum to the learning rate. They must be large enough
            # to measure the curvature in half precision.
            self.optimizer = torch.optim.LBFGS(
                [self.z],
                lr=FIRST_STEP * self.z.numel() * parameters.learning_rate,
                max_iter=1,
                history_size=20,
                tolerance_grad=0,
                tolerance_change=0,
            )

    @abstractmethod
    def losses(self) -> dict[str, Tensor]:
        """Scalars of ``picture``: the ``loss`` to minimise, and its parts."""

    def steps(self, iterations: int) -> Iterator[dict[str, float]]:
        """Yield the losses of each step: up to ``iterations``, or until the loss is flat or not finite."""
        p, z, latest = self.parameters, self.z, {"loss": float("nan")}

        def closure() -> Tensor:
            with torch.no_grad():
                free = self.parameterisation.picture(z)
                self.picture.copy_(free.clamp(0, 1))
            parts = self.losses()
            latest.update({name: value.item() for name, value in parts.items()})
            # Multiply by the number of pixels: L-BFGS treats a gradient of one millionth as zero.
            gradient = torch.autograd.grad(parts["loss"] * self.picture[0, 0].numel(), self.picture)[0]
            # The losses do not see values outside [0, 1]. Such values may come back, but not move farther away.
            gradient[((free < 0) & (gradient > 0)) | ((free > 1) & (gradient < 0))] = 0
            z.grad = self.parameterisation.gradient(gradient)
            if latest["loss"] < self.least:
                self.least, self.best = latest["loss"], self.picture.detach().clone()
            return parts["loss"].detach() * self.picture[0, 0].numel()

        for _ in range(iterations):
            if self.flat.reached:
                return
            self.optimizer.step(closure)  # type: ignore[no-untyped-call]
            if p.optimizer == "l-bfgs":
                self.optimizer.param_groups[0]["lr"] = p.learning_rate
            if not torch.isfinite(z).all() or not latest["loss"] < float("inf"):
                logger.warning(
                    "The loss became NaN or infinity, so the best picture so far is used. Lower --learning-rate or --style-weight."
                )
                return
            self.flat.seen.append(latest["loss"])
            yield dict(latest)

    def state(self) -> dict[str, Any]:
        """The state after a step, from which ``restore`` continues."""
        optimizer = {name: value for name, value in self.optimizer.state[self.z].items() if name != "al"}  # scratch
        own = {"start": self.parameterisation.start, "z": self.z, "best": self.best, "least": self.least}
        rate = self.optimizer.param_groups[0]["lr"]
        return {**own, "seen": self.flat.seen, "rate": rate, **{f"optimizer.{k}": v for k, v in optimizer.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``."""
        self.parameterisation.start, self.best, self.least = state["start"], state["best"], state["least"]
        self.flat.seen = list(state["seen"])
        self.optimizer.param_groups[0]["lr"] = state["rate"]
        kept = {k.removeprefix("optimizer."): v for k, v in state.items() if k.startswith("optimizer.")}
        self.optimizer.state[self.z].update(kept)
        with torch.no_grad():
            self.z.copy_(state["z"])
            self.picture.copy_(self.best)


class Flatness:
    """Whether ten iterations lowered the loss by less than the share ``patience``."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.seen: list[float] = []  # the loss of each iteration

    @property
    def reached(self) -> bool:
        if self.patience == 0 or len(self.seen) <= 20:
            return False
        before, now = min(self.seen[:-10]), min(self.seen[-10:])
        return now > before * (1 - self.patience)
