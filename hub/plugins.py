"""Import the class that a dotted path in the registry names, from installed code or from a folder."""

import hashlib
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from hub.errors import RegistryError
from hub.registry import Entry, parts


def plugin_class(entry: Entry, dotted_path: str | None = None) -> Any:
    """The class that ``entry`` (or another ``dotted_path`` of it) names. Raises ``RegistryError`` if it does not load."""
    dotted_path = dotted_path or entry.method.plugin
    try:
        if entry.external and entry.root:
            module_name, _, class_name = dotted_path.partition(":")
            return getattr(_folder_module(entry.root, module_name), class_name)
        return named_class(dotted_path)
    except Exception as error:  # a foreign module may raise anything during import
        at = f"The method {entry.method_id!r} of {entry.source} points to {dotted_path}"
        raise RegistryError(f"{at}, which does not load: {error}.") from error


def named_class(dotted_path: str) -> Any:
    """The class or function at ``module:name`` of installed code."""
    module_name, _, class_name = dotted_path.partition(":")
    return getattr(import_module(module_name), class_name)


def provided(part: str) -> Any:
    """The function that a ``part`` of the registry provides, such as depth estimation. Raises ``RegistryError``."""
    path = parts()[part].provides if part in parts() else None
    if path is None:
        raise RegistryError(f"No part of registry.yaml provides {part!r}; reinstall stylehub.")
    return named_class(path)


def _folder_module(root: Path, name: str) -> Any:
    """Module ``name`` of the folder ``root``, imported under a package name unique to the folder."""
    package = "stylehub_folder_" + hashlib.sha256(str(root).encode()).hexdigest()[:12]
    if package not in sys.modules:
        module = ModuleType(package)
        module.__path__ = [str(root)]
        sys.modules[package] = module
    return import_module(f"{package}.{name}")
