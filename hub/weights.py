"""Weights: found in the cache, in the package or on the hub; checked by size and sha256; safetensors in and out.

Nothing heavy is imported until it is needed, so that listing methods stays fast.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub import __version__
from hub.errors import DownloadError, WeightsError
from hub.files import user_cache, write_whole

if TYPE_CHECKING:
    from torch import Tensor, nn

COMMIT = re.compile("[0-9a-f]{40}")
LARGEST_HEADER = 10_000_000
# Parts of letters, digits, '_', '-' and inner dots: no '..', no leading '/', no backslash, no drive.
_PART = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
_PATH = f"{_PART}(/{_PART})*"

logger = logging.getLogger(__name__)

Config = TypeVar("Config", bound=BaseModel)


class File(BaseModel):
    """What a file must contain to the byte."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int | None = Field(None, gt=0, description="left out where only the hash is known")


class Repository(BaseModel):
    """Where files are published.

    Without a ``revision`` the repository does not exist yet and only the bundled copy is used: ``folder``, relative
    to the package's root, in the layout of its repository (README.md, config.json, model.safetensors).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    repo_id: Annotated[str, Field(pattern=f"^{_PART}/{_PART}$")] | None = None
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None = None
    license: str = Field(min_length=1)
    folder: Annotated[str, Field(pattern=f"^{_PATH}$")] | None = None

    @model_validator(mode="after")
    def _revision_of_something(self) -> Self:
        if self.revision and not self.repo_id:
            raise ValueError("a revision needs the repo_id it belongs to")
        return self


class WeightsSpec(Repository, File):
    """Which file of a repository a registry entry stands on."""

    filename: str = Field("model.safetensors", pattern=rf"^{_PATH}\.safetensors$")


# --- Finding and checking


def find_weights(
    spec: WeightsSpec,
    *,
    root: Path | None,
    revision: str | None = None,
    cache_dir: Path | str | None = None,
    token: str | bool | None = None,
    offline: bool | None = None,
    endpoint: str | None = None,
) -> Path:
    """Return a checked local file: from the hub cache, else bundled under ``root``, else downloaded.

    Size and sha256 are compared once per file; a bad copy in the cache is deleted and fetched again. ``revision``
    asks for another commit than the pinned one: the pinned size and hash do not apply to it and only what
    ``read_safetensors`` and ``load_strict`` check remains. ``offline`` makes no request.

    Raises ``DownloadError`` when the hub does not deliver, ``WeightsError`` when the file is not the promised one,
    the bundled copy is damaged, ``revision`` is not a full commit, or there is no repository yet.
    """
    commit = revision or spec.revision
    pinned = commit == spec.revision
    if commit is not None:
        _require_commit(commit)
        cached = _cached(spec, commit, cache_dir)
        if cached is not None:
            fault = _fault(cached, spec, cache_dir) if pinned else None
            if fault is None:
                return cached
            _discard(cached, fault)

    bundled = root / spec.folder / spec.filename if root and spec.folder and pinned else None
    if bundled and bundled.is_file():
        fault = _fault(bundled, spec, cache_dir)
        if fault:
            raise WeightsError(f"The installation is damaged, reinstall stylehub: {bundled} {fault}.")
        return bundled

    if spec.repo_id is None or commit is None:
        missing = f" and the bundled {bundled} is missing, reinstall stylehub" if bundled else ""
        raise WeightsError(
            f"{spec.repo_id or spec.filename} cannot be downloaded: its repository does not exist on the hub yet"
            f"{missing or ', so give the path of a local copy'}."
        )
    for _ in range(2):
        folder = fetch_repository(
            spec.repo_id, commit, [spec.filename], cache_dir=cache_dir, token=token, offline=offline, endpoint=endpoint
        )
        path = folder / spec.filename
        fault = _fault(path, spec, cache_dir) if pinned else None
        if fault is None:
            return path
        _discard(path, fault)
    raise WeightsError(
        f"{spec.filename} of {spec.repo_id} was downloaded twice and is not what the registry promises: it {fault}. "
        "Try another endpoint, or report it to the owner of the method."
    )


def cached_weights(spec: WeightsSpec, cache_dir: Path | str | None = None) -> Path | None:
    """The file of ``spec`` if it was downloaded before and is what it should be; makes no request."""
    if spec.revision is None:
        return None
    path = _cached(spec, spec.revision, cache_dir)
    return path if path and _fault(path, spec, cache_dir) is None else None


def fetch_repository(
    repo_id: str,
    revision: str,
    filenames: Sequence[str],
    *,
    cache_dir: Path | str | None = None,
    token: str | bool | None = None,
    offline: bool | None = None,
    endpoint: str | None = None,
) -> Path:
    """Download the named files of a repository at a full commit and return the folder that holds them.

    No hash is known for them: read what comes back with ``read_safetensors``. Raises ``DownloadError`` when the hub
    does not deliver and ``WeightsError`` when ``revision`` is not a full commit.
    """
    from huggingface_hub import hf_hub_download

    _require_commit(revision)
    for filename in filenames:
        with _hub_errors(repo_id, revision, filename, endpoint):
            path = hf_hub_download(
                repo_id,
                filename,
                revision=revision,
                cache_dir=cache_dir,
                token=token,
                endpoint=endpoint,
                local_files_only=bool(offline),
                library_name="stylehub",
                library_version=__version__,
            )
    return Path(path).parents[filename.count("/")]


def sha256_of(path: Path) -> str:
    """Return the hash of a file as 64 hex digits. Raises ``WeightsError`` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path and its permissions.") from error


