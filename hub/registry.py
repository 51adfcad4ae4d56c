"""The registry of methods and their trained models: pure data, read without importing torch.

It has three sources: the built-in ``registry.yaml``; the ``registry.yaml`` of every installed package in the entry-point
group ``stylehub.methods``; and a folder given to ``hub.load("./folder")``.
"""

import hashlib
import os
from functools import cache, partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from hub.errors import RegistryError, UnknownName
from hub.names import resolve
from hub.weights.spec import FileHash, Repository, WeightsSpec

NAME = "^[a-z0-9]+(-[a-z0-9]+)*$"
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=64)]
DottedPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
Task = Literal["single", "fusion", "arbitrary", "depth", "photo"]
Input = Literal["content", "style-names", "style-images", "mask", "depth"]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Described = TypeVar("Described", bound=_Data)


class Paper(_Data):
    """The paper that a method implements."""

    title: str
    authors: str
    year: int
    url: Annotated[str, StringConstraints(pattern=r"^https://")]


class Variant(FileHash):
    """One style of a model that has one weights file per style; the file is named after the style."""

    title: str
    artist: str = ""
    year: str = ""


class Model(_Data):
    """A trained model of a method: one weights file, one file per style, or no file if the method needs no weights."""

    title: str
    summary: str
    offered: bool = True  # whether the app shows it; false for models kept only for comparison
    weights: WeightsSpec | None = None
    repository: Repository | None = None  # where the files of the variants are
    variants: dict[Name, Variant] = Field(default_factory=dict, description="styles with files of their own")

    @model_validator(mode="after")
    def _one_kind_of_weights(self) -> Self:
        if bool(self.variants) != bool(self.repository) or (self.variants and self.weights):
            raise ValueError("give weights, or variants and their repository, or neither")
        return self

    def file(self, variant: str) -> WeightsSpec:
        """The weights file of one style."""
        assert self.repository
        known = self.variants[variant]
        return WeightsSpec(
            **dict(self.repository), filename=f"{variant}.safetensors", sha256=known.sha256, bytes=known.bytes
        )

    @property
    def files(self) -> list[WeightsSpec]:
        """All weights files."""
        return [self.weights] if self.weights else [self.file(name) for name in self.variants]

    @property
    def licenses(self) -> list[str]:
        """The licences of the weights, each once."""
        return list(dict.fromkeys(file.license for file in self.files))

    @property
    def sha256(self) -> str | None:
        """The hash of the weights file; for several files, the hash of their names and hashes."""
        if not self.variants:
            return self.weights.sha256 if self.weights else None
        lines = "".join(f"{name} {variant.sha256}\n" for name, variant in self.variants.items())
        return hashlib.sha256(lines.encode()).hexdigest()


class MethodEntry(_Data):
    """A method as ``registry.yaml`` describes it."""

    plugin: DottedPath = Field(description="module:Class of the hub.Method")
    training: DottedPath | None = Field(None, description="module:Class of the hub.training.TrainingTask")
    adding: DottedPath | None = Field(None, description="module:Class that learns one more style")
    tasks: tuple[Task, ...] = Field(min_length=1)
    inputs: tuple[Input, ...] = Field(min_length=1)
    tiling: Literal["exact", "approximate", "none"]
    half: bool = Field(description="runs in bfloat16 and float16")
    weights_of: Name | None = Field(None, description="another method whose weights it uses")
    iterative: bool = Field(False, description="works for minutes, step by step, and reports previews on the way")
    code_license: str
    paper: Paper
    models: dict[Name, Model] = Field(min_length=1)


class Part(_Data):
    """A network or function that methods share, such as the perceptual network."""

    title: str
    provides: DottedPath | None = Field(None, description="module:function that the hub itself calls")
    training: DottedPath | None = Field(None, description="module:Class of the hub.training.TrainingTask")
    weights: WeightsSpec | None = None


class Entry(_Data):
    """One model with its method, as ``hub.list`` and ``hub.info`` return it."""

    name: str
    method_id: str
    model: Model
    method: MethodEntry
    root: Path | None = Field(description="the folder that bundled weights are relative to")
    source: str = Field(description="where the entry comes from")
    external: bool = Field(False, description="its code is in a folder, not installed, and needs the user's consent")

    @property
    def slug(self) -> str:
        """The name as an identifier, for endpoints and tools."""
        return self.name.replace("-", "_")

    @property
    def tasks(self) -> tuple[str, ...]:
        return self.method.tasks

    @property
    def method_ids(self) -> tuple[str, ...]:
        """The methods whose weights it accepts: its own, and the one that it shares weights with."""
        return (self.method_id, self.method.weights_of) if self.method.weights_of else (self.method_id,)


