"""Depth-aware adaptive instance normalisation: what is near keeps its detail, what is far becomes a painting.

After "Image style transfer by improved AdaIN" (2020), equation 6, with alpha the normalised depth at every place::

    T(c, s) = D(alpha * AdaIN(E(c), E(s)) + (1 - alpha) * E(c))

The paper prints the second term outside of D, where features and pixels would be added; they are mixed as features here
(``AdaIN.stylize_where``). Contrast and offset of alpha are those of Kitov et al. 2019 (arXiv 1906.01123); the depth and
all the other places that it can be (nearby, one layer, a gradient, a mask) are every method's: see ``hub/spatial.py``.
"""

from hub.parameters import inherited
from hub.spatial import Where
from methods.adain.method import AdaIN, AdaINParameters


class DepthAdaINParameters(AdaINParameters):
    """What ``adain`` takes, but far away unless it is told otherwise."""

    where: Where = inherited(AdaINParameters, "where", "far")


class DepthAdaIN(AdaIN):
    """The networks of ``adain``."""

    Parameters = DepthAdaINParameters