def network_sha256(network: nn.Module) -> str:
    """The hash of a network's numbers as they are shipped, in float16, and of their names: 64 hex digits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode() + tensor.half().cpu().numpy().tobytes())
    return digest.hexdigest()


def _require_commit(revision: str) -> None:
    if not COMMIT.fullmatch(revision):
        raise WeightsError(
            f"revision={revision!r} is refused because a branch or tag can change under one's feet: "
            "give the full commit, 40 hex digits, as the repository's history shows it."
        )


def _fault(path: Path, spec: WeightsSpec, cache_dir: Path | str | None) -> str | None:
    """Say what is wrong with a file. One found right leaves an empty stamp file, so that it is hashed only once."""
    facts = path.stat()
    identity = f"{path.resolve()}\n{facts.st_size}\n{facts.st_mtime_ns}\n{spec.sha256}"
    folder = Path(cache_dir) / ".stylehub-verified" if cache_dir else user_cache() / "verified"
    stamp = folder / hashlib.sha256(os.fsencode(identity)).hexdigest()
    with suppress(OSError):
        if spec.bytes in (None, facts.st_size) and stamp.exists():
            return None
    found = sha256_of(path)
    if found != spec.sha256 or spec.bytes not in (None, facts.st_size):
        promised = "" if spec.bytes is None else f"{spec.bytes:,} bytes with "
        return f"has {facts.st_size:,} bytes with sha256 {found} instead of {promised}sha256 {spec.sha256}"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        stamp.touch()
    return None


def _discard(path: Path, fault: str) -> None:
    """Delete a bad file of the hub cache: its link in ``snapshots/`` and, inside the cache, the blob behind it."""
    logger.warning("%s %s; it is removed from the cache.", path, fault)
    cache = next(parent for parent in path.parents if parent.name == "snapshots").parent.parent.resolve()
    blob = path.resolve()
    try:
        path.unlink(missing_ok=True)
        if blob.is_relative_to(cache):
            blob.unlink(missing_ok=True)
    except OSError as error:
        raise WeightsError(f"{path} {fault}, and cannot be removed ({error.strerror}): delete it yourself.") from error


# --- The hub client and its errors


def _cached(spec: WeightsSpec, revision: str, cache_dir: Path | str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    if spec.repo_id is None:
        return None
    with _hub_errors(spec.repo_id, revision, spec.filename, None):
        path = try_to_load_from_cache(spec.repo_id, spec.filename, cache_dir=cache_dir, revision=revision)
    return Path(path) if isinstance(path, str) else None


@contextmanager
def _hub_errors(repo_id: str, revision: str, filename: str, endpoint: str | None) -> Iterator[None]:
    """Turn what the hub client raises into ``DownloadError``.

    It catches ``Exception`` on purpose: errors of its HTTP library (httpx or httpx2, by version) and of hf_xet leak
    when a transfer breaks off, and neither is ours to import.
    """
    try:
        yield
    except Exception as error:
        advice = _advice(error, repo_id, revision, endpoint or "the model hub")
        raise DownloadError(f"{filename} of {repo_id} could not be fetched: {advice}") from error


def _advice(error: BaseException, repo_id: str, revision: str, hub: str) -> str:
    """Say in half a sentence what went wrong and what to do next."""
    from huggingface_hub import errors

    looked_locally = isinstance(error, errors.LocalEntryNotFoundError)  # its cause says why it did not look further
    reason = error.__cause__ if looked_locally else error
    status = getattr(getattr(reason, "response", None), "status_code", None)
    first_line = next(iter(str(reason).strip().splitlines()), type(reason).__name__)
    match reason:
        case None | errors.OfflineModeIsEnabled():
            return (
                "it is not in the cache and offline mode is on; drop offline=True (--offline) or unset HF_HUB_OFFLINE."
            )
        case errors.GatedRepoError():
            return f"it is gated; accept the terms at https://huggingface.co/{repo_id}, then pass token=."
        case errors.RepositoryNotFoundError():
            return f"{hub} knows no such repository; check the name, and if it is private pass token=."
        case errors.RevisionNotFoundError():
            return f"the repository has no commit {revision}; check the revision."
        case errors.EntryNotFoundError():
            return f"the repository has no such file at commit {revision}; check the file name and the revision."
        case errors.HFValidationError():
            return "the repository or file name is malformed; write owner/name with letters, digits, '-', '_' and '.'."
        case errors.LocalTokenNotFoundError():
            return "token=True was asked for but none is saved; run 'hf auth login' or pass token=."
        case errors.FileMetadataError():
            return f"{hub} does not answer like a Hugging Face hub; check endpoint= and any proxy or firewall."
        case _ if status in (401, 403):
            return f"{hub} denies access ({status}); check the name of the repository and pass a valid token=."
        case _ if status is not None:
            return f"{hub} answered with status {status}; try again later or pass another endpoint=."
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return "no space is left on the device; free some, or pass cache_dir= on another disk."
        case OSError(errno=errno.EACCES | errno.EPERM | errno.EROFS):
            return f"the cache cannot be written ({first_line}); pass cache_dir= with a folder of yours."
        case _ if looked_locally:
            return f"{hub} is unreachable ({first_line}); check the network, or pass another endpoint=."
    return f"the transfer broke off ({first_line}); check the network and try again."


# --- safetensors


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors onto the CPU. Raises ``WeightsError`` for anything but a whole safetensors file."""
    from safetensors.torch import load_file

    with _safetensors_errors(path):
        return load_file(path)


