"""The style prediction network and the image transformation network.

Ghiasi, Lee, Kudlur, Dumoulin & Shlens 2017, "Exploring the structure of a real-time, arbitrary neural artistic
stylization network" (arXiv 1705.06830). The style prediction network predicts the scales and shifts that conditional
instance normalisation would learn for a painting.
"""

from torch import Tensor

from methods.parts.style_code.network import PaintingNetwork, StylePredictor
from methods.parts.transformation.network import ImageTransformationNetwork


class AnyStyleNetwork(PaintingNetwork):
    """``predictor`` predicts a style code from a description; ``transformation`` paints with the code.

    The scales of a layer are ``code @ scale``. The conditional network has one row per style; this one has one row per
    number of the code. So both run with the same code.
    """

    predictor: StylePredictor

    def __init__(self, width: int, code: int, description: int, hidden: int) -> None:
        super().__init__()
        self.transformation = ImageTransformationNetwork(code, width)
        self.predictor = StylePredictor(description, hidden, code)

    def paint(self, content: Tensor, code: Tensor) -> Tensor:
        pictures: Tensor = self.transformation(content, code)
        return pictures
