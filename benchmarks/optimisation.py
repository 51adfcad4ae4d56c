"""Our optimisation beside the usual tutorial's, on the same loss with as many evaluations of it.

    python -m benchmarks optimisation --painting painting.jpg --vgg vgg16.safetensors

The tutorial's recipe (as in PyTorch's "Neural Transfer Using PyTorch"): one scale, from the photo, L-BFGS with torch's
defaults (20 inner iterations, a history of 100), the picture clamped before every evaluation. Beyond 512 pixels ours goes
from coarse to fine, and an evaluation at half the size counts as a whole one.
"""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.material import photo
from benchmarks.numbers import count
from benchmarks.results import markdown, where

if TYPE_CHECKING:
    from torch import Tensor

    from methods.gatys.method import ImageOptimisation


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--painting", type=Path, nargs="+", required=True, help="pictures to take the style from")
    parser.add_argument("--photo", type=Path, help="the picture of the documents when left out")
    parser.add_argument("--vgg", type=Path, help="a VGG as safetensors; the best at hand when left out")
    parser.add_argument("--side", type=count, default=512, help="side of the square photo in pixels")
    parser.add_argument("--iterations", type=count, default=120, help="of ours, at the full size")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """A row for every painting: loss and seconds of both."""
    import hub
    from hub.images import read_image, to_tensor
    from hub.pictures import Pictures
    from methods.gatys.method import Gatys, ImageOptimisation, targets

    method = hub.load("gatys")
    assert isinstance(method, Gatys)
    content = to_tensor(photo(options.side, options.side, options.photo)).to(method.device)
    rows = []
    for painting in options.painting:
        values = {"style": Pictures([painting]), "vgg": options.vgg, "iterations": options.iterations, "patience": 0}
        parameters = method.checked(values)
        network = method.backbone(parameters)
        paintings = [(read_image(painting).rgb, 1.0)]
        wanted = targets(content, paintings, network, parameters)
        judge = ImageOptimisation(content, wanted, network, parameters)
        evaluations: list[object] = []
        started = time.perf_counter()
        ours = method.paint(content, paintings, network, parameters, evaluations.append)
        ours_s = time.perf_counter() - started
        started = time.perf_counter()
        theirs = tutorial(ImageOptimisation(content, wanted, network, parameters), len(evaluations) + 1)
        rows.append(
            {
                "painting": painting.stem,
                "evaluations": len(evaluations) + 1,
                "untouched": loss_of(judge, content),
                "ours": loss_of(judge, ours),
                "tutorial": loss_of(judge, theirs),
                "ours_s": ours_s,
                "tutorial_s": time.perf_counter() - started,
            }
        )
    return {"side": options.side, "dtype": str(method.dtype).removeprefix("torch."), "rows": rows}


def tutorial(optimisation: "ImageOptimisation", evaluations: int) -> "Tensor":
    """The picture after so many evaluations of the loss by the tutorial's recipe."""
    import torch

    picture, done = optimisation.picture, 0
    optimizer = torch.optim.LBFGS([picture])

    def closure() -> "Tensor":
        nonlocal done
        with torch.no_grad():
            picture.clamp_(0, 1)
        loss = optimisation.losses()["loss"] * picture[0, 0].numel()
        picture.grad = torch.autograd.grad(loss, picture)[0]
        done += 1
        return loss.detach()

    while done < evaluations:
        optimizer.param_groups[0]["max_iter"] = min(20, evaluations - done)
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    return picture.detach().clamp(0, 1)


def loss_of(judge: "ImageOptimisation", picture: "Tensor") -> float:
    """The weighted loss of ``picture``."""
    import torch

    with torch.no_grad():
        judge.picture.copy_(picture)
        return judge.losses()["loss"].item()


def render(result: dict[str, Any]) -> str:
    """One line a painting."""
    headings = [
        "painting",
        "evaluations",
        "loss of the photo",
        "ours",
        "the tutorial's",
        "ours in",
        "the tutorial's in",
    ]
    lines = [
        [
            row["painting"],
            str(row["evaluations"]),
            f"{row['untouched']:.3f}",
            f"{row['ours']:.3f}",
            f"{row['tutorial']:.3f}",
            f"{row['ours_s']:.1f} s",
            f"{row['tutorial_s']:.1f} s",
        ]
        for row in result["rows"]
    ]
    return (
        f"{markdown(headings, lines)}\n\n{result['side']} x {result['side']} pixels, {result['dtype']}; the same loss for "
        f"both, lower is better. {where(result)}"
    )
