"""The manifest of a run, one line of JSON per photo, so that a long run can continue without opening every result.

The metadata in each picture are authoritative; the manifest only caches them, with the file's size and time. If these
disagree, the picture is read again. So a lost line, or a deleted manifest, costs only time.
"""

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hub.errors import ImageError
from hub.weights import sha256_of

NAME = "manifest.jsonl"
SOURCE = "photo_sha256"  # in the metadata of a result: the contents of its photo

Source = list[Any]  # size, times of its contents and of the file in nanoseconds, sha256


class Manifest:
    """``manifest.jsonl`` in the output folder, open for appending from any thread.

    A line is written in one piece after its picture, so a killed run loses at most one line; a cut-off line is ignored
    and removed here. The last line about a result counts. Raises ``ImageError`` if the file cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / NAME
        self._done: dict[str, dict[str, Any]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
            self._read()
        except OSError as error:
            raise self._refused(error) from error

    def __enter__(self) -> "Manifest":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def has(self, target: Path, recipe: Mapping[str, Any], photo: Path | None = None) -> bool:
        """Whether neither ``target`` nor ``photo`` has changed since the manifest noted them."""
        line = self._done.get(self._place(target))
        if line is None or line["recipe"] != fingerprint(recipe):
            return False
        state = _state(target)
        unchanged = state is not None and [line["bytes"], line["modified"]] == state
        return unchanged and (photo is None or line["source"] is None or is_source(photo, line["source"]))

    def done(self, photo: Path, target: Path, recipe: Mapping[str, Any], source: Source | None = None) -> None:
        """Note that ``target`` was made by ``recipe`` from ``photo`` when it was ``source``."""
        size, modified = _state(target) or (None, None)  # None if somebody has removed it already
        self._append(photo, target, recipe, status="done", error=None, bytes=size, modified=modified, source=source)

    def failed(self, photo: Path, target: Path, recipe: Mapping[str, Any], error: str) -> None:
        """Note that ``photo`` could not be stylised, and why; the next run tries again."""
        self._append(photo, target, recipe, status="failed", error=error)

    def _place(self, target: Path) -> str:
        return target.relative_to(self.folder).as_posix()

    def _read(self) -> None:
        end, line, whole = 0, b"\n", True
        with self.path.open("rb") as lines:
            for line in lines:
                whole = self._read_line(line)
                if whole or line.endswith(b"\n"):
                    end += len(line)
        if not line.endswith(b"\n"):
            self._file.truncate(end)
            if whole:  # only the newline is missing
                self._file.write(b"\n")

    def _read_line(self, line: bytes) -> bool:
        """Note a line; False if it is cut off, damaged or not ours."""
        try:
            self._note(json.loads(line))
        except (ValueError, TypeError, KeyError, RecursionError):
            return False
        return True

    def _append(self, photo: Path, target: Path, recipe: Mapping[str, Any], **state: Any) -> None:
        line = {"photo": str(photo), "output": self._place(target), **state}
        line |= {"recipe": fingerprint(recipe), "weights": recipe.get("weights")}
        # ASCII escapes can hold even a file name that is not valid Unicode.
        data = json.dumps(line).encode("ascii") + b"\n"
        try:
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise self._refused(error) from error
        self._note(line)

    def _note(self, line: dict[str, Any]) -> None:
        if line["status"] == "done":
            state = {name: line[name] for name in ("recipe", "bytes", "modified")}
            self._done[line["output"]] = state | {"source": line.get("source")}
        else:
            self._done.pop(line["output"], None)

    def _refused(self, error: OSError) -> ImageError:
        reason = error.strerror or error
        return ImageError(f"{self.path} cannot be written ({reason}); free some space or choose another folder.")


def source_of(photo: Path) -> Source:
    """What tells whether ``photo`` is still the same file."""
    state = photo.stat()
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns, sha256_of(photo)]


def is_source(photo: Path, source: Source) -> bool:
    """Whether ``photo`` is as it was; if its size or a time differs, its contents decide."""
    state = photo.stat()
    times = [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
    return times == source[:-1] or sha256_of(photo) == source[-1]


def same_recipe(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two pictures were made in the same way, by any version of stylehub.

    Older results do not say which contents their files had; then the names decide.
    """
    first, second = _instructions(one), _instructions(other)
    if not ("files" in first and "files" in second):
        first.pop("files", None)
        second.pop("files", None)
    return first == second


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """The sha256 of a recipe, equal for recipes that ``same_recipe`` calls equal."""
    return hashlib.sha256(json.dumps(_instructions(recipe), sort_keys=True).encode()).hexdigest()


def _instructions(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in recipe.items() if name not in ("stylehub", "remarks", SOURCE)}


def _state(path: Path) -> list[int] | None:
    """Size and time of a file; None if it does not exist."""
    try:
        state = path.stat()
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]
