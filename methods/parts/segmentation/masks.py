"""Masks as pictures: every group in a colour of its own."""

import torch
from PIL import Image
from torch import Tensor

from methods.parts.segmentation.groups import GROUPS


def painted(masks: Tensor) -> Image.Image:
    """``(10, H, W)`` as a picture in the groups' colours; black where all of them are 0."""
    colors = torch.tensor([group.color for group in GROUPS], dtype=torch.uint8, device=masks.device)
    most, group = masks.max(0)
    picture = colors[group] * (most > 0)[..., None]
    return Image.fromarray(picture.cpu().numpy())
