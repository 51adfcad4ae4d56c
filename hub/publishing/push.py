"""Push what is bundled to the model hub, in one commit, and write that commit into the entry."""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hub import __version__
from hub.checking import description
from hub.checking.case import LeftOut
from hub.entries import Entry
from hub.errors import RegistryError, StylehubError
from hub.publishing.bundle import Place, entry_of, place_of
from hub.publishing.entry_text import set_fields, with_fields
from hub.registry import parts
from hub.weights import WeightsSpec, sha256_of
from hub.weights.spec import REPO_ID

# What a repository of weights holds: no code, and nothing that runs as it is read.
SHARED = {".safetensors", ".json", ".md", ".txt", ".jpg", ".jpeg", ".png", ".webp", ".cube"}
LICENSES = {"LICENSE", "NOTICE"}
NAMES = "write owner/name with letters, digits, '-', '_' and '.'."


class PushError(StylehubError):
    """A push that cannot be made; the message says so where something was written all the same."""


@dataclass(frozen=True)
class Push:
    """One commit: ``files`` by their path in the repository, and where the commit is noted, if somewhere."""

    repo_id: str
    files: Mapping[str, Path | bytes]
    message: str
    kind: Literal["model", "space"] = "model"
    place: Place | None = None
    exists: bool = False  # whether the repository is known to be ours
    left_out: tuple[str, ...] = ()  # what lies beside the files and stays here

    def __post_init__(self) -> None:
        """Refuse a name that no entry may have."""
        if not re.fullmatch(REPO_ID, self.repo_id):
            raise PushError(f"{self.repo_id!r} is not a repository; {NAMES}")


def of_model(name: str, to: str | None = None) -> Push:
    """The push of a model, a shared part, or the method in ``./folder``: what its folder of weights holds, but no code.

    Raises ``PushError`` if its entry, its weights or its card is not whole, or if it has no repository.
    """
    place, message = _with_weights(name), f"stylehub {__version__}: {name.rstrip('/').rpartition('/')[2]}"
    repo_id = to or place.spec.repo_id
    if repo_id is None:
        raise PushError(f"{name} names no repository; give one with --to owner/name.")
    if place.entry:
        _require_whole(place.entry)
    every = {path.relative_to(place.folder).as_posix(): path for path in _files(place.folder)}
    files: dict[str, Path | bytes] = {name: path for name, path in every.items() if _is_shared(path, place.folder)}
    if "README.md" not in files:
        raise PushError(f"{place.folder} has no README.md; write the card first.")
    for spec in place.entry.model.files if place.entry else [place.spec]:
        _require_pinned(spec, files, place)
    known = repo_id == place.spec.repo_id and bool(place.spec.revision)
    return Push(repo_id, files, message, place=place, exists=known, left_out=tuple(sorted(every.keys() - files.keys())))


def _with_weights(name: str) -> Place:
    if name not in parts() and not (entry := entry_of(name)).model.files:
        raise PushError(
            f"{entry.name} has no weights, and code is never pushed; share it as a package, as `stylehub new --package` "
            "begins one."
        )
    return place_of(name)


def _require_whole(entry: Entry) -> None:
    for rule in (description.entry, description.weights, description.card):
        try:
            rule(entry)
        except LeftOut:
            continue
        except StylehubError as error:
            verb = "are" if rule is description.weights else "is"
            raise PushError(f"The {rule.__name__} of {entry.name} {verb} not whole: {error}") from error


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(p.startswith(".") or p == "__pycache__" for p in path.relative_to(folder).parts):
            yield path


def _is_shared(path: Path, folder: Path) -> bool:
    """Whether a file goes to the hub: no code, and nothing behind a link out of the folder."""
    return (path.suffix.lower() in SHARED or path.name in LICENSES) and path.resolve().is_relative_to(folder.resolve())


def _require_pinned(spec: WeightsSpec, files: Mapping[str, Path | bytes], place: Place) -> None:
    """Raise ``PushError`` unless the file of ``spec`` is among ``files``, as the entry pins it."""
    file = files.get(spec.filename)
    if not isinstance(file, Path):
        raise PushError(f"{place.folder} has no file {spec.filename}, or a link out of the folder; put it there.")
    if sha256_of(file) != spec.sha256:
        raise PushError(f"{file} is not the file that {place.registry} pins; put it there by `stylehub bundle`.")


