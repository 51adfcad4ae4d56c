"""The image transformation network: downsampling by 4, residual blocks, upsampling by 4, instance normalisation.

With one style it is the network of Johnson et al. 2016 (arXiv 1603.08155). With one row of scales and shifts per style
it is the conditional network of Dumoulin et al. 2017 (arXiv 1610.07629, table of appendix A). Both have five residual
blocks, which keep the size and have no ReLU after the addition.
"""

from collections.abc import Sequence
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.progress import Progress, ProgressCallback
from methods.parts.transformation.normalisation import ConditionalInstanceNorm, SpatialBlend

Upsampling = Literal["resize", "transposed"]


class Layer(nn.Module):
    """[Upsample twice] -> reflect -> convolve -> normalise for the style -> [add the layer ``skip`` back] -> activate.

    Reflection padding avoids dark edges. With ``transposed``, a transposed convolution upsamples instead.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        styles: int,
        *,
        stride: int = 1,
        upsample: bool = False,
        transposed: bool = False,
        skip: int = 0,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.upsample, self.skip, self.activation = kernel, stride, upsample, skip, activation
        self.transposed = upsample and transposed
        # The normalisation removes any constant, so the convolution needs no bias.
        self.convolution: nn.Conv2d | nn.ConvTranspose2d
        if self.transposed:
            self.convolution = nn.ConvTranspose2d(
                inputs, outputs, kernel, stride=2, padding=kernel // 2, output_padding=1, bias=False
            )
        else:
            self.convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, bias=False)
        self.norm = ConditionalInstanceNorm(styles, outputs)

    def convolve(self, x: Tensor) -> Tensor:
        if self.transposed:
            return cast(Tensor, self.convolution(x))
        if self.upsample:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        padded = F.pad(x, [self.kernel // 2] * 4, mode="reflect")
        return cast(Tensor, self.convolution(padded))

    def activate(self, x: Tensor) -> Tensor:
        match self.activation:
            case "relu":
                return F.relu_(x)  # in place: nothing else uses x
            case "sigmoid":
                return torch.sigmoid(x)
            case "tanh":
                return (torch.tanh(x) + 1) / 2
            case _:
                return x


class ImageTransformationNetwork(nn.Module):
    """Stylises ``(N, 3, H, W)`` in [0, 1] into the same shape and range.

    ``H`` and ``W`` are multiples of 4 and at least 16. ``width`` is the number of channels of the first convolution:
    32 in the papers (1.68 M parameters); 16 needs 3.6 times less arithmetic. ``upsampling`` is bilinear resizing before a
    convolution, or a transposed convolution, which leaves a checkerboard (Odena et al. 2016).
    """

    def __init__(
        self,
        styles: int = 1,
        width: int = 32,
        output: Literal["sigmoid", "tanh"] = "sigmoid",
        upsampling: Upsampling = "resize",
        blocks: int = 5,
    ) -> None:
        super().__init__()
        self.styles, self.width, self.upsampling, self.blocks = styles, width, upsampling, blocks
        transposed = upsampling == "transposed"
        w = width
        layers = [
            Layer(3, w, 9, styles),
            Layer(w, 2 * w, 3, styles, stride=2),
            Layer(2 * w, 4 * w, 3, styles, stride=2),
        ]
        for _ in range(blocks):
            layers.append(Layer(4 * w, 4 * w, 3, styles))
            layers.append(Layer(4 * w, 4 * w, 3, styles, skip=2, activation="none"))
        layers += [
            Layer(4 * w, 2 * w, 3, styles, upsample=True, transposed=transposed),
            Layer(2 * w, w, 3, styles, upsample=True, transposed=transposed),
            Layer(w, 3, 9, styles, activation=output),
        ]
        self.layers = nn.ModuleList(layers)

    def forward(self, content: Tensor, mix: Tensor | SpatialBlend, progress: ProgressCallback | None = None) -> Tensor:
        """``mix`` ``(N, styles)`` has the share of every style; rows sum to 1, and a single style is one-hot.

        ``progress`` counts layers.
        """
        outputs = [content]
        for number, layer in enumerate(cast(Sequence[Layer], self.layers), start=1):
            x = layer.norm(layer.convolve(outputs[-1]), mix)
            if layer.skip:
                x = x + outputs[-layer.skip]
            outputs = [*outputs[-1:], layer.activate(x)]
            if progress:
                progress(Progress(number, len(self.layers)))
        return outputs[-1]
