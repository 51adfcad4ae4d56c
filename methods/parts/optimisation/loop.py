"""The optimisation loop: stages of L-BFGS or Adam on the pixels, with previews; it stops when the loss hardly falls."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from hub.files import free_name
from hub.images import to_image
from hub.progress import Pace, Progress, ProgressCallback
from methods.parts.optimisation.curves import draw_curves
from methods.parts.optimisation.parameterisation import FourierParameterisation
from methods.parts.optimisation.parameters import OptimisationParameters

logger = logging.getLogger(__name__)


PREVIEW_EVERY = 1.0  # seconds


FIRST_STEP = 0.01  # mean length of the first step of L-BFGS


class Stages:
    """Several optimisations in a row, with one progress for all of them."""

    def __init__(self, iterations: int, progress: ProgressCallback) -> None:
        """``iterations`` is the sum over all stages."""
        self.of, self.progress = iterations, progress
        self.begun = 0  # iterations of earlier stages
        self.pace = Pace()
        self.history: list[dict[str, float]] = []

    def run(self, optimisation: "Optimisation", iterations: int) -> Tensor:
        """The best picture of up to ``iterations`` steps."""
        for step, losses in enumerate(optimisation.steps(iterations), start=1):
            self.history.append(losses)
            preview = None
            if self.pace.due(PREVIEW_EVERY) or step == iterations:
                preview = to_image(optimisation.picture.detach())
            if self.begun + step < self.of:
                self.progress(Progress(self.begun + step, self.of, losses, preview))
        self.begun += iterations
        return optimisation.best

    def draw(self, path: Path | None) -> None:
        """Draw the losses of all stages into ``path``, or a numbered name if that exists. Without ``path`` do nothing."""
        if path:
            draw_curves(self.history, free_name(path))


class Optimisation(ABC):
    """The optimisation of one picture. Subclasses define ``losses``."""

    def __init__(self, start: Tensor, colors: Tensor, parameters: OptimisationParameters) -> None:
        """``colors`` ``(3, 3)`` is the expected covariance of the result's colours."""
        self.parameters = parameters
        self.picture = start.clone().requires_grad_()
        self.parameterisation = FourierParameterisation(start, colors)
        self.best = start  # the picture with the smallest loss so far
        self.least = float("inf")

    @abstractmethod
    def losses(self) -> dict[str, Tensor]:
        """Scalars of ``picture``: the ``loss`` to minimise, and its parts."""

    def steps(self, iterations: int) -> Iterator[dict[str, float]]:
        """Yield the losses of each step: up to ``iterations``, or until the loss is flat or not finite."""
        p, latest = self.parameters, {"loss": float("nan")}
        z = torch.zeros_like(self.picture).requires_grad_()
        optimizer: torch.optim.Optimizer
        if p.optimizer == "adam":
            optimizer = torch.optim.Adam([z], lr=0.005 * p.learning_rate)
        else:
            # In the first step of L-BFGS the changes of all pixels sum to the learning rate. They must be large enough
            # to measure the curvature in half precision.
            optimizer = torch.optim.LBFGS(
                [z],
                lr=FIRST_STEP * z.numel() * p.learning_rate,
                max_iter=1,
                history_size=20,
                tolerance_grad=0,
                tolerance_change=0,
            )

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

        flat = Flatness(p.patience)
        for _ in range(iterations):
            optimizer.step(closure)  # type: ignore[no-untyped-call]
            if p.optimizer == "l-bfgs":
                optimizer.param_groups[0]["lr"] = p.learning_rate
            if not torch.isfinite(z).all() or not latest["loss"] < float("inf"):
                logger.warning(
                    "The loss became NaN or infinity, so the best picture so far is used. Lower --learning-rate or --style-weight."
                )
                return
            yield dict(latest)
            if flat.after(latest["loss"]):
                return


class Flatness:
    """Tells when ten iterations lower the loss by less than a share ``patience`` of it."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.seen: list[float] = []

    def after(self, loss: float) -> bool:
        self.seen.append(loss)
        if self.patience == 0 or len(self.seen) <= 20:
            return False
        before, now = min(self.seen[:-10]), min(self.seen[-10:])
        return now > before * (1 - self.patience)
