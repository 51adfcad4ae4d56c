"""The meta network: from a painting's code to all filters of a small image transformation network.

Shen, Yan & Zeng 2018, "Neural Style Transfer via Meta Networks" (arXiv 1709.04111), section 3.2. Here a filter is a
learnt mean and a change of low rank that depends on the code, instead of one dense layer's output. It is then
normalised: a loss behind instance normalisation does not see the norm of a filter, so that nothing would bound it.
"""

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.func import functional_call

from hub.weights import network_sha256
from methods.any_style.network import PaintingNetwork, StylePredictor
from methods.parts.transformation.network import ImageTransformationNetwork

EPSILON = 1e-8


class Architecture(BaseModel):
    """The sizes of a meta network and of the networks that it writes."""

    model_config = ConfigDict(extra="ignore")

    width: int = Field(16, ge=2, le=64, description="Channels of the first convolution of a written network.")
    blocks: int = Field(2, ge=1, le=16, description="Residual blocks of a written network; the paper has 5.")
    code: int = Field(64, ge=2, le=512, description="Length of a style code.")
    hidden: int = Field(256, ge=4, le=4096, description="Width of the prediction network.")
    rank: int = Field(128, ge=1, le=1024, description="Rank of what a painting changes in the filters of a layer.")

    def transformation(self) -> ImageTransformationNetwork:
        """A network of the kind that is written, with random weights."""
        return ImageTransformationNetwork(1, self.width, "tanh", blocks=self.blocks)


class MetaNetwork(PaintingNetwork):
    """``predictor`` gives a style code; ``generate`` makes a network of it.

    ``heads`` write every scale and shift and all filters but those of the first and the last convolution. These are in
    ``learnt`` and are the same for all paintings.
    """

    def __init__(self, architecture: Architecture, description: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.predictor = StylePredictor(description, architecture.hidden, architecture.code)
        start = architecture.transformation()
        with torch.device("meta"):
            self._form = (architecture.transformation(),)  # in a tuple: a form without numbers is no part of the state
        self.heads, self.learnt = nn.ModuleDict(), nn.ParameterDict()
        last = len(start.layers) - 1
        for name, parameter in start.named_parameters():
            if name in ("layers.0.convolution.weight", f"layers.{last}.convolution.weight"):
                self.learnt[key(name)] = parameter
            elif parameter.ndim == 4:
                self.heads[key(name)] = FilterHead(parameter.data, architecture.code, architecture.rank)
            else:
                self.heads[key(name)] = RowHead(parameter.data, architecture.code)

    def generate(self, code: Tensor) -> dict[str, Tensor]:
        """The weights of one network for each row of ``code`` ``(N, code)``: name -> ``(N, *shape)``, in float32."""
        with torch.autocast(code.device.type, enabled=False):
            code = code.float()
            return {
                name: self.heads[key(name)](code)
                if key(name) in self.heads
                else self.learnt[key(name)].expand(len(code), *parameter.shape)
                for name, parameter in self._form[0].named_parameters()
            }

    def paint(self, content: Tensor, code: Tensor) -> Tensor:
        """Each picture is painted by the network of its own code."""
        weights, one = self.generate(code), content.new_ones(1, 1)
        return torch.cat(
            [
                functional_call(self._form[0], {name: w[index] for name, w in weights.items()}, (picture, one))
                for index, picture in enumerate(torch.split(content, 1))
            ]
        )

    def hash(self) -> str:
        """The sha256 of the whole meta network: another one makes another network of the same painting."""
        return network_sha256(self)


class FilterHead(nn.Module):
    """Normalised filters ``(N, O, I, k, k)`` from codes ``(N, code)``: a mean and a change of rank ``rank``.

    Each output channel's filter has norm 1. Its gain is the scale of the instance normalisation that follows.
    """

    def __init__(self, mean: Tensor, code: int, rank: int) -> None:
        super().__init__()
        outputs, inputs = mean.shape[0], mean[0].numel()
        self.mean = nn.Parameter(mean.clone())
        self.left = nn.Parameter(torch.randn(outputs, rank) / rank**0.5)
        self.right = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
        self.coefficients = nn.Parameter(torch.randn(code, rank) * 0.02)

    def direction(self, code: Tensor) -> Tensor:
        """The filters before normalisation."""
        change = (self.left * (code @ self.coefficients)[:, None]) @ self.right
        return self.mean + change.view(len(code), *self.mean.shape)

    def forward(self, code: Tensor) -> Tensor:
        return unit(self.direction(code))


class RowHead(nn.Module):
    """Scales or shifts ``(N, 1, C)`` from codes ``(N, code)``; the first number of a code is 1, so row 0 is their mean."""

    def __init__(self, start: Tensor, code: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.cat([start, torch.randn(code - 1, start.shape[1]) * 0.02]))

    def forward(self, code: Tensor) -> Tensor:
        return (code @ self.rows)[:, None]


def unit(filters: Tensor) -> Tensor:
    """``filters`` ``(N, O, I, k, k)`` with norm 1 for each output channel; a filter of zeros stays zero."""
    return filters * (filters.square().sum((2, 3, 4), keepdim=True) + EPSILON).rsqrt()


def key(name: str) -> str:
    """The name of a parameter as torch allows it in a dictionary of modules."""
    return name.replace(".", "-")