def read_metadata(path: Path) -> dict[str, str]:
    """Read the text that lies beside the tensors. Raises ``WeightsError`` as ``read_safetensors`` does."""
    from safetensors import safe_open

    with _safetensors_errors(path), safe_open(path, "pt") as file:
        return dict(file.metadata() or {})


@contextmanager
def _safetensors_errors(path: Path) -> Iterator[None]:
    """Check the start of the file before the library sees it, then turn the library's errors into ``WeightsError``."""
    try:
        with path.open("rb") as file:
            start, size = file.read(9), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    if size == 0:
        raise WeightsError(f"{path} is empty: fetch it again.")
    header = int.from_bytes(start[:8], "little")
    if start[8:] != b"{" or header > min(size - 8, LARGEST_HEADER):
        if start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05"):
            raise WeightsError(
                f"{path} is a pickle, which can run code and is never opened: ask for the weights as safetensors."
            )
        raise WeightsError(f"{path} is not a whole safetensors file (its header is wrong or cut off): fetch it again.")
    try:
        yield
    except Exception as error:  # SafetensorError mostly; a dtype unknown to this torch surfaces as something else
        raise WeightsError(f"{path} is damaged or cut off ({error}): fetch it again.") from error


def read_config(path: Path) -> dict[str, Any]:
    """The configuration that our weights carry in their own metadata, so that the two can never be mixed up.

    Raises ``WeightsError`` for a file that has none.
    """
    try:
        config = json.loads(read_metadata(path)["config"])
    except (KeyError, ValueError, RecursionError):
        raise WeightsError(f"{path} was not written by stylehub: its metadata has no configuration.") from None
    if not isinstance(config, dict):
        raise WeightsError(f"{path} was not written by stylehub: its configuration is no mapping.")
    return config


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] = {}) -> None:
    """Write tensors and text so that ``path`` is at any moment the whole old file or the whole new one.

    Tensors are detached, made contiguous, brought to the CPU, and cloned where they share memory. ``format: pt`` is
    always among the metadata: other loaders insist on it. Raises ``WeightsError`` when the file cannot be written.
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
        # not save_file: it leaves files that only their owner can read
        write_whole(path, save(own, dict(metadata) | {"format": "pt"}))
    except OSError as error:
        raise WeightsError(
            f"{path} could not be written ({error.strerror}): free some space or choose another folder; "
            "a file that was there before is unchanged."
        ) from error


def write_model(folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """A folder that ``hub.load`` reads: ``model.safetensors``, its configuration in the metadata and as ``config.json``.

    Numbers are stored as float16; what needs more is not for this function.
    """
    halves = {name: tensor.half() for name, tensor in tensors.items()}
    write_safetensors(folder / "model.safetensors", halves, {"config": json.dumps(config)})
    text = json.dumps(config, indent=2, ensure_ascii=False)
    write_whole(folder / "config.json", f"{text}\n".encode())


def checked_config(kind: type[Config], config: Mapping[str, Any], source: str) -> Config:
    """What weights say of themselves as a ``kind``. Raises ``WeightsError`` naming the field at fault."""
    try:
        return kind.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WeightsError(
            f"{source}: the weights' configuration is wrong at {where} ({first['msg']}); get them again."
        ) from None


def check_finite(tensors: Mapping[str, Tensor], path: Path | str) -> None:
    """Raise ``WeightsError`` naming the first tensor that holds NaN or infinity."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise WeightsError(
                f"{path} is not usable: its tensor {name!r} holds NaN or infinity; fetch or train it again."
            )


def load_strict(module: nn.Module, tensors: Mapping[str, Tensor], source: Path | str) -> None:
    """Put tensors into a module whose names and shapes they match exactly, converted to the module's dtypes.

    Raises ``WeightsError`` and leaves the module as it was when a name is missing or unexpected, a shape differs, or
    a value is not finite in the module's dtype; ``source`` is what the message calls the tensors.
    """
    own: dict[str, Tensor] = module.state_dict()
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
        raise WeightsError(
            f"{source} does not fit {type(module).__name__} ({'; '.join(found)}): give weights made for this method."
        )
    converted = {name: tensors[name].to(tensor.dtype) for name, tensor in own.items()}
    check_finite(converted, source)
    module.load_state_dict(converted, strict=True)
