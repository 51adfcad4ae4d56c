"""Find weights in the cache, in the package or on the hub, and check their size and sha256."""

import errno
import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict, Unpack

from hub import __version__
from hub.errors import DownloadError, WeightsError
from hub.files import user_cache
from hub.weights.spec import COMMIT, WeightsSpec
from hub.weights.tensors import sha256_of

logger = logging.getLogger(__name__)


class Fetching(TypedDict, total=False):
    """How to download, for the hub client; ``endpoint`` is a mirror, ``offline`` makes no request."""

    cache_dir: Path | str | None
    token: str | bool | None
    offline: bool | None
    endpoint: str | None


def find_weights(
    spec: WeightsSpec,
    *,
    root: Path | None,
    owner: str = "stylehub",
    revision: str | None = None,
    **fetching: Unpack[Fetching],
) -> Path:
    """Return a checked local file: from the hub cache, else bundled under ``root``, else downloaded.

    Size and sha256 are checked once per file; a bad copy in the cache is deleted and downloaded again. The pinned size
    and hash do not apply to another commit (``revision``), which only ``read_safetensors`` and ``load_strict`` check.
    ``owner``: whose file it is, for messages.

    Raises ``DownloadError`` if the download fails; ``WeightsError`` if the size or hash is wrong, the bundled copy is
    damaged, ``revision`` is not a full commit, or the repository does not exist yet.
    """
    commit, cache_dir = revision or spec.revision, fetching.get("cache_dir")
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
            mend = f"Install {owner} again; your own weights belong there by `stylehub bundle`."
            raise WeightsError(f"{bundled} is damaged, or not the file of its entry: it {fault}. {mend}")
        return bundled

    if spec.repo_id is None or commit is None:
        advice = (
            f"the bundled {bundled} is missing, so install {owner} again"
            if bundled
            else "give the path of a local copy"
        )
        raise WeightsError(
            f"{spec.repo_id or spec.filename} cannot be downloaded: its repository does not exist on the hub yet; {advice}."
        )
    for _ in range(2):
        path = fetch_repository(spec.repo_id, commit, [spec.filename], **fetching) / spec.filename
        fault = _fault(path, spec, cache_dir) if pinned else None
        if fault is None:
            return path
        _discard(path, fault)
    raise WeightsError(
        f"{spec.filename} of {spec.repo_id} was downloaded twice but differs from the registry: it {fault}. "
        "Try another endpoint, or report it to the owner of the method."
    )


def cached_weights(spec: WeightsSpec, cache_dir: Path | str | None = None) -> Path | None:
    """The file of ``spec`` if it is in the cache with the right size and hash; makes no request."""
    if spec.revision is None:
        return None
    path = _cached(spec, spec.revision, cache_dir)
    return path if path and _fault(path, spec, cache_dir) is None else None


