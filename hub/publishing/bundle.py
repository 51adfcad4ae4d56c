"""Put freshly trained weights beside their method, and write their size and sha256 into its ``registry.yaml``."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hub.entries import Entry, folder_entry
from hub.errors import RegistryError, WeightsError
from hub.files import write_whole
from hub.names import resolve
from hub.publishing.entry_text import set_fields, with_fields
from hub.registry import PACKAGE_ROOT, built_in, info, parts
from hub.weights import WeightsSpec, read_config, sha256_of


class Place(NamedTuple):
    """Where an entry tells of a file of weights: the ``registry.yaml``, the keys in it, and the folder it counts from."""

    registry: Path
    keys: Sequence[str]
    root: Path
    spec: WeightsSpec
    entry: Entry | None  # None: of a part

    @property
    def folder(self) -> Path:
        """Where the file lies."""
        return self.root / str(self.spec.folder)


def entry_of(name: str) -> Entry:
    """The entry of a model, or of ``./folder``; a slash alone makes no path here, see ``place_of``."""
    return folder_entry(name) if _is_folder(name) else info(name)


def place_of(name: str) -> Place:
    """The place of ``name``: a model, ``model/style`` of a model with a file for each style, a part, or ``./folder``.

    Of a model with a file for each style, without the style, where the entry tells of their repository. Raises
    ``RegistryError`` for one without weights, ``UnknownName``.
    """
    if name in parts():
        spec, entry, registry, root = parts()[name].weights, None, built_in(), PACKAGE_ROOT
        keys: tuple[str, ...] = ("parts", name, "weights")
    else:
        model, _, style = (name, "", "") if _is_folder(name) else name.partition("/")
        entry = entry_of(model)
        root = entry.root or PACKAGE_ROOT
        registry = built_in() if entry.source == "stylehub" else root / "registry.yaml"
        variants = entry.model.variants
        if style:
            style = resolve(style, variants, f"style with a file of its own in {model}")
        spec = entry.model.file(style) if style else next(iter(entry.model.files), None)
        keys = ("variants", style) if style else ("repository",) if variants else ("weights",)
        keys = ("methods", entry.method_id, "models", entry.name, *keys)
    if spec is None or spec.folder is None:
        raise RegistryError(f"{name} has no `weights:` with a `folder:` in {registry}; add them first.")
    return Place(registry, keys, root, spec, entry)


def bundle(source: Path, name: str) -> Path:
    """Put ``source/{model.safetensors, config.json}`` where the entry of ``name`` says, and return the file of weights.

    Of a model with a file for each style the configuration lies in the file's metadata alone. Raises ``RegistryError``,
    and ``WeightsError`` for weights of another method, or files that cannot be read or written.
    """
    place = place_of(name)
    if place.keys[-1] == "repository":
        raise RegistryError(f"{name} has a file for each style; say which, such as {name}/{place.spec.filename[:-12]}.")
    weights, target = source / "model.safetensors", place.folder / place.spec.filename
    made = read_config(weights).get("method")
    if place.entry and made not in place.entry.method_ids:
        wanted = " or ".join(place.entry.method_ids)
        raise WeightsError(
            f"{weights} holds weights of {made}, not of {wanted}; choose the folder of another training."
        )
    fields: dict[str, str | int] = {"sha256": sha256_of(weights), "bytes": weights.stat().st_size}
    with_fields(place.registry, place.keys, fields)  # before anything is written
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        copies = {target: weights.read_bytes()}
        if place.keys[-1] == "weights":
            copies[target.with_name("config.json")] = (source / "config.json").read_bytes()
        for path, data in copies.items():
            write_whole(path, data)
        set_fields(place.registry, place.keys, fields)
    except OSError as error:
        what = f"{weights} cannot be put to {target} ({error.strerror}: {error.filename})"
        raise WeightsError(f"{what}; mend that, and bundle again.") from error
    return target


def _is_folder(name: str) -> bool:
    return name.startswith((".", "~", "/"))