PACKAGE_ROOT = Path(__file__).resolve().parent.parent


def list_models(task: str | None = None) -> list[Entry]:
    """All models that ``hub.load`` knows by name, or those for one ``task`` (single, fusion, ...)."""
    entries = _catalogue()
    if task is not None:
        resolve(task, get_args(Task), "task")
    return [entry for entry in entries.values() if task is None or task in entry.tasks]


def info(name: str) -> Entry:
    """The entry of the model ``name``. Raises ``UnknownName`` with the nearest names."""
    entries = _catalogue()
    return entries[resolve(name, entries, "model")]


def method_entry(method_id: str) -> Entry:
    """An entry of the method ``method_id``, which a ``config.json`` or ``stylehub train`` names."""
    by_method = {entry.method_id: entry for entry in _catalogue().values()}
    try:
        return by_method[resolve(method_id, by_method, "method")]
    except UnknownName as error:
        raise UnknownName(f"{error} If the method is in another package, install that first.") from None


def refresh() -> None:
    """Read the catalogue again at its next use, with newly installed packages."""
    _catalogue.cache_clear()


@cache
def parts() -> dict[str, Part]:
    """The shared parts of the built-in registry, by name."""
    return {
        name: _checked(Part, fields, _built_in(), f"parts.{name}")
        for name, fields in _read(_built_in()).get("parts", {}).items()
    }


def read_registry(path: Path, root: Path, source: str, external: bool = False) -> list[Entry]:
    """The entries of one ``registry.yaml``. Raises ``RegistryError`` that names the field at fault."""
    entries = []
    entry_of = partial(Entry, root=root, source=source, external=external)
    for method_id, fields in _read(path)["methods"].items():
        method = _checked(MethodEntry, fields, path, str(method_id))
        for name, model in method.models.items():
            entries.append(entry_of(name=name, method_id=str(method_id), model=model, method=method))
    return entries


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RegistryError(f"{path} does not exist; a method folder or package needs a registry.yaml.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise RegistryError(f"{path} is not readable YAML ({' '.join(str(error).split())}).") from None
    sections = data.values() if isinstance(data, dict) else ()
    if (
        not isinstance(data, dict)
        or "methods" not in data
        or not set(data) <= {"methods", "parts"}
        or not all(isinstance(section, dict) for section in sections)
    ):
        raise RegistryError(f"{path} must hold a mapping 'methods' and may hold a mapping 'parts', nothing else.")
    return data


def _checked(kind: type[Described], fields: Any, path: Path, where: str) -> Described:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RegistryError(f"{path}: {'.'.join(map(str, (where, *first['loc'])))} is wrong: {first['msg']}.") from None


def _built_in() -> Path:
    installed = Path(__file__).resolve().parent / "registry.yaml"  # in a wheel
    return installed if installed.is_file() else PACKAGE_ROOT / "registry.yaml"


@cache
def _catalogue() -> dict[str, Entry]:
    entries = read_registry(_built_in(), PACKAGE_ROOT, "stylehub")
    if os.environ.get("STYLEHUB_PLUGINS", "1") != "0":
        for point in entry_points(group="stylehub.methods"):
            spec = find_spec(point.value.partition(":")[0].partition(".")[0])
            if spec is None or not spec.submodule_search_locations:
                raise RegistryError(
                    f"The installed plugin {point.name!r} points to {point.value!r}, which is not a package; "
                    "uninstall it, or set STYLEHUB_PLUGINS=0 to switch plugins off."
                )
            folder = Path(next(iter(spec.submodule_search_locations)))
            entries += read_registry(folder / "registry.yaml", folder, f"package {point.name}")
    catalogue: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in catalogue:
            first = catalogue[entry.name].source
            raise RegistryError(f"Both {first} and {entry.source} have a model {entry.name!r}; uninstall one of them.")
        catalogue[entry.name] = entry
    return catalogue