def fetch_repository(
    repo_id: str,
    revision: str,
    filenames: Sequence[str],
    *,
    largest: int | None = None,
    **fetching: Unpack[Fetching],
) -> Path:
    """Download the named files of a repository at a full commit and return their folder.

    Their hashes are not known: read them with ``read_safetensors``. Raises ``DownloadError`` if the download fails and
    ``WeightsError`` if ``revision`` is not a full commit, or if a file has more than ``largest`` bytes.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    _require_commit(revision)
    cache_dir, endpoint, token = fetching.get("cache_dir"), fetching.get("endpoint"), fetching.get("token")
    for filename in filenames:
        with _hub_errors(repo_id, revision, filename, endpoint):
            known = try_to_load_from_cache(repo_id, filename, cache_dir=cache_dir, revision=revision)
            if largest and not fetching.get("offline") and not isinstance(known, str):
                address = hf_hub_url(repo_id, filename, revision=revision, endpoint=endpoint)
                if (size := get_hf_file_metadata(address, token=token).size or 0) > largest:
                    raise WeightsError(
                        f"{filename} of {repo_id} has {size:,} bytes, more than {largest:,}; it is refused."
                    )
            path = hf_hub_download(
                repo_id,
                filename,
                revision=revision,
                cache_dir=cache_dir,
                token=token,
                endpoint=endpoint,
                local_files_only=bool(fetching.get("offline")),
                library_name="stylehub",
                library_version=__version__,
            )
    return Path(path).parents[filename.count("/")]


def _require_commit(revision: str) -> None:
    if not COMMIT.fullmatch(revision):
        raise WeightsError(
            f"revision={revision!r} is refused because a branch or tag can change: give the full commit, 40 hex digits, "
            "from the repository's history."
        )


def _fault(path: Path, spec: WeightsSpec, cache_dir: Path | str | None) -> str | None:
    """The fault of a file, or None. A correct file gets an empty stamp file, so that it is hashed only once."""
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
    """Delete a bad file of the hub cache: its link in ``snapshots/`` and the blob inside the cache."""
    logger.warning("%s %s; it is removed from the cache.", path, fault)
    cache = next(parent for parent in path.parents if parent.name == "snapshots").parent.parent.resolve()
    blob = path.resolve()
    try:
        path.unlink(missing_ok=True)
        if blob.is_relative_to(cache):
            blob.unlink(missing_ok=True)
    except OSError as error:
        raise WeightsError(f"{path} {fault} and cannot be removed ({error.strerror}): delete it yourself.") from error


def _cached(spec: WeightsSpec, revision: str, cache_dir: Path | str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    if spec.repo_id is None:
        return None
    with _hub_errors(spec.repo_id, revision, spec.filename, None):
        path = try_to_load_from_cache(spec.repo_id, spec.filename, cache_dir=cache_dir, revision=revision)
    return Path(path) if isinstance(path, str) else None


@contextmanager
def _hub_errors(repo_id: str, revision: str, filename: str, endpoint: str | None) -> Iterator[None]:
    """Turn the errors of the hub client into ``DownloadError``.

    It catches ``Exception`` because an interrupted transfer raises errors of httpx, httpx2 or hf_xet, which we do not
    import.
    """
    try:
        yield
    except WeightsError:
        raise
    except Exception as error:
        advice = _advice(error, repo_id, revision, endpoint or "the model hub")
        raise DownloadError(f"{filename} of {repo_id} could not be downloaded: {advice}") from error


def _advice(error: BaseException, repo_id: str, revision: str, hub: str) -> str:
    """The cause and what to do next, as the end of a sentence."""
    from huggingface_hub import errors

    looked_locally = isinstance(error, errors.LocalEntryNotFoundError)  # its cause says why no request was made
    reason = error.__cause__ if looked_locally else error
    status = getattr(getattr(reason, "response", None), "status_code", None)
    first_line = next(iter(str(reason).strip().splitlines()), type(reason).__name__)
    match reason:
        case None | errors.OfflineModeIsEnabled():
            return (
                "it is not in the cache and offline mode is on; drop --offline (offline=True) or unset HF_HUB_OFFLINE."
            )
        case errors.GatedRepoError():
            return f"it is gated; accept the terms at https://huggingface.co/{repo_id}, then pass token=."
        case errors.RepositoryNotFoundError():
            return f"{hub} does not have this repository; check the name, and pass token= if it is private."
        case errors.RevisionNotFoundError():
            return f"the repository has no commit {revision}; check the revision."
        case errors.EntryNotFoundError():
            return f"the repository does not have this file at commit {revision}; check the file name and the revision."
        case errors.HFValidationError():
            return "the repository or file name is malformed; write owner/name with letters, digits, '-', '_' and '.'."
        case errors.LocalTokenNotFoundError():
            return "token=True needs a saved token; run 'hf auth login' or pass token=."
        case errors.FileMetadataError():
            return f"{hub} does not answer like a Hugging Face hub; check endpoint= and any proxy or firewall."
        case _ if status in (401, 403):
            return f"{hub} denies access ({status}); check the name of the repository and pass a valid token=."
        case _ if status is not None:
            return f"{hub} answered with status {status}; try again later or pass another endpoint=."
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return "no space is left on the device; free some, or pass cache_dir= on another disk."
        case OSError(errno=errno.EACCES | errno.EPERM | errno.EROFS):
            return f"the cache cannot be written ({first_line}); pass a writable folder as cache_dir=."
        case _ if looked_locally:
            return f"{hub} is unreachable ({first_line}); check the network, or pass another endpoint=."
    return f"the transfer was interrupted ({first_line}); check the network and try again."
