"""Methods of others: find the installed packages that add methods, and import the classes that entries name.

A package adds methods by an entry point in the group ``stylehub.methods`` that names it; its ``registry.yaml`` lies in the
package's folder. A plugin that is broken is left out alone. ``hub.folders`` is for folders that are not installed.
"""

import os
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hub.entries import Entry, read_registry
from hub.errors import RegistryError, StylehubError
from hub.folders import PREFIX, folder_module

GROUP = "stylehub.methods"


@dataclass(frozen=True)
class Plugin:
    """An installed package that adds methods. With a ``fault`` the hub goes on without it."""

    point: EntryPoint
    folder: Path | None = None
    entries: tuple[Entry, ...] = ()
    fault: str | None = None

    @property
    def name(self) -> str:
        return self.point.name


def installed() -> list[Plugin]:
    """Every installed plugin, in the order of the names; ``STYLEHUB_PLUGINS=0`` switches them off. None is imported."""
    if os.environ.get("STYLEHUB_PLUGINS", "1") == "0":
        return []
    return [_read(point) for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]


def _read(point: EntryPoint) -> Plugin:
    folder = None
    try:
        spec = find_spec(point.value.partition(":")[0].partition(".")[0])
        if spec is None or not spec.submodule_search_locations:
            raise RegistryError(f"Its entry point names {point.value!r}, which is not a package; correct it.")
        folder = Path(next(iter(spec.submodule_search_locations)))
        entries = read_registry(folder / "registry.yaml", folder, f"package {point.name}")
    except Exception as error:  # whatever one plugin has done wrong, the others work
        return Plugin(point, folder, fault=str(error) if isinstance(error, StylehubError) else repr(error))
    return Plugin(point, folder, tuple(entries))


def plugin_class(entry: Entry, dotted_path: str | None = None) -> Any:
    """The class that ``entry`` (or another ``dotted_path`` of it) names. Raises ``RegistryError`` if it does not load."""
    dotted_path = dotted_path or entry.method.plugin
    try:
        if entry.external and entry.root:
            module_name, _, class_name = dotted_path.partition(":")
            return getattr(folder_module(entry.root, module_name), class_name)
        return named_class(dotted_path)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a foreign module may raise anything during import, SystemExit too
        at = f"The method {entry.method_id!r} of {entry.source} points to {dotted_path}"
        raise RegistryError(f"{at}, which does not load: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    """What an import raised, in one line, without the name that we gave to the modules of a folder."""
    plain = isinstance(error, ImportError | SyntaxError)
    text = " ".join(str(error if plain else f"{type(error).__name__}: {error}").split()).rstrip(".:")
    if PREFIX in text:
        before, _, after = text.partition(PREFIX)
        text = before + after.partition(".")[2]
    missing = isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith(PREFIX)
    return f"{text}; install {error.name}" if missing else text  # type: ignore[attr-defined]


def named_class(dotted_path: str) -> Any:
    """The class or function at ``module:name`` of installed code."""
    module_name, _, class_name = dotted_path.partition(":")
    return getattr(import_module(module_name), class_name)
