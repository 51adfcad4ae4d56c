"""The parameters of every method that optimises pixels."""

from typing import Literal

from pydantic import Field

from hub.parameters import FilePath, Parameters, Shares, advanced, with_role
from hub.pictures import Pictures
from methods.parts.perceptual.backbone import Backbone


class OptimisationParameters(Parameters):
    """Parameters of any optimisation."""

    style: Pictures = with_role("style", title="Painting", description="A painting, or several with their shares.")
    iterations: int = Field(200, ge=1, le=20000, title="Iterations", description="Steps of the optimisation.")
    style_weight: float = Field(
        30.0, ge=0, le=1e6, title="Style weight", description="Beta: weight of the Gram matrices' relative error."
    )
    content_weight: float = advanced(
        1.0,
        ge=0,
        le=1e6,
        title="Content weight",
        description="Alpha: weight of the features' relative error.",
    )
    variation_weight: float = advanced(
        1.0,
        ge=0,
        le=1e6,
        title="Smoothness",
        description="Weight of the total variation: a larger weight gives less grain.",
    )
    optimizer: Literal["l-bfgs", "adam"] = advanced(
        "l-bfgs",
        title="Optimiser",
        description="L-BFGS needs fewer steps; Adam is steadier.",
    )
    learning_rate: float = advanced(
        1.0,
        gt=0,
        le=100,
        title="Learning rate",
        description="Factor on the optimiser's usual learning rate.",
    )
    pooling: Literal["max", "average"] = advanced(
        "max",
        title="Pooling",
        description="Pooling of the perceptual network: max as it was trained, or average as in the paper.",
    )
    backbone: Backbone = advanced(
        "auto",
        title="Perceptual network",
        description="auto: the best network on this machine; or one by name. vgg-slim is bundled.",
    )
    content_layers: Shares = advanced(
        ..., title="Content layers", description="Layers that compare with the photo, with weights."
    )
    style_layers: Shares = advanced(
        ..., title="Style layers", description="Layers that compare with the style image, with weights."
    )
    patience: float = advanced(
        2e-4,
        ge=0,
        le=1,
        title="Patience",
        description="Stop when ten iterations lower the loss by less than this share. 0: never stop early.",
    )
    initial: FilePath | None = Field(
        None, title="Go on from", description="A picture to start from, such as an earlier result."
    )
    vgg: FilePath | None = Field(
        None, title="VGG", description="A VGG-16 or VGG-19 as safetensors, for --backbone auto."
    )
    curves: FilePath | None = Field(
        None,
        exclude=True,
        title="Loss curves",
        description="A PNG file to draw the losses into. An existing file is not replaced.",
    )
    checkpoint: FilePath | None = with_role(
        "checkpoint",
        None,
        exclude=True,
        title="Checkpoint",
        description="A safetensors file that keeps how far it is. The same command goes on from it after an interruption. "
        "It is deleted once the picture is done.",
    )
