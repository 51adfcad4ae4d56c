"""Put freshly trained weights beside their method, and write their size and sha256 into its ``registry.yaml``."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hub.entries import folder_entries
from hub.errors import RegistryError, WeightsError
from hub.publishing.entry_text import set_fields
from hub.registry import PACKAGE_ROOT, built_in, info, parts
from hub.weights import WeightsSpec, read_config, sha256_of


class Place(NamedTuple):
    """Where an entry tells of a file of weights: the ``registry.yaml``, the keys in it, and the folder it counts from."""

    registry: Path
    keys: Sequence[str]
    root: Path
    spec: WeightsSpec
    methods: tuple[str, ...] = ()  # whose weights it accepts; none: any, of a part


def place_of(name: str) -> Place:
    """The place of ``name``: a model, ``model/style`` of a model with a file for each style, a part, or ``./folder``.

    Raises ``RegistryError`` for one without weights.
    """
    keys: tuple[str, ...]
    if name in parts():
        spec, keys, registry, root = parts()[name].weights, ("parts", name, "weights"), built_in(), PACKAGE_ROOT
        methods: tuple[str, ...] = ()
    else:
        in_folder = name.startswith((".", "~", "/"))
        model, _, style = (name, "", "") if in_folder else name.partition("/")
        entry = folder_entries(model)[0] if in_folder else info(model)
        root, methods = entry.root or PACKAGE_ROOT, entry.method_ids
        registry = built_in() if entry.source == "stylehub" else root / "registry.yaml"
        keys = ("methods", entry.method_id, "models", entry.name)
        if style:
            spec, keys = entry.model.file(style), (*keys, "variants", style)
        else:
            spec, keys = entry.model.weights, (*keys, "weights")
    if spec is None or spec.folder is None:
        raise RegistryError(f"{name} has no `weights:` with a `folder:` in {registry}; add them first.")
    return Place(registry, keys, root, spec, methods)


def bundle(source: Path, name: str) -> Path:
    """Copy ``source/{model.safetensors, config.json}`` to where the entry of ``name`` says, and return that file.

    Of a model with a file for each style the configuration lies in the file's metadata alone. Raises ``RegistryError``,
    and ``WeightsError`` for weights of another method.
    """
    place = place_of(name)
    weights = source / "model.safetensors"
    made = read_config(weights).get("method")
    if place.methods and made not in place.methods:
        wanted = " or ".join(place.methods)
        raise WeightsError(
            f"{weights} holds weights of {made}, not of {wanted}; choose the folder of another training."
        )
    target = place.root / str(place.spec.folder) / place.spec.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(weights, target)
    if place.keys[-1] == "weights":
        shutil.copyfile(source / "config.json", target.with_name("config.json"))
    set_fields(place.registry, place.keys, {"sha256": sha256_of(target), "bytes": target.stat().st_size})
    return target
