"""Recipes: how the weights of every model that ships were made, as the files of recipes/ tell it.

In a command ``{run}`` is the folder of the run, which has the new weights in ``weights/`` at the end. Every other name in
braces stands for the files that the recipe gives it, or for the bundled weights of another model. Recipes leave out what
depends on the machine alone: precision, loader processes, how often to save.
"""

import re
import shlex
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub.errors import RegistryError
from hub.registry import PACKAGE_ROOT, list_models, parts
from hub.weights import WeightsSpec

RECIPES = PACKAGE_ROOT / "recipes"
RUNS = Path("runs")  # a folder for each recipe
PROGRAMS = ("stylehub", "python")


def _to_train_on(path: str) -> str:
    """Held-out shards lie in the same folders as the others."""
    if "val" in re.split(r"\W", path):
        raise ValueError(f"{path} is held out for measuring; name what to train on")
    return path


Below = Annotated[str, AfterValidator(_to_train_on)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sample(_Data):
    """One picture out of a shard."""

    shard: Below
    member: str


class Recipe(_Data):
    """How the weights of one model are made."""

    makes: str = Field(description="the model, or model/style, as registry.yaml has it")
    data: dict[str, list[Below]] = Field(description="what to learn from, by role, below --data")
    weights: dict[str, Below] = Field(default_factory=dict, description="networks to learn by, below --weights")
    models: list[str] = Field(default_factory=list, description="other models whose bundled weights are needed")
    runs: dict[str, str] = Field(default_factory=dict, description="what other recipes' runs leave, below runs/")
    files: dict[str, dict[str, float] | Sample] = Field(default_factory=dict, description="written into the run first")
    commands: list[str] = Field(min_length=1)
    note: str = Field("", description="what differs from how the bundled weights were really made")

    @model_validator(mode="after")
    def _commands_name_what_is_known(self) -> Self:
        known = {"run", *self.data, *self.weights, *self.models, *self.runs}
        if unknown := sorted(set(re.findall(r"{(.*?)}", " ".join(self.commands))) - known):
            raise ValueError(f"the commands name {{{unknown[0]}}}, which is neither data, weights, a model nor a run")
        if other := [command for command in self.commands if not command.startswith(tuple(f"{p} " for p in PROGRAMS))]:
            raise ValueError(f"{other[0]!r} is no command of {' or '.join(PROGRAMS)}")
        return self

    def needed(self) -> list[tuple[str, str]]:
        """What has to be there: whether it lies below ``data`` or ``weights``, and its path there."""
        files = [file for files in self.data.values() for file in files]
        shards = [content.shard for content in self.files.values() if isinstance(content, Sample)]
        return [
            *(("data", file) for file in dict.fromkeys(files + shards)),
            *(("weights", f) for f in self.weights.values()),
        ]

    def filled(self, data: Path, weights: Path, run: Path, steps: int | None = None) -> list[list[str]]:
        """The words of every command, each training with no more than ``steps``."""
        places = {f"{{{role}}}": [str(data / file) for file in files] for role, files in self.data.items()}
        places |= {f"{{{role}}}": [str(weights / file)] for role, file in self.weights.items()}
        places |= {f"{{{role}}}": [str(RUNS / file)] for role, file in self.runs.items()}
        specs = shipped()
        places |= {f"{{{m}}}": [str(PACKAGE_ROOT / str(specs[m].folder) / specs[m].filename)] for m in self.models}
        return [_shortened(_words(command, places, str(run)), steps) for command in self.commands]


def _words(command: str, places: dict[str, list[str]], run: str) -> list[str]:
    """Split first and filled then, so that a folder may have blanks; of several files each has the flag before it."""
    words: list[str] = []
    for word in shlex.split(command):
        flag = [words.pop()] if word in places and words[-1].startswith("--") else []
        for file in places.get(word, [word.replace("{run}", run)]):
            words += [*flag, file]
    return words


def _shortened(words: list[str], steps: int | None) -> list[str]:
    if steps and "--steps" in words:
        place = words.index("--steps") + 1
        words[place] = str(min(steps, int(words[place])))
    return words


def shipped() -> dict[str, WeightsSpec]:
    """Every file of weights that lies in this repository, by the name of its part, model or model/style."""
    files = {name: part.weights for name, part in parts().items()}
    for entry in list_models():
        if entry.source == "stylehub" and not entry.method.weights_of:
            files[entry.name] = entry.model.weights
            files |= {f"{entry.name}/{style}": entry.model.file(style) for style in entry.model.variants}
    return {name: spec for name, spec in files.items() if spec and spec.folder}


def recipes() -> dict[str, Path]:
    """The file of every recipe, by what it makes."""
    return {path.relative_to(RECIPES).with_suffix("").as_posix(): path for path in sorted(RECIPES.rglob("*.yaml"))}


def read_recipe(path: Path) -> Recipe:
    """The recipe in ``path``. Raises ``RegistryError`` that names the field at fault."""
    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise RegistryError(f"{path} is not readable YAML ({' '.join(str(error).split())}).") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ": ".join([str(path), *filter(None, [".".join(map(str, first["loc"]))])])
        raise RegistryError(f"{where} is wrong: {first['msg'].removeprefix('Value error, ')}.") from None
