"""Depth-aware adaptive instance normalisation: near objects keep their detail, far ones are painted.

"Image style transfer by improved AdaIN" (2020), equation 6. At each pixel alpha is the normalised depth::

    T(c, s) = D(alpha * AdaIN(E(c), E(s)) + (1 - alpha) * E(c))

The paper prints the second term outside D, which would add features to pixels. Here the features are mixed
(``AdaIN.stylize_where``). Contrast and offset of alpha are those of Kitov et al. 2019 (arXiv 1906.01123). All methods
can take alpha from depth, a gradient or a mask: see ``hub/spatial.py``.
"""

from hub.parameters import inherited
from hub.spatial import Where
from methods.adain.method import AdaIN, AdaINParameters


class DepthAdaINParameters(AdaINParameters):
    """The parameters of ``adain``; ``where`` is "far" by default."""

    where: Where = inherited(AdaINParameters, "where", "far")


class DepthAdaIN(AdaIN):
    """``adain`` with the strength taken from depth."""

    Parameters = DepthAdaINParameters
