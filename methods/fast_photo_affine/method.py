"""Photorealistic style transfer by one network per style photo, trained with the matting Laplacian.

The image transformation network of Johnson et al. 2016 (arXiv 1603.08155) with the losses of Luan et al. 2017
(arXiv 1703.07511), as a thesis of 2018 combined them. Every style has its own weights, as in ``fast-art``.
"""

from typing import Any

from hub.parameters import Parameters, with_role
from hub.spatial import other_style
from methods.fast_art.method import FastArt


class FastPhotoAffineParameters(Parameters):
    """What the method takes."""

    style: str | None = with_role(
        "style",
        None,
        title="Style",
        description="The name of a trained style. Empty: the first one.",
    )
    other: str | None = other_style()


class FastPhotoAffine(FastArt):
    """One image transformation network per style photo."""

    Parameters = FastPhotoAffineParameters  # type: ignore[assignment]  # it paints no strokes

    def resolve(self, parameters: Any) -> Any:
        if parameters.style is None:
            parameters = parameters.model_copy(update={"style": next(iter(self.styles))})
        return super().resolve(parameters)
