"""What methods have in common that change a picture's pixels until a perceptual network sees in it what it should."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from hub.errors import ImageError, ParameterError, StylehubError
from hub.files import free_name
from hub.images import to_image
from hub.method import Method
from hub.parameters import File, Parameters, Shares, advanced
from hub.pictures import Pictures
from hub.progress import Pace, Progress, ProgressCallback
from hub.runtime import keep_freed_memory, out_of_memory
from methods.parts.backbone import Backbone, open_backbone
from methods.parts.coordinates import Coordinates
from methods.parts.curves import draw_curves
from methods.parts.vgg import VGG

logger = logging.getLogger(__name__)

PREVIEW_EVERY = 1.0  # seconds
FIRST_STEP = 0.01  # mean length of the first step of L-BFGS


class OptimisationParameters(Parameters):
    """What any optimisation takes."""

    style: Pictures = Field(title="Painting", description="A painting, or several with their shares.")
    iterations: int = Field(200, ge=1, le=20000, title="Iterations", description="Steps of the optimisation.")
    style_weight: float = Field(
        30.0, ge=0, le=1e6, title="Style weight", description="Beta: weight of the Gram matrices' relative errors."
    )
    content_weight: float = advanced(
        1.0,
        ge=0,
        le=1e6,
        title="Content weight",
        description="Alpha: weight of the features' relative errors.",
    )
    variation_weight: float = advanced(
        1.0,
        ge=0,
        le=1e6,
        title="Smoothness",
        description="Weight of the total variation: more of it, less grain.",
    )
    optimizer: Literal["l-bfgs", "adam"] = advanced(
        "l-bfgs",
        title="Optimiser",
        description="L-BFGS needs fewer steps; Adam is the calmer one.",
    )
    learning_rate: float = advanced(
        1.0,
        gt=0,
        le=100,
        title="Learning rate",
        description="As a factor on the optimiser's usual one.",
    )
    pooling: Literal["max", "average"] = advanced(
        "max",
        title="Pooling",
        description="Of the perceptual network: as it was trained, or average as in the paper.",
    )
    backbone: Backbone = advanced(
        "auto",
        title="Perceptual network",
        description="The best at hand, or one by name; vgg-slim is bundled.",
    )
    content_layers: Shares = advanced(
        ..., title="Content layers", description="Layers that see the photo, with weights."
    )
    style_layers: Shares = advanced(
        ..., title="Style layers", description="Layers that see the picture of the style, with weights."
    )
    patience: float = advanced(
        2e-4,
        ge=0,
        le=1,
        title="Patience",
        description="Stop when ten iterations lower the loss by less than this share of it; 0 never stops early.",
    )
    initial: File | None = Field(
        None, title="Go on from", description="A picture to start from, such as an earlier result."
    )
    vgg: File | None = Field(None, title="VGG", description="A VGG-16 or VGG-19 as safetensors, for --backbone auto.")
    curves: File | None = Field(
        None,
        exclude=True,
        title="Loss curves",
        description="A PNG file to draw the losses into; one that exists is kept.",
    )


class Optimiser(Method):
    """Gradient descent on the pixels, one photo after another."""

    Parameters: ClassVar[type[Parameters]] = OptimisationParameters

    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self._backbone: tuple[object, VGG, str] | None = None

    def resolve(self, parameters: OptimisationParameters) -> OptimisationParameters:
        for name, layers in (("content", parameters.content_layers), ("style", parameters.style_layers)):
            if any(weight < 0 for weight in layers.values()):
                raise ParameterError(f"The weights of the {name} layers are zero or more; one of them is not.")
        if parameters.style_weight and not sum(parameters.style_layers.values()) > 0:
            raise ParameterError("The style layers weigh nothing together; give one of them a weight above zero.")
        if parameters.curves and parameters.curves.suffix.lower() != ".png":
            raise ParameterError(f"The curves are a PNG file, not {parameters.curves.name}; give --curves such a name.")
        if parameters.curves and not parameters.curves.absolute().parent.is_dir():
            raise ParameterError(
                f"There is no folder {parameters.curves.parent}; make it, or choose another for --curves."
            )
        style = parameters.style_weight * sum(parameters.style_layers.values())
        if not style + parameters.content_weight * sum(parameters.content_layers.values()) > 0:
            raise ParameterError("All weights are zero, so there is nothing to optimise; give --style-weight, say, 30.")
        return parameters

    def stylize(self, content: Tensor, parameters: OptimisationParameters, progress: ProgressCallback) -> Tensor:
        keep_freed_memory()
        # Methods are called without gradients, and this one is made of them.
        with torch.inference_mode(False), torch.enable_grad():
            network = self.backbone(parameters)
            paintings = self.paintings(parameters)
            results = []
            # In one memory layout whatever the caller's: it decides the last bit, and an optimisation makes much of that.
            content = content.clone(memory_format=torch.contiguous_format)
            for number, photo in enumerate(torch.split(content, 1)):

                def shifted(p: Progress, before: int = number) -> None:
                    progress(Progress(before * p.of + p.step, len(content) * p.of, p.losses, p.preview))

                try:
                    results.append(self.paint(photo, paintings, network, parameters, shifted))
                except Exception as error:
                    if not out_of_memory(error):
                        raise
                    raise StylehubError(
                        f"There is not enough memory to optimise {content.shape[3]}x{content.shape[2]} pixels; "
                        "give --size 512 (size=512), or --backbone vgg-slim."
                    ) from None
            return torch.cat(results)

    def paintings(self, parameters: OptimisationParameters) -> list[tuple[Image.Image, float]]:
        """The paintings with their shares. Raises ``ImageError`` for one too small to have a style."""
        paintings = parameters.style.read()
        for painting, _ in paintings:
            if min(painting.size) < 32:
                raise ImageError(
                    f"The painting has {painting.width}x{painting.height} pixels; the network needs 32 at least, "
                    "choose a larger one."
                )
        return paintings

    def backbone(self, parameters: OptimisationParameters) -> VGG:
        """The perceptual network that ``parameters`` ask for; the last one is kept."""
        layers = sorted({*parameters.content_layers, *parameters.style_layers})
        wanted = (parameters.backbone, parameters.vgg, parameters.pooling, layers)
        if self._backbone is None or self._backbone[0] != wanted:
            network, label = open_backbone(
                parameters.backbone,
                parameters.vgg,
                layers=layers,
                pooling=parameters.pooling,
                device=self.device,
                dtype=self.dtype,
                fetching=self.fetching,
            )
            logger.info("Optimising by the features of %s.", label)
            self._backbone = wanted, network, label
        self.remarks["perceptual_network"] = self._backbone[2]
        return self._backbone[1]

    @abstractmethod
    def paint(
        self,
        photo: Tensor,
        paintings: list[tuple[Image.Image, float]],
        network: VGG,
        parameters: Any,
        progress: ProgressCallback,
    ) -> Tensor:
        """``photo`` ``(1, 3, H, W)`` optimised."""


class Stages:
    """Optimisations one after another, as one piece of work."""

    def __init__(self, iterations: int, progress: ProgressCallback) -> None:
        """``iterations``: of all stages together."""
        self.of, self.progress = iterations, progress
        self.begun = 0  # iterations of the stages before
        self.pace = Pace()
        self.history: list[dict[str, float]] = []

    def run(self, optimisation: "Optimisation", iterations: int) -> Tensor:
        """The best picture of ``iterations``."""
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
        """The losses of all stages as a picture, under a name that is free; nothing without a ``path``."""
        if path:
            draw_curves(self.history, free_name(path))


class Optimisation(ABC):
    """A picture that is being changed; ``losses`` says to what end."""

    def __init__(self, start: Tensor, colors: Tensor, parameters: OptimisationParameters) -> None:
        """``colors`` ``(3, 3)``: the covariance of the colours that the picture is to have."""
        self.parameters = parameters
        self.picture = start.clone().requires_grad_()
        self.coordinates = Coordinates(start, colors)
        self.best = start  # the picture of the least loss so far
        self.least = float("inf")

    @abstractmethod
    def losses(self) -> dict[str, Tensor]:
        """Scalars of ``picture``: the ``loss`` to minimise and what it is the sum of."""

    def steps(self, iterations: int) -> Iterator[dict[str, float]]:
        """The losses of up to ``iterations``, one after another, until they are done, flat, or no numbers any more."""
        p, latest = self.parameters, {"loss": float("nan")}
        z = torch.zeros_like(self.picture).requires_grad_()
        optimizer: torch.optim.Optimizer
        if p.optimizer == "adam":
            optimizer = torch.optim.Adam([z], lr=0.005 * p.learning_rate)
        else:
            # The first step of L-BFGS has the learning rate as the sum of its lengths. It must be long enough to show
            # the curvature through the noise of half precision.
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
                free = self.coordinates.picture(z)
                self.picture.copy_(free.clamp(0, 1))
            parts = self.losses()
            latest.update({name: value.item() for name, value in parts.items()})
            # Times the number of pixels: a gradient of one millionth is taken for zero by L-BFGS.
            gradient = torch.autograd.grad(parts["loss"] * self.picture[0, 0].numel(), self.picture)[0]
            # What lies outside of [0, 1] shows no effect: it may come back, but not go further.
            gradient[((free < 0) & (gradient > 0)) | ((free > 1) & (gradient < 0))] = 0
            z.grad = self.coordinates.gradient(gradient)
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
                    "The losses are no numbers any more; the best picture before is kept. Lower --learning-rate or --style-weight."
                )
                return
            yield dict(latest)
            if flat.after(latest["loss"]):
                return


class Flatness:
    """Whether ten iterations have lowered the loss by less than ``patience`` of it."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.seen: list[float] = []

    def after(self, loss: float) -> bool:
        self.seen.append(loss)
        if self.patience == 0 or len(self.seen) <= 20:
            return False
        before, now = min(self.seen[:-10]), min(self.seen[-10:])
        return now > before * (1 - self.patience)
