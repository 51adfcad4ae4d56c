"""Give an any-style network what further training changed in the conditional network that it started from.

    python -m tools.task_vector BEFORE AFTER ANY_STYLE OUT

The difference between two trainings of one network is a task vector. Added to another network that started from the
first, it hands on what was learnt since (Ilharco et al. 2023, "Editing models with task arithmetic").
"""

import sys
from pathlib import Path

import torch
from torch import Tensor

from hub.weights import read_config, read_safetensors, write_model


def add(before: dict[str, Tensor], after: dict[str, Tensor], network: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of ``network`` with the change from ``before`` to ``after``.

    Filters change alike. The conditional network has a row of scales and shifts for each style, any-style one for each
    number of the code. The first number is always 1, so its row takes the mean change of all styles.
    """
    changed = dict(network)
    for name, tensor in before.items():
        change, own = after[name].float() - tensor.float(), f"transformation.{name}"
        if ".norm." in name:
            first = torch.zeros(len(network[own]), 1)
            first[0] = 1
            change = first * change.mean(0)
        changed[own] = network[own].float() + change
    return changed


def write(before: Path, after: Path, any_style: Path, out: Path) -> None:
    """Read three files of weights, write the fourth into the folder ``out``, with its own training in its configuration."""
    a, b, network = (read_safetensors(path) for path in (before, after, any_style))
    if a.keys() != b.keys() or not {f"transformation.{name}" for name in a} <= network.keys():
        raise SystemExit(
            "the networks have other layers; give two trainings of one, and an any-style that started from it"
        )
    write_model(out, add(a, b, network), read_config(any_style))


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:5]))
