"""The base class of methods with one conditional network: cin's styles and any-style's codes are painted alike."""

from abc import abstractmethod
from typing import Any

from torch import Tensor

from hub.method import Method
from hub.progress import ProgressCallback
from methods.parts.transformation.normalisation import SpatialBlend
from methods.parts.transformation.runner import TiledRunner


class ConditionalMethod(Method):
    """Paints with one network, ``runner``, whose scales and shifts depend on the style. Subclasses define ``condition``."""

    runner: TiledRunner

    @abstractmethod
    def condition(self, parameters: Any) -> Tensor:
        """What the network's normalisations take for the style of ``parameters``: ``(1, C)``, float32 on the device."""

    def stylize(self, content: Tensor, parameters: Any, progress: ProgressCallback) -> Tensor:
        condition = self.condition(parameters).expand(len(content), -1)
        pictures = [content]
        del content  # so that the runner can free it: 48 megapixels are 0.6 GB
        return self.runner(pictures, condition, progress, self.tile)

    def stylize_where(
        self, content: Tensor, where: Tensor, parameters: Any, other: Any, progress: ProgressCallback
    ) -> Tensor:
        """Two styles are mixed in the scales and shifts of every layer; for a picture too large for that, in pixels."""
        if other is None or content.shape[2] * content.shape[3] > self.runner.blend_pixels:
            return super().stylize_where(content, where, parameters, other, progress)
        one, two = (self.condition(p).expand(len(content), -1) for p in (parameters, other))
        return self.runner.run_blend(content, SpatialBlend(one, two, where), progress)
