"""A method in a folder that is not installed: the user's consent to its code, and importing it.

Consent is remembered by the hash of the code, so that a folder that has changed asks again.
"""

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from hub.errors import ConsentError, StylehubError
from hub.files import user_data, write_whole

PREFIX = "stylehub_folder_"  # the package of a folder's modules is this and a hash


def require_consent(folder: Path, trust: bool) -> None:
    """Raise ``ConsentError`` unless the user trusts the code in ``folder``, now or by ``remember``."""
    known = trusted()
    if trust or code_sha256(folder) in known:
        return
    changed = str(folder.resolve()) in known.values()
    what = "has changed since you trusted it" if changed else "holds code that would run here"
    raise ConsentError(
        f"{folder} {what}; read it, then load it with trust=True (--trust), or `stylehub trust {shlex.quote(str(folder))}` "
        "to be asked again only when it changes."
    )


def trusted() -> dict[str, str]:
    """The code that the user trusts: its hash, and the folder that it was read in."""
    with suppress(OSError, ValueError):
        known = json.loads(_remembered().read_text(encoding="utf-8"))
        return known if isinstance(known, dict) else {}
    return {}


def remember(folder: Path) -> None:
    """Trust the code in ``folder`` as it is now, in place of an older state of it. Raises ``OSError``."""
    _write({code_sha256(folder): str(folder.resolve())} | _others(folder))


def forget(folder: Path) -> bool:
    """No longer trust the code in ``folder``; whether it was trusted. Raises ``OSError``."""
    known, others = trusted(), _others(folder)
    _write(others)
    return others != known


def code_sha256(folder: Path) -> str:
    """The hash of the names and contents of all that can run from ``folder``: its modules and its ``registry.yaml``.

    Raises ``StylehubError`` for a file that cannot be read.
    """
    return _in_all(_hashes(folder))


def folder_module(root: Path, name: str) -> Any:
    """Module ``name`` of the folder ``root``, imported anew after its code has changed."""
    root = root.resolve()
    hashes = _hashes(root)
    package = PREFIX + _sha256_of_text(f"{root}\0{_in_all(hashes)}")[:16]
    if package not in sys.modules:
        module = _Folder(package)
        module.__path__, module.hashes = [str(root)], hashes
        sys.modules[package] = module
        if _Finder not in sys.meta_path:
            sys.meta_path.insert(0, _Finder)
    return import_module(f"{package}.{name}")


def _hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every file that can run from ``folder``, by its path in it."""
    files = [folder / "registry.yaml", *folder.rglob("*.py")]
    named = {path.relative_to(folder): path for path in files if path.is_file()}
    hashes = {}
    for name, path in sorted(named.items()):
        if not any(part.startswith(".") for part in name.parts):
            try:
                with path.open("rb") as file:
                    hashes[name.as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise StylehubError(f"{path} cannot be read ({error.strerror}); check its permissions.") from None
    return hashes


def _in_all(hashes: dict[str, str]) -> str:
    return _sha256_of_text("".join(f"{name}\0{sha256}\n" for name, sha256 in hashes.items()))


def _sha256_of_text(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()  # of any file name


class _Folder(ModuleType):
    """The package of a folder's modules, with the hashes of their files when the folder was first imported."""

    hashes: dict[str, str]


class _Finder:
    """Finds the modules of folders; none behind a link to another folder, whose files the consent does not cover."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if not name.startswith(PREFIX):
            return None
        root = Path(sys.modules[name.partition(".")[0]].__path__[0])
        inside = (place for place in path or () if Path(place).resolve().is_relative_to(root))
        for place in inside:
            if spec := FileFinder(place, (_Source, [".py"])).find_spec(name):
                return spec
        # Not None: Python would then look for itself, also for compiled files.
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class _Source(SourceFileLoader):
    """Reads source only, as it was hashed: a compiled file may hold other code than what the user has read."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        folder, source = sys.modules[fullname.partition(".")[0]], self.get_data(path)
        name = Path(path).parent.resolve().relative_to(folder.__path__[0]) / Path(path).name
        if isinstance(folder, _Folder) and folder.hashes.get(name.as_posix()) != hashlib.sha256(source).hexdigest():
            raise ImportError(f"{path} has changed since the folder was loaded; load it again")
        return self.source_to_code(source, path)


def _others(folder: Path) -> dict[str, str]:
    sha256, place = code_sha256(folder), str(folder.resolve())
    return {known: at for known, at in trusted().items() if known != sha256 and at != place}


def _write(known: dict[str, str]) -> None:
    _remembered().parent.mkdir(parents=True, exist_ok=True)
    write_whole(_remembered(), (json.dumps(known, indent=2) + "\n").encode())


def _remembered() -> Path:
    return user_data() / "trusted.json"
