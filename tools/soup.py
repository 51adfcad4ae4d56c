"""Weighted mean of two exported models of one architecture, such as a run and its fine-tuning.

    python -m tools.soup runs/a/weights runs/b/weights 0.5 runs/mean

Between a network and what fine-tuning made of it, style and content distance change smoothly (Wortsman et al. 2022,
"Model soups"), so a point on that line can be chosen without training again.
"""

import sys
from pathlib import Path

import torch

from hub.weights import read_config, read_safetensors, write_model


def soup(first: Path, second: Path, share: float, out: Path) -> None:
    """Write ``(1 - share) * first + share * second`` into the folder ``out``, with both trainings in its configuration."""
    paths = [folder / "model.safetensors" for folder in (first, second)]
    a, b = (read_safetensors(path) for path in paths)
    configs = [read_config(path) for path in paths]
    trainings = [config.pop("training") for config in configs]
    if configs[0] != configs[1] or a.keys() != b.keys():
        raise SystemExit("the two models differ in more than their numbers")
    mean = {name: torch.lerp(a[name].float(), b[name].float(), share) for name in a}
    write_model(out, mean, configs[0] | {"training": {"mean_of": trainings, "share_of_the_second": share}})


if __name__ == "__main__":
    soup(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
