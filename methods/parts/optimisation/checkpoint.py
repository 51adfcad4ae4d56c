"""The state of an optimisation in a file: after a stop it continues from there and gives the same picture."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hub.errors import ImageError, ParameterError
from methods.parts.pace import Pace

SHORTEST = 2.0  # seconds between two checkpoints at least
RATE = 5e6  # bytes a second on average at most: L-BFGS remembers 40 pictures


@dataclass(frozen=True)
class Point:
    """A point in a run: ``step`` steps of the stage number ``stage`` are done.

    ``state`` is the optimiser's, as plain values, tensors and lists of tensors; ``history`` the losses of all steps.
    """

    stage: int
    step: int
    state: Mapping[str, Any]
    history: list[dict[str, float]]


class Checkpoint:
    """The file ``path`` with the latest ``Point`` of one run, which ``run`` identifies; see ``identity``."""

    def __init__(self, path: Path, run: str) -> None:
        self.path, self.run = path, run
        self._wait = SHORTEST
        self._pace = Pace()
        self._pace.due(0)  # the first one is due after the wait

    def load(self, device: torch.device) -> Point | None:
        """The point to go on from; None if there is no file yet. Raises ``ParameterError`` for another run's file."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt", device=str(device)) as file:
                header = json.loads((file.metadata() or {})["checkpoint"])
                if header["run"] == self.run:
                    return Point(header["stage"], header["step"], _unpacked(header["state"], file), header["history"])
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise ParameterError(f"{self.path.name} is not a checkpoint, or is damaged; delete it.") from error
        raise ParameterError(
            f"The checkpoint {self.path.name} is of another photo or of other settings; delete it, or give another name."
        )

    def due(self) -> bool:
        """Whether it is time to save again."""
        return self._pace.due(self._wait)

    def save(self, point: Point) -> None:
        """Replace the file, whole or not at all. Raises ``ImageError`` if it cannot be written."""
        tensors: dict[str, Tensor] = {}
        header = {"run": self.run, "stage": point.stage, "step": point.step, "history": point.history}
        text = json.dumps(header | {"state": _packed(point.state, tensors)})
        self._wait = max(SHORTEST, sum(t.nbytes for t in tensors.values()) / RATE)
        partial = self.path.with_name(f".{self.path.name}.partial")
        try:
            save_file(tensors, partial, {"format": "pt", "checkpoint": text})
            os.replace(partial, self.path)  # noqa: PTH105
        except (OSError, SafetensorError) as error:
            partial.unlink(missing_ok=True)
            raise ImageError(
                f"The checkpoint {self.path.name} cannot be written ({error}); free some space."
            ) from error

    def remove(self) -> None:
        """Delete the file, once the picture is done."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def identity(parameters: Mapping[str, Any], pictures: Iterable[Tensor]) -> str:
    """What tells one run from another: the parameters, and the pictures that it works on."""
    found = hashlib.sha256(json.dumps(dict(parameters), sort_keys=True, default=str).encode())
    for picture in pictures:
        found.update(str(tuple(picture.shape)).encode())
        found.update(picture.detach().float().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _packed(state: Mapping[str, Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    """``state`` as JSON. Its tensors go to ``tensors``; where one was stands how many there are, None for a single one."""
    plain: dict[str, Any] = {}
    for name, value in state.items():
        if isinstance(value, Tensor):
            tensors[name] = value.detach().contiguous()
            plain[name] = {"tensors": None}
        elif isinstance(value, list) and value and isinstance(value[0], Tensor):
            tensors |= {f"{name}.{number}": tensor.detach().contiguous() for number, tensor in enumerate(value)}
            plain[name] = {"tensors": len(value)}
        else:
            plain[name] = value
    return plain


def _unpacked(plain: Mapping[str, Any], file: Any) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for name, value in plain.items():
        if isinstance(value, dict):
            count = value["tensors"]
            # A copy begins at an address as new tensors do. Some products of MKL round by where their numbers lie.
            numbered = [] if count is None else [file.get_tensor(f"{name}.{number}").clone() for number in range(count)]
            state[name] = file.get_tensor(name).clone() if count is None else numbered
        else:
            state[name] = value
    return state
