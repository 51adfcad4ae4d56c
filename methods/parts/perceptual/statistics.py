"""Means and standard deviations of features, the statistics of AdaIN (Huang & Belongie 2017, arXiv 1703.06868)."""

from typing import NamedTuple

import torch
from torch import Tensor

from methods.parts.transformation.normalisation import EPSILON


class Statistics(NamedTuple):
    """Mean and standard deviation of each channel: ``(N, C)`` each."""

    mean: Tensor
    deviation: Tensor


def statistics(features: Tensor) -> Statistics:
    """Statistics of ``(N, C, H, W)`` over H and W, in float32."""
    variance, mean = torch.var_mean(features.float(), dim=(2, 3), correction=0)
    return Statistics(mean, (variance + EPSILON).sqrt())
