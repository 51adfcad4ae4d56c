"""A photo in the colours of one photo that a network has learnt, kept a photograph by the matting Laplacian alone.

The image transformation network of Johnson et al. 2016 (arXiv 1603.08155) with the losses of Luan et al. 2017
(arXiv 1703.07511), as a thesis of 2018 combined them. Every style has weights of its own, as in ``fast-art``.
"""

from typing import Any

from hub.parameters import inherited
from methods.fast_art.method import FastArt, FastArtParameters


class FastPhotoAffineParameters(FastArtParameters):
    """What the method takes."""

    style: str | None = inherited(  # type: ignore[assignment]  # a subclass may well ask for less
        FastArtParameters,
        "style",
        None,
        description="The name of a style photo that was learnt; the first one when left out.",
    )


class FastPhotoAffine(FastArt):
    """One image transformation network a style photo."""

    Parameters = FastPhotoAffineParameters

    def resolve(self, parameters: Any) -> FastArtParameters:
        if parameters.style is None:
            parameters = parameters.model_copy(update={"style": next(iter(self.styles))})
        return super().resolve(parameters)
