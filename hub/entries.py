"""What ``registry.yaml`` holds: its fields, and reading it into entries. Data only, read without importing torch."""

import hashlib
import re
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from hub.errors import RegistryError, UnknownName
from hub.names import resolve
from hub.weights.spec import FileHash, Line, Repository, WeightsSpec

CONTRACT = 1  # the version of what a plugin relies on; CONTRIBUTING.md lists it
OLDEST_CONTRACT = 1  # plugins written for an older one are left out
LARGEST = 1_000_000  # bytes of a registry.yaml

NAME = "^[a-z0-9]+(-[a-z0-9]+)*$"
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=64)]
PLUGIN = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
DottedPath = Annotated[str, StringConstraints(pattern=PLUGIN)]
SECURE = "^https://"
Task = Literal["single", "fusion", "arbitrary", "depth", "photo"]
Input = Literal["content", "style-names", "style-images", "mask", "depth"]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Described = TypeVar("Described", bound=_Data)


class Paper(_Data):
    """The paper that a method implements."""

    title: Line
    authors: Line
    year: int
    url: Annotated[str, StringConstraints(pattern=SECURE)]


class Variant(FileHash):
    """One style of a model that has one weights file per style; the file is named after the style."""

    title: Line
    artist: Line = ""
    year: Line = ""


class Model(_Data):
    """A trained model of a method: one weights file, one file per style, or no file if the method needs no weights."""

    title: Line
    summary: Line
    offered: bool = True  # whether the app shows it; false for models kept only for comparison
    quality: Literal["fast", "better", "best"] | None = None  # what the app calls it beside others for the same task
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
    code_license: Line
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
    contract: int = Field(CONTRACT, description="the version of the contract that it was written for")

    @property
    def slug(self) -> str:
        """The name as an identifier, for endpoints and tools."""
        return self.name.replace("-", "_")

    @property
    def address(self) -> str:
        """What ``hub.load`` takes: the name, or of a folder its own name as a path, and the model's if that is another."""
        if not (self.external and self.root):
            return self.name
        return f"./{self.root.name}" + ("" if self.name == self.root.name else f"/{self.name}")

    @property
    def tasks(self) -> tuple[str, ...]:
        return self.method.tasks

    @property
    def method_ids(self) -> tuple[str, ...]:
        """The methods whose weights it accepts: its own, and the one that it shares weights with."""
        return (self.method_id, self.method.weights_of) if self.method.weights_of else (self.method_id,)


_SAID = {
    PLUGIN: "should be module:Class, such as method:Posterize",
    NAME: "should be lower-case letters, digits and hyphens, such as my-method",
    SECURE: "should begin with https://",
}


def read_registry(path: Path, root: Path, source: str, external: bool = False) -> list[Entry]:
    """The entries of one ``registry.yaml``. Raises ``RegistryError`` that names the field at fault."""
    entries: dict[str, Entry] = {}
    data = read_sections(path)
    entry_of = partial(Entry, root=root, source=source, external=external, contract=data["contract"])
    for method_id, fields in data["methods"].items():
        if not re.fullmatch(NAME, str(method_id)):
            raise RegistryError(f"{path}: the name {str(method_id)[:80]!r} of a method is wrong: it {_SAID[NAME]}.")
        method = checked_fields(MethodEntry, fields, path, str(method_id))
        for name, model in method.models.items():
            if name in entries:
                raise RegistryError(f"{path}: two methods have a model {name!r}; rename one of them.")
            entries[name] = entry_of(name=name, method_id=str(method_id), model=model, method=method)
    if not entries:
        raise RegistryError(f"{path} has no methods; describe one, as CONTRIBUTING shows.")
    return list(entries.values())


def read_sections(path: Path) -> dict[str, Any]:
    """The sections of one ``registry.yaml``: ``methods``, maybe ``parts``, and ``contract``, 1 where it is left out."""
    try:
        if path.stat().st_size > LARGEST:
            raise RegistryError(f"{path} is larger than {LARGEST:,} bytes; it holds entries only.")
        # The loader in C is many times faster, and as safe.
        data = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (FileNotFoundError, NotADirectoryError):
        raise RegistryError(f"{path} does not exist; a method folder or package needs a registry.yaml.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise RegistryError(f"{path} is not readable YAML ({' '.join(str(error).split())}).") from None
    if (
        not isinstance(data, dict)
        or "methods" not in data
        or not set(data) <= {"methods", "parts", "contract"}
        or not all(isinstance(data.get(section, {}), dict) for section in ("methods", "parts"))
    ):
        raise RegistryError(
            f"{path} must hold a mapping 'methods', and may hold a number 'contract' and a mapping 'parts', nothing else."
        )
    contract = data.setdefault("contract", 1)
    if type(contract) is not int or contract < 1:
        raise RegistryError(
            f"{path}: contract is wrong: it should be a number, {CONTRACT} for this version of stylehub."
        )
    if not OLDEST_CONTRACT <= contract <= CONTRACT:
        newer = "stylehub" if contract > CONTRACT else "version of the plugin"
        raise RegistryError(
            f"{path} was written for version {contract} of the contract, but this stylehub has version {CONTRACT}; "
            f"install a newer {newer}."
        )
    return data


def checked_fields(kind: type[Described], fields: Any, path: Path, where: str) -> Described:
    """``fields`` as a ``kind``. Raises ``RegistryError`` that names the first field at fault, below ``where``."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    # A misspelt field is also a missing one; what was written says more.
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    field = f"{path}: {'.'.join(map(str, (where, *first['loc'])))}"
    if first["type"] == "extra_forbidden":
        known = {name for part in (MethodEntry, Model, Variant, Paper, WeightsSpec) for name in part.model_fields}
        near = get_close_matches(str(first["loc"][-1]), known, n=1)
        raise RegistryError(
            f"{field} is not a field of an entry; {f'did you mean {near[0]}?' if near else 'remove it.'}"
        )
    if first["type"] == "missing":
        raise RegistryError(f"{field} is missing; add it.")
    pattern = first.get("ctx", {}).get("pattern", "")
    reason = _SAID.get(pattern, first["msg"].removeprefix("Value error, "))
    raise RegistryError(f"{field} is wrong: {reason}.")


def is_path(name: str | Path) -> bool:
    """Whether ``name`` is a path: it begins with a dot or ``~``, or has a slash in it."""
    text = str(name)
    return isinstance(name, Path) or text.startswith((".", "~")) or "/" in text or "\\" in text


def folder_entries(folder: str | Path) -> list[Entry]:
    """The entries of a folder with methods of its own; no code of it runs. Raises ``RegistryError``."""
    path = Path(folder).expanduser()
    return read_registry(path / "registry.yaml", path.resolve(), str(path), external=True)


def folder_entry(address: str | Path) -> Entry:
    """The entry of ``./folder``, its first model, or of ``./folder/model``. Raises ``RegistryError``, ``UnknownName``."""
    path = Path(address).expanduser()
    if path.is_dir():
        return folder_entries(path)[0]
    if path.parent == Path() or not (path.parent / "registry.yaml").is_file():
        raise UnknownName(f"The folder {path} does not exist; check it, or give a name of `stylehub list`.")
    entries = {entry.name: entry for entry in folder_entries(path.parent)}
    return entries[resolve(path.name, entries, "model")]