def send(push: Push, *, token: str | None = None, endpoint: str | None = None, overwrite: bool = False) -> str:
    """Make the commit, write it into the entry, and return it: 40 hexadecimal digits.

    A repository with files is refused unless the entry names it with a commit, or with ``overwrite``; so is one that
    somebody else changes meanwhile. Raises ``PushError``.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    if push.place:
        _note(push, "0" * 40, write=False)
    api = HfApi(endpoint=endpoint, token=token, library_name="stylehub", library_version=__version__)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    with _hub_errors(push, endpoint or "the model hub"):
        options: dict[str, Any] = {"space_sdk": "gradio"} if push.kind == "space" else {}
        api.create_repo(push.repo_id, repo_type=push.kind, exist_ok=True, **options)
        before: Any = api.repo_info(push.repo_id, repo_type=push.kind)
        if {file.rfilename for file in before.siblings or ()} - {".gitattributes"} and not (push.exists or overwrite):
            raise PushError(
                f"{push.repo_id} exists already; add to it with --overwrite, or choose another name with --to."
            )
        operations = [CommitOperationAdd(name, path) for name, path in push.files.items()]
        commit = api.create_commit(
            push.repo_id, operations, commit_message=push.message, repo_type=push.kind, parent_commit=before.sha
        ).oid
    if push.place:
        _note(push, commit)
    return commit


def _note(push: Push, commit: str, *, write: bool = True) -> None:
    """Write ``commit`` into the entry, or only see whether that can be done. Raises ``PushError``."""
    assert push.place
    registry, keys, fields = push.place.registry, push.place.keys, {"repo_id": push.repo_id, "revision": commit}
    try:
        if write:
            set_fields(registry, keys, fields)
        elif with_fields(registry, keys, fields) and not os.access(registry.parent, os.W_OK):
            raise PushError(
                f"{registry} could not take the commit, since its folder cannot be written; nothing was pushed."
            )
    except (OSError, RegistryError) as error:
        if not write:
            raise PushError(f"{error} Nothing was pushed.") from None
        raise PushError(
            f"{push.repo_id} has the commit {commit} now, but {registry} cannot be written ({error}); "
            "write it there yourself, as `revision:`."
        ) from error


@contextmanager
def _hub_errors(push: Push, hub: str) -> Iterator[None]:
    """Turn the errors of the hub client into ``PushError``. The client raises many kinds, of libraries of its own too."""
    try:
        yield
    except PushError:
        raise
    except Exception as error:
        raise PushError(f"{push.repo_id} could not be pushed: {_advice(error, push, hub)}") from error


def _advice(error: BaseException, push: Push, hub: str) -> str:
    from huggingface_hub import errors

    while error.__cause__ and not hasattr(error, "response"):  # that of an upload wraps what the hub answered
        error = error.__cause__
    status = getattr(getattr(error, "response", None), "status_code", None)
    first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    match error:
        case errors.LocalTokenNotFoundError():
            return "there is no token; run `hf auth login`, or give --token."
        case errors.OfflineModeIsEnabled():
            return "offline mode is on; unset HF_HUB_OFFLINE."
        case errors.HFValidationError():
            return NAMES
        case _ if status == 401:
            return "the token is missing or not valid; run `hf auth login`, or give --token."
        case _ if status == 403:
            return f"the token may not write to {push.repo_id}; use one with the right to write, or another owner."
        case _ if status in (409, 412):
            return "somebody else pushed to it meanwhile; look at what is there, then push again."
        case _ if status is not None:
            return f"{hub} answered with status {status} ({first_line}); try again later."
        case OSError() if error.strerror:
            return f"{error.strerror}; check the files."
    return (
        f"{hub} cannot be reached ({first_line}); check the network, or give another --endpoint. To one without Xet storage "
        "HF_HUB_DISABLE_XET=1 uploads large files."
    )
