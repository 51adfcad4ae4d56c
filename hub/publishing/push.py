"""Push what is bundled to the model hub, in one commit, and write that commit into the entry."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hub import __version__
from hub.checking.case import LeftOut
from hub.checking.description import DESCRIPTION
from hub.entries import Entry, folder_entries
from hub.errors import StylehubError
from hub.publishing.bundle import Place, place_of
from hub.publishing.entry_text import set_fields
from hub.registry import info, parts
from hub.weights import sha256_of


class PushError(StylehubError):
    """A push that cannot be made; nothing was written, here or there."""


@dataclass(frozen=True)
class Push:
    """One commit: ``files`` by their path in the repository, and where the commit is noted, if somewhere."""

    repo_id: str
    files: Mapping[str, Path | bytes]
    message: str
    kind: Literal["model", "space"] = "model"
    place: Place | None = None
    exists: bool = False  # whether the repository is known to be there


def of_model(name: str, to: str | None = None) -> Push:
    """The push of a model, a shared part, or the method in ``./folder``: the folder of its weights as it stands.

    Raises ``PushError`` if its entry, its weights or its card is not whole, or if it has no repository.
    """
    place, message = _place(name), f"stylehub {__version__}: {name.rstrip('/').rpartition('/')[2]}"
    repo_id = to or place.spec.repo_id
    if repo_id is None:
        raise PushError(f"{name} names no repository; give one with --to owner/name.")
    folder = place.root / str(place.spec.folder)
    if name not in parts():
        _whole(folder_entries(name)[0] if name.startswith((".", "~", "/")) else info(name))
    files: dict[str, Path | bytes] = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    if "README.md" not in files:
        raise PushError(f"{folder} has no README.md; write the card first.")
    return Push(
        repo_id, files, message, place=place, exists=repo_id == place.spec.repo_id and bool(place.spec.revision)
    )


def _place(name: str) -> Place:
    """Where the entry tells of the weights; of a model with a file for each style where it tells of their repository."""
    entry = None if name in parts() or name.startswith((".", "~", "/")) else info(name)
    if entry and entry.model.variants:
        place = place_of(f"{entry.name}/{next(iter(entry.model.variants))}")
        return place._replace(keys=(*place.keys[:4], "repository"))
    return place_of(entry.name if entry else name)


def _whole(entry: Entry) -> None:
    for rule in DESCRIPTION:
        try:
            rule(entry)
        except LeftOut:
            continue
        except StylehubError as error:
            raise PushError(f"The {rule.__name__} of {entry.name} is not whole: {error}") from error


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(p.startswith(".") or p == "__pycache__" for p in path.relative_to(folder).parts):
            yield path


def send(push: Push, *, token: str | None = None, endpoint: str | None = None, overwrite: bool = False) -> str:
    """Make the commit, write it into the entry, and return it: 40 hexadecimal digits.

    A repository that exists is refused unless the entry names it with a commit, or with ``overwrite``. Raises
    ``PushError``; the entry is then unchanged.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(endpoint=endpoint, token=token, library_name="stylehub", library_version=__version__)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    with _hub_errors(push, endpoint or "the model hub"):
        options: dict[str, Any] = {"space_sdk": "gradio"} if push.kind == "space" else {}
        api.create_repo(push.repo_id, repo_type=push.kind, exist_ok=push.exists or overwrite, **options)
        operations = [CommitOperationAdd(name, path) for name, path in push.files.items()]
        commit = api.create_commit(push.repo_id, operations, commit_message=push.message, repo_type=push.kind).oid
    if push.place:
        set_fields(push.place.registry, push.place.keys, {"repo_id": push.repo_id, "revision": commit} | _facts(push))
    return commit


def _facts(push: Push) -> dict[str, str | int]:
    """Size and hash of the one file of weights, as it was pushed."""
    assert push.place
    if push.place.keys[-1] != "weights":
        return {}
    file = push.place.root / str(push.place.spec.folder) / push.place.spec.filename
    return {"sha256": sha256_of(file), "bytes": file.stat().st_size}


@contextmanager
def _hub_errors(push: Push, hub: str) -> Iterator[None]:
    """Turn the errors of the hub client into ``PushError``. The client raises many kinds, of libraries of its own too."""
    try:
        yield
    except Exception as error:
        raise PushError(f"{push.repo_id} could not be pushed: {_advice(error, push, hub)}") from error


def _advice(error: BaseException, push: Push, hub: str) -> str:
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    match error:
        case errors.LocalTokenNotFoundError():
            return "there is no token; run `hf auth login`, or give --token."
        case errors.OfflineModeIsEnabled():
            return "offline mode is on; unset HF_HUB_OFFLINE."
        case errors.HFValidationError():
            return "write owner/name with letters, digits, '-', '_' and '.'."
        case _ if status == 401:
            return "the token is missing or not valid; run `hf auth login`, or give --token."
        case _ if status == 403:
            return f"the token may not write to {push.repo_id}; use one with the right to write, or another owner."
        case _ if status == 409:
            return "the repository exists already; add to it with --overwrite, or choose another name with --to."
        case _ if status is not None:
            return f"{hub} answered with status {status} ({first_line}); try again later."
        case OSError() if error.strerror:
            return f"{error.strerror}; check the files."
    return f"{hub} cannot be reached ({first_line}); check the network, or give another --endpoint."
