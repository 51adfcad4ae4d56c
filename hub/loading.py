"""``hub.load``: load a method by name, from a hub repository or from a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hub.entries import Entry, Model, folder_entry, is_path
from hub.errors import RegistryError, StylehubError, UnknownName
from hub.folders import require_consent
from hub.names import printable
from hub.plugins import plugin_class
from hub.registry import info, method_entry
from hub.styles import adopt_styles
from hub.weights import REPOSITORY, Fetching, fetch_repository, find_weights, read_config, read_weights, sha256_of

if TYPE_CHECKING:
    import torch

    from hub.method import Method

FILE_NAME = "model.safetensors"


class _How(NamedTuple):
    """The user's options, not yet checked."""

    device: "str | torch.device | None"
    dtype: "str | torch.dtype | None"
    compile: bool


def load(
    name: str | Path,
    *,
    device: "str | torch.device | None" = None,
    dtype: "str | torch.dtype | None" = None,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    token: str | None = None,
    offline: bool | None = None,
    endpoint: str | None = None,
    trust: bool = False,
    styles: Sequence[str | Path] | None = None,
    compile: bool = False,
) -> "Method":
    """Load a method.

    Args:
        name: a model of ``hub.list()``; ``hf://owner/repo@<40 hex>``; ``./folder`` with trained weights
            (``model.safetensors``) or with a method (``registry.yaml`` and its code; ``./folder/model`` where it has
            several); or ``./file.safetensors``.
        device: None or "auto": CUDA, then MPS, then the CPU.
        dtype: "float32", "bfloat16" or "float16"; None: the fastest one that the method supports on the device.
        revision: another commit (40 hex) of the model's repository than the pinned one.
        cache_dir, token, endpoint: passed to the hub client; ``endpoint`` is a mirror.
        offline: True: never use the network.
        trust: allow code from a folder that is not installed. Code from a hub repository never runs.
        compile: compile the network at its first use; useful for many pictures of one size, and on GPUs.
        styles: added styles (see ``stylehub styles``) by name, file or hf://owner/repo@commit; None: all that this user
            has added.

    Raises:
        UnknownName, RegistryError, WeightsError, DownloadError, ParameterError: each says what to do.
    """
    fetching: Fetching = {"cache_dir": cache_dir, "token": token, "offline": offline, "endpoint": endpoint}
    method = _load(name, _How(device, dtype, compile), trust, revision=revision, **fetching)
    method.fetching = fetching
    adopt_styles(method, styles)
    return method


def _load(name: str | Path, how: _How, trust: bool, *, revision: str | None, **options: Any) -> "Method":
    text = str(name)
    if text.startswith("hf://"):
        match = REPOSITORY.fullmatch(text)
        if match is None:
            raise UnknownName(f"{text!r} has no full commit; write hf://owner/repo@ and its 40 hexadecimal digits.")
        folder = fetch_repository(match["repo"], match["revision"], [FILE_NAME], **options)
        return _from_weights(folder / FILE_NAME, how, source=text)
    if is_path(name):
        return _from_path(Path(text).expanduser(), how, trust, revision=revision, **options)
    return _from_entry(info(text), how, revision=revision, **options)


def _from_entry(entry: Entry, how: _How, **options: Any) -> "Method":
    if entry.model.weights is None:  # no weights needed, or one file per style: see Method.variant
        return _build(entry, None, how)
    path = find_weights(entry.model.weights, root=entry.root, owner=entry.source, **options)
    return _build(entry, path, how)


def _from_path(path: Path, how: _How, trust: bool, **options: Any) -> "Method":
    source = str(path) if path.is_absolute() or str(path).startswith(".") else f"./{path}"
    if path.suffix == ".safetensors":
        return _from_weights(path, how, source=source)
    if path.is_file():
        raise UnknownName(f"{path} is not a .safetensors file; weights must have this format.")
    if (path / FILE_NAME).is_file() and not (path / "registry.yaml").is_file():
        return _from_weights(path / FILE_NAME, how, source=source)
    entry = folder_entry(path)
    require_consent(Path(entry.source), trust)
    return _from_entry(entry, how, **options)


def _from_weights(path: Path, how: _How, source: str) -> "Method":
    """Load weights without a registry entry; their metadata name the method, which must be installed."""
    entry = method_entry(str(read_config(path).get("method")))
    model = Model(title=printable(path.stem), summary=f"weights from {printable(source)}")
    return _build(entry.model_copy(update={"name": source, "model": model, "source": source}), path, how)


def _build(entry: Entry, path: Path | None, how: _How) -> "Method":
    from hub.runtime import choose_device, choose_dtype

    config, tensors = read_weights(path, entry.method_ids) if path else ({}, {})
    place = choose_device(how.device)
    plugin = plugin_of(entry)
    dtype = choose_dtype(how.dtype, place, entry.method.half)
    method: Method = plugin(entry, place, dtype, sha256_of(path) if path else entry.model.sha256, how.compile)
    try:
        method.setup(config, tensors)
    except StylehubError:
        raise
    except Exception as error:
        advice = "" if path or entry.model.variants else " Its entry names no weights; add them if it needs some."
        what = f"{entry.name} cannot be set up: its setup raised {type(error).__name__}: {error}."
        raise RegistryError(" ".join(f"{what}{advice}".split())) from error
    return method


def plugin_of(entry: Entry) -> "type[Method]":
    """The class of ``entry``. Raises ``RegistryError`` unless it is a complete ``hub.Method``."""
    from hub.method import Method

    plugin = plugin_class(entry)
    if not (isinstance(plugin, type) and issubclass(plugin, Method)):
        raise RegistryError(f"{entry.method.plugin} of {entry.source} is not a hub.Method; derive the class from it.")
    if missing := sorted(getattr(plugin, "__abstractmethods__", ())):
        raise RegistryError(f"{entry.method.plugin} of {entry.source} has no {' and no '.join(missing)}; write it.")
    return plugin
