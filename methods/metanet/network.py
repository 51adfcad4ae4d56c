"""The meta network: from a painting's code to all filters of a small image transformation network.

Shen, Yan & Zeng 2018, "Neural Style Transfer via Meta Networks" (arXiv 1709.04111), section 3.2. In the paper each
convolution has one dense layer that writes its filters (``rank`` 0). In what ships, filters are a learnt mean and a change
of low rank that depends on the code, and they are then normalised: a loss behind instance normalisation does not see the
norm of a filter, so nothing bounds it.
"""

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.func import functional_call

from hub.weights import network_sha256
from methods.metanet.paper import PaperNetwork
from methods.parts.style_code.network import PaintingNetwork, StylePredictor
from methods.parts.transformation.network import ImageTransformationNetwork

EPSILON = 1e-8


class Architecture(BaseModel):
    """What tells the configurations of a meta network apart."""

    model_config = ConfigDict(extra="ignore")

    encoder: Literal["vgg-slim", "vgg-16", "vgg-19"] = Field(
        "vgg-slim", description="Its features describe a painting."
    )
    form: Literal["conditional", "residual", "resnext"] = Field(
        "conditional",
        description="What is written: the network of cin with scales and shifts, or that of the paper with its residual "
        "blocks or with one ResNeXt block.",
    )
    width: int = Field(16, ge=2, le=64, description="Channels of the first convolution of a written network.")
    blocks: int = Field(2, ge=1, le=16, description="Residual blocks of a conditional network.")
    code: int = Field(64, ge=2, le=512, description="Length of a style code; with rank 0 of each head's part of it.")
    hidden: int = Field(256, ge=4, le=4096, description="Width of the prediction network.")
    rank: int = Field(
        128,
        ge=0,
        le=1024,
        description="Rank of what a painting changes in the filters of a layer; 0: a dense layer each.",
    )
    normalised: bool = Field(True, description="Whether each output channel's filter has norm 1.")

    def transformation(self) -> ImageTransformationNetwork | PaperNetwork:
        """A network of the form that is written, with random weights."""
        if self.form == "conditional":
            return ImageTransformationNetwork(1, self.width, "tanh", blocks=self.blocks)
        return PaperNetwork(self.width, self.form)


OURS = Architecture.model_validate({})
ORIGINAL = Architecture.model_validate(
    {"encoder": "vgg-16", "form": "residual", "width": 8, "code": 128, "rank": 0, "normalised": False}
)
IMPROVED = ORIGINAL.model_copy(update={"encoder": "vgg-19", "form": "resnext"})


