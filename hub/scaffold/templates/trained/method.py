"""A network that imitates a filter, after Chen, Xu & Koltun 2017, "Fast Image Processing with Fully-Convolutional
Networks" (arXiv 1709.00643).
"""

from pydantic import BaseModel, ConfigDict, Field

from hub.method import Method
from hub.parameters import Parameters
from hub.weights import checked_config, load_strict

from .network import Network


class Config(BaseModel):
    """What the file of weights says of the network. The file may come from anywhere, so it is checked."""

    model_config = ConfigDict(extra="ignore")

    width: int = Field(ge=1, le=256)


class MyMethod(Method):
    """It takes the parameters that every method has."""

    Parameters = Parameters

    def setup(self, config, tensors):
        """Build the network of ``config``, and give it the ``tensors``."""
        network = Network(checked_config(Config, config, self.entry.name).width)
        load_strict(network, tensors, self.entry.name)
        self.network = self.place(network)

    def stylize(self, content, parameters, progress):
        """``content`` and the result are float32 ``(N, 3, H, W)`` in [0, 1], of any size."""
        return self.network(content.to(self.dtype)).float().clamp(0, 1)
