"""The registry: every method and model that is installed, as data, read without importing torch.

Its sources are the built-in ``registry.yaml``, that of every installed package in the entry-point group
``stylehub.methods``, and that of a folder given to ``hub.load("./folder")``.
"""

import logging
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

from hub.entries import (
    NAME,
    Entry,
    Model,
    Part,
    Task,
    checked_fields,
    folder_entries,
    folder_entry,
    is_path,
    read_registry,
    read_sections,
)
from hub.errors import RegistryError, UnknownName
from hub.names import resolve
from hub.plugins import Plugin, installed, named_class

__all__ = (
    "NAME", "PACKAGE_ROOT", "Entry", "Model", "include", "info", "leave_out", "list_models", "method_entry", "parts",
    "plugins", "provided", "refresh",
)  # fmt: skip

PACKAGE_ROOT = Path(__file__).resolve().parent.parent

logger = logging.getLogger(__name__)


def list_models(task: str | None = None) -> list[Entry]:
    """All models that ``hub.load`` knows by name, or those for one ``task`` (single, fusion, ...)."""
    entries = _catalogue().entries
    if task is not None:
        resolve(task, get_args(Task), "task")
    return [entry for entry in entries.values() if task is None or task in entry.tasks]


def info(name: str | Path) -> Entry:
    """The entry of the model ``name``, or of a method in ``./folder`` (``./folder/model``), whose code does not run.

    Raises ``UnknownName`` with the nearest names, ``RegistryError`` for a folder without a good ``registry.yaml``.
    """
    if is_path(name):
        return folder_entry(name)
    entries = _catalogue().entries
    try:
        return entries[resolve(str(name), entries, "model")]
    except UnknownName as error:
        is_folder = name and Path(name).is_dir()
        raise (UnknownName(f"{error} To use the folder, write ./{name}.") if is_folder else error) from None


def method_entry(method_id: str) -> Entry:
    """An entry of the method ``method_id``, which a ``config.json`` or ``stylehub train`` names."""
    by_method = {entry.method_id: entry for entry in list_models()}
    try:
        return by_method[resolve(method_id, by_method, "method")]
    except UnknownName as error:
        raise UnknownName(f"{error} If the method is in another package, install that first.") from None


def include(folder: Path) -> None:
    """Add the methods of ``folder``, whose code the user trusts, to the catalogue of this process.

    Raises ``RegistryError`` for a name that is taken.
    """
    entries, new = _catalogue().entries, tuple(folder_entries(folder))
    if fault := _clash(new, entries):
        raise RegistryError(f"{folder} cannot be added: {fault}")
    entries |= {entry.name: entry for entry in new}


def leave_out(name: str) -> None:
    """Take the model ``name`` out of the catalogue of this process."""
    del _catalogue().entries[name]


def plugins() -> list[Plugin]:
    """The installed packages that add methods, with the fault of each one that is left out."""
    return list(_catalogue().plugins)


def refresh() -> None:
    """Read the catalogue again at its next use, with newly installed packages."""
    _catalogue.cache_clear()


@cache
def parts() -> dict[str, Part]:
    """The shared parts of the built-in registry, by name."""
    path = built_in()
    return {
        name: checked_fields(Part, fields, path, f"parts.{name}")
        for name, fields in read_sections(path).get("parts", {}).items()
    }


def provided(part: str) -> Any:
    """The function that a ``part`` of the registry provides, such as depth estimation. Raises ``RegistryError``."""
    path = parts()[part].provides if part in parts() else None
    if path is None:
        raise RegistryError(f"No part of registry.yaml provides {part!r}; reinstall stylehub.")
    return named_class(path)


@dataclass(frozen=True)
class _Catalogue:
    entries: dict[str, Entry]  # by the name of the model
    plugins: tuple[Plugin, ...]


@cache
def _catalogue() -> _Catalogue:
    entries = {entry.name: entry for entry in read_registry(built_in(), PACKAGE_ROOT, "stylehub")}
    found = []
    for plugin in installed():
        fault = plugin.fault or _clash(plugin.entries, entries)
        if not fault:
            entries |= {entry.name: entry for entry in plugin.entries}
        found.append(replace(plugin, fault=fault))
    if left_out := [plugin.name for plugin in found if plugin.fault]:
        logger.warning("Left out, as `stylehub plugins` explains: %s", ", ".join(left_out))
    return _Catalogue(entries, tuple(found))


def _clash(new: tuple[Entry, ...], known: dict[str, Entry]) -> str | None:
    """Why ``new`` entries cannot stand beside ``known`` ones: a model, or a method of another source, of the same name."""
    sources = {entry.method_id: entry.source for entry in known.values()} | dict.fromkeys(parts(), "stylehub")
    for entry in new:
        if entry.name in known:
            return f"{known[entry.name].source} has a model {entry.name!r} too; rename one, or uninstall it."
        if entry.method_id in sources:
            return f"{sources[entry.method_id]} has a method {entry.method_id!r} too; rename one, or uninstall it."
    return None


def built_in() -> Path:
    """The ``registry.yaml`` of stylehub itself."""
    installed = Path(__file__).resolve().parent / "registry.yaml"  # in a wheel
    return installed if installed.is_file() else PACKAGE_ROOT / "registry.yaml"
