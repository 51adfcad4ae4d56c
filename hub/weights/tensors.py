"""Read and write safetensors, and load tensors into networks with matching names and shapes."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from hub.errors import WeightsError
from hub.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor, nn


LARGEST_HEADER = 10_000_000
Config = TypeVar("Config", bound=BaseModel)


def sha256_of(path: Path) -> str:
    """The hash of a file as 64 hex digits. Raises ``WeightsError`` if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path and its permissions.") from error


def network_sha256(network: nn.Module) -> str:
    """The hash of a network's tensors in float16, as they are shipped, and of their names: 64 hex digits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode() + tensor.half().cpu().numpy().tobytes())
    return digest.hexdigest()


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors onto the CPU. Raises ``WeightsError`` unless the file is a complete safetensors file."""
    from safetensors.torch import load, load_file

    with _safetensors_errors(path):
        in_utf8 = not re.search("[\ud800-\udfff]", str(path))  # the library maps no other files into memory
        return load_file(path) if in_utf8 else load(path.read_bytes())


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata. Raises ``WeightsError`` as ``read_safetensors`` does."""
    from safetensors import safe_open

    with _safetensors_errors(path), safe_open(path, "np") as file:  # which does not import torch
        return dict(file.metadata() or {})


@contextmanager
def _safetensors_errors(path: Path) -> Iterator[None]:
    """Check the start of the file before the library reads it; turn the library's errors into ``WeightsError``."""
    try:
        with path.open("rb") as file:
            start, size = file.read(9), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    if size == 0:
        raise WeightsError(f"{path} is empty: download it again.")
    header = int.from_bytes(start[:8], "little")
    if start[8:] != b"{" or header > min(size - 8, LARGEST_HEADER):
        if start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05"):
            raise WeightsError(f"{path} is a pickle file, which can run code: get the weights as safetensors.")
        raise WeightsError(f"{path} is not a safetensors file, or its header is cut off: download it again.")
    try:
        yield
    except Exception as error:  # mostly SafetensorError; other errors for a dtype that this torch lacks
        raise WeightsError(f"{path} is damaged or cut off ({error}): download it again.") from error


def read_config(path: Path) -> dict[str, Any]:
    """The configuration in the metadata of a weights file. Raises ``WeightsError`` for a file without one."""
    try:
        config = json.loads(read_metadata(path)["config"])
    except (KeyError, ValueError, RecursionError):
        raise WeightsError(f"{path} was not written by stylehub: its metadata has no configuration.") from None
    if not isinstance(config, dict):
        raise WeightsError(f"{path} was not written by stylehub: its configuration is not a mapping.")
    return config


def read_weights(path: Path, methods: Collection[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Configuration and tensors of weights for one of ``methods`` (their ids); else raises ``WeightsError``."""
    config = read_config(path)
    if "adds_to" in config:
        base = config.get("model")
        raise WeightsError(f"{path} is a style for {base}: load it with hub.load({base!r}, styles=[{str(path)!r}]).")
    tensors = read_safetensors(path)
    if config.pop("method", None) not in methods:
        known = " or ".join(map(repr, methods))
        raise WeightsError(f"{path} does not hold weights of {known}; check the registry entry.")
    return config, tensors


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] = {}) -> None:
    """Write tensors and metadata atomically.

    Tensors are detached, made contiguous, moved to the CPU, and cloned if they share memory. The metadata always have
    ``format: pt``, which other loaders require. Raises ``WeightsError`` if the file cannot be written.
    """
    from safetensors.torch import save

    own: dict[str, Tensor] = {}
    storages: set[int] = set()
    for name, tensor in tensors.items():
        own[name] = tensor.detach().cpu().contiguous()
        if own[name].untyped_storage().data_ptr() in storages:
            own[name] = own[name].clone()
        storages.add(own[name].untyped_storage().data_ptr())

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # save_file would write files that only their owner can read
        write_whole(path, save(own, dict(metadata) | {"format": "pt"}))
    except OSError as error:
        raise WeightsError(
            f"{path} could not be written ({error.strerror}); an older file is unchanged. Free some space or choose "
            "another folder."
        ) from error


def write_model(folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """Write a folder for ``hub.load``: ``model.safetensors`` in float16, and ``config.json``, also in its metadata."""
    halves = {name: tensor.half() for name, tensor in tensors.items()}
    write_safetensors(folder / "model.safetensors", halves, {"config": json.dumps(config)})
    text = json.dumps(config, indent=2, ensure_ascii=False)
    write_whole(folder / "config.json", f"{text}\n".encode())


def checked_config(kind: type[Config], config: Mapping[str, Any], source: str) -> Config:
    """The configuration of weights as a ``kind``. Raises ``WeightsError`` with the wrong field."""
    try:
        return kind.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WeightsError(
            f"{source}: the field {where} of the configuration is wrong ({first['msg']}); download the weights again."
        ) from None


def check_finite(tensors: Mapping[str, Tensor], path: Path | str) -> None:
    """Raise ``WeightsError`` with the name of the first tensor that holds NaN or infinity."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise WeightsError(f"{path} holds NaN or infinity in its tensor {name!r}; download or train it again.")


def load_strict(module: nn.Module, tensors: Mapping[str, Tensor], source: Path | str) -> None:
    """Load tensors into a module; names and shapes must match exactly, dtypes are converted.

    Raises ``WeightsError`` and leaves the module unchanged if a name is missing or unexpected, a shape differs, or a
    value is not finite in the module's dtype; ``source`` names the tensors in the message.
    """
    own: dict[str, Tensor] = module.state_dict()
    module.load_state_dict(check_tensors(own, tensors, source, type(module).__name__), strict=True)


def check_tensors(
    own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], source: Path | str, kind: str
) -> dict[str, Tensor]:
    """``tensors`` in the dtypes of ``own``, whose names and shapes they must have. Raises as ``load_strict`` does."""
    differences = {
        "missing": [name for name in own if name not in tensors],
        "unexpected": [name for name in tensors if name not in own],
        "wrong shape": [
            f"{name} {tuple(tensors[name].shape)} instead of {tuple(tensor.shape)}"
            for name, tensor in own.items()
            if name in tensors and tensors[name].shape != tensor.shape
        ],
    }
    found = [
        f"{kind}: {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        for kind, names in differences.items()
        if names
    ]
    if found:
        raise WeightsError(f"{source} does not fit {kind} ({'; '.join(found)}): use weights made for this method.")
    converted = {name: tensors[name].to(tensor.dtype) for name, tensor in own.items()}
    check_finite(converted, source)
    return converted
