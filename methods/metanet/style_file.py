"""A written network as a file: weights of ``fast-art``, one network for one painting, which ``hub.load`` takes by itself.

Its metadata have the code of the painting too, so that the meta network can mix it with others.
"""

import json
import re
import shlex
from pathlib import Path

import torch
from torch import Tensor

from hub.errors import StylehubError, WeightsError
from hub.registry import NAME
from hub.weights import read_config, write_safetensors
from methods.metanet.network import MetaNetwork


def write_network(path: Path, code: Tensor, weights: dict[str, Tensor], by: MetaNetwork) -> None:
    """Write the network of the style code ``code`` ``(code,)``.

    Raises ``WeightsError`` if the file cannot be written, ``StylehubError`` for networks of the paper's form.
    """
    if by.architecture.form != "conditional":
        raise StylehubError("Networks of the paper's form run in their meta network only; `metanet` writes files.")
    name = re.sub("[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    config = {
        "method": "fast-art",
        "width": by.architecture.width,
        "blocks": by.architecture.blocks,
        "upsampling": "resize",
        "style": {"name": name if re.fullmatch(NAME, name) else "painting"},
        "written_by": by.hash(),
        "code": code.tolist(),
    }
    write_safetensors(path, weights, {"config": json.dumps(config)})


def read_code(path: Path, written_by: str, length: int) -> Tensor:
    """The code ``(1, 1, length)`` in a file of ``write_network``.

    Raises ``WeightsError`` if the file is missing or invalid, or if another meta network has written it.
    """
    config = read_config(path)
    author, code = config.get("written_by"), config.get("code")
    if author is None:
        raise WeightsError(f"{path} holds no network of a painting. `stylehub vector` writes one.")
    if author != written_by:
        raise WeightsError(
            f"{path} was written by another meta network ({str(author)[:12]} instead of {written_by[:12]}). It still runs "
            f"alone, as `{shlex.join(['stylehub', 'stylize', f'./{path.name}'])}`; for this model make it again from the painting."
        )
    try:
        numbers = torch.tensor(code, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError):
        numbers = torch.empty(0)
    if numbers.shape != (length,) or not numbers.isfinite().all():
        raise WeightsError(f"{path} holds no valid code. Make it again with `stylehub vector`.")
    return numbers[None, None]