class MetaNetwork(PaintingNetwork):
    """``predictor`` gives a style code; ``generate`` makes a network of it.

    ``heads`` write every scale and shift and all filters but a few: those of the first and the last convolution and of a
    ResNeXt block's branches are in ``learnt``, the same for all paintings.
    """

    def __init__(self, architecture: Architecture, description: int) -> None:
        super().__init__()
        self.architecture = architecture
        start = architecture.transformation()
        same = learnt(start)
        with torch.device("meta"):
            self._form = (architecture.transformation(),)  # in a tuple: a form without numbers is no part of the state
        self.heads, self.learnt = nn.ModuleDict(), nn.ParameterDict()
        for name, parameter in start.named_parameters():
            if name in same:
                self.learnt[key(name)] = parameter
            elif architecture.rank == 0:
                self.heads[key(name)] = DenseHead(parameter.shape, len(self.heads), architecture.code)
            elif parameter.ndim == 4:
                self.heads[key(name)] = FilterHead(parameter.data, architecture.code, architecture.rank)
            else:
                self.heads[key(name)] = RowHead(parameter.data, architecture.code)
        self.predictor: StylePredictor | HiddenLayer
        if architecture.rank == 0:
            self.predictor = HiddenLayer(description, self.code)
        else:
            self.predictor = StylePredictor(description, architecture.hidden, architecture.code)

    @property
    def code(self) -> int:
        """The length of a style code."""
        return self.architecture.code * (len(self.heads) if self.architecture.rank == 0 else 1)

    def directions(self, code: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The weights before they are normalised: see ``generate``."""
        with torch.autocast(code.device.type, enabled=False):
            code = code.float()
            for name, parameter in self._form[0].named_parameters():
                if key(name) in self.heads:
                    yield name, self.heads[key(name)](code)
                else:
                    yield name, self.learnt[key(name)].expand(len(code), *parameter.shape)

    def generate(self, code: Tensor) -> dict[str, Tensor]:
        """The weights of one network for each row of ``code`` ``(N, code)``: name -> ``(N, *shape)``, in float32.

        Normalised filters have norm 1 for each output channel. Their gain is the scale of the instance normalisation
        that follows.
        """
        return {
            name: unit(weights)
            if self.architecture.normalised and weights.ndim == 5 and key(name) in self.heads
            else weights
            for name, weights in self.directions(code)
        }

    def paint(self, content: Tensor, code: Tensor) -> Tensor:
        """Each picture is painted by the network of its own code."""
        return self.paint_by(self.generate(code), content)

    def paint_by(self, weights: dict[str, Tensor], content: Tensor) -> Tensor:
        """Each picture of ``content`` ``(N, 3, H, W)`` painted by its own network of ``weights``, see ``generate``."""
        more = (content.new_ones(1, 1),) if self.architecture.form == "conditional" else ()
        return torch.cat(
            [
                functional_call(self._form[0], {name: w[index] for name, w in weights.items()}, (picture, *more))
                for index, picture in enumerate(torch.split(content, 1))
            ]
        )

    def hash(self) -> str:
        """The sha256 of the whole meta network: another one makes another network of the same painting."""
        return network_sha256(self)


class FilterHead(nn.Module):
    """Filters ``(N, O, I, k, k)`` from codes ``(N, code)``: a mean and a change of rank ``rank``."""

    def __init__(self, mean: Tensor, code: int, rank: int) -> None:
        super().__init__()
        outputs, inputs = mean.shape[0], mean[0].numel()
        self.mean = nn.Parameter(mean.clone())
        self.left = nn.Parameter(torch.randn(outputs, rank) / rank**0.5)
        self.right = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
        self.coefficients = nn.Parameter(torch.randn(code, rank) * 0.02)

    def forward(self, code: Tensor) -> Tensor:
        change = (self.left * (code @ self.coefficients)[:, None]) @ self.right
        return self.mean + change.view(len(code), *self.mean.shape)


class RowHead(nn.Module):
    """Scales or shifts ``(N, 1, C)`` from codes ``(N, code)``; the first number of a code is 1, so row 0 is their mean."""

    def __init__(self, start: Tensor, code: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.cat([start, torch.randn(code - 1, start.shape[1]) * 0.02]))

    def forward(self, code: Tensor) -> Tensor:
        return (code @ self.rows)[:, None]


class HiddenLayer(nn.Module):
    """The paper's predictor: one hidden layer on a painting's description ``(N, D)``, cut into a part for each head."""

    def __init__(self, description: int, hidden: int) -> None:
        super().__init__()
        self.layer = nn.Linear(description, hidden)

    def forward(self, description: Tensor) -> Tensor:
        with torch.autocast(description.device.type, enabled=False):
            return torch.relu(self.layer(description.float()))


class DenseHead(nn.Module):
    """The paper's head: filters ``(N, *shape)`` by one dense layer from part ``number`` of the hidden layer ``(N, code)``."""

    def __init__(self, shape: torch.Size, number: int, part: int) -> None:
        super().__init__()
        self.shape, self.part = shape, slice(number * part, (number + 1) * part)
        self.layer = nn.Linear(part, shape.numel())

    def forward(self, code: Tensor) -> Tensor:
        filters: Tensor = self.layer(code[:, self.part])
        return filters.view(len(code), *self.shape)


def learnt(network: ImageTransformationNetwork | PaperNetwork) -> set[str]:
    """The parameters of a written network that no painting changes."""
    if isinstance(network, PaperNetwork):
        return network.learnt
    return {"layers.0.convolution.weight", f"layers.{len(network.layers) - 1}.convolution.weight"}


def unit(filters: Tensor) -> Tensor:
    """``filters`` ``(N, O, I, k, k)`` with norm 1 for each output channel; a filter of zeros stays zero."""
    return filters * (filters.square().sum((2, 3, 4), keepdim=True) + EPSILON).rsqrt()


def key(name: str) -> str:
    """The name of a parameter as torch allows it in a dictionary of modules."""
    return name.replace(".", "-")
