"""``stylehub new``: a method that works at once. The templates are real code and real cards, under the name my-method."""

import ast
import keyword
import os
import re
import secrets
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from hub.entries import NAME
from hub.errors import ParameterError
from hub.folders import folder_module
from hub.publishing.entry_text import set_fields
from hub.registry import list_models, parts
from hub.weights import sha256_of, write_model

TEMPLATES = Path(__file__).resolve().parent / "templates"
WIDTH = 16  # of the network whose weights are not trained yet
Task = Literal["single", "fusion", "arbitrary", "depth", "photo"]
_TASKS = {"fusion": "[arbitrary, fusion]", "arbitrary": "[arbitrary]", "depth": "[depth]", "photo": "[photo]"}
_FAR = (  # a method of the task depth works on what is far unless it is told otherwise
    ("from hub.parameters import Parameters\n", "from hub.parameters import Parameters, inherited\n"),
    ("from hub.pictures import Pictures\n", "from hub.pictures import Pictures\nfrom hub.spatial import Where\n"),
    ("    style: Pictures", '    where: Where = inherited(Parameters, "where", "far")\n    style: Pictures'),
)


def new(folder: Path, *, task: Task = "single", weights: bool = False, package: bool = False) -> Path:
    """Write a method named after ``folder`` into it, and return the folder of its code.

    With ``weights`` it has a network, its training, a maker of training data, and weights that are not trained yet. With
    ``package`` it can be installed. Raises ``ParameterError``, before anything is written, for a name that is taken or
    is none, and for a folder that exists.
    """
    name = check_name(folder.name or str(folder), package)
    if weights and task != "single":
        raise ParameterError(f"With weights it is a method for the task single, not {task}; leave out one of the two.")
    if os.path.lexists(folder):
        raise ParameterError(f"{folder} exists; choose another name.")
    module = name.replace("-", "_")
    template = TEMPLATES / ("trained" if weights else "plain" if task == "single" else "pictures")
    if _class_name(name) in _names(template) - {"MyMethod"}:
        raise ParameterError(
            f"{name!r} would name a class {_class_name(name)!r}, which the code has; choose another name."
        )
    draft = folder.parent / f".stylehub-{secrets.token_hex(8)}"
    try:
        code = draft / module if package else draft
        code.mkdir(parents=True)
        _write(template, code, name, task)
        if package:
            (code / f"test_{module}.py").unlink()
            _write(TEMPLATES / "package", draft, name, task)
            _make_package(draft, code, weights)
        if weights:
            _untrained(code, name)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return folder / module if package else folder


def check_name(name: str, package: bool) -> str:
    """``name``, if a method can have it. Raises ``ParameterError``."""
    module = name.replace("-", "_")
    if not re.fullmatch(NAME, name) or not name[0].isalpha() or len(name) > 64:
        raise ParameterError(
            f"{name!r} cannot be the name of a method; use lower-case letters, digits and hyphens, a letter first."
        )
    if keyword.iskeyword(module) or keyword.iskeyword(_class_name(name)):
        raise ParameterError(f"{name!r} is a word of Python; choose another name.")
    taken = {*parts()}.union(*({entry.name, entry.method_id} for entry in list_models()))
    if name in taken:
        raise ParameterError(f"There is a method or model {name!r} already; choose another name.")
    if package and (find_spec(module) is not None or _is_installed(name)):
        raise ParameterError(f"There is a Python package {module!r} already; choose another name.")
    return name


def _is_installed(distribution: str) -> bool:
    """Whether pip would take it for a new version of something else, maybe of stylehub itself."""
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _names(template: Path) -> set[str]:
    """The names that the code of a template uses, which the new class would hide."""
    nodes = [node for path in template.glob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    return {str(getattr(node, "id", getattr(node, "name", ""))) for node in nodes}


def _write(template: Path, target: Path, name: str, task: Task) -> None:
    module = name.replace("-", "_")
    words = {
        "my-method": name,
        "my_method": module,
        "MyMethod": _class_name(name),
        "My method": name.replace("-", " ").capitalize(),
    }
    for source in sorted(path for path in template.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        text = source.read_text(encoding="utf-8")
        if task != "single":
            text = text.replace("tasks: [arbitrary]", f"tasks: {_TASKS[task]}")
        if task == "depth":
            for old, far in _FAR:
                text = text.replace(old, far)
        text = re.sub("|".join(words), lambda found: words[found[0]], text)
        path = target / source.relative_to(template).with_name(source.name.replace("my_method", module))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _make_package(folder: Path, code: Path, weights: bool) -> None:
    """What differs where the method is installed: names in place of paths, and where the tests and the card lie."""
    (code / "__init__.py").write_text('"""A method for stylehub."""\n', encoding="utf-8")
    (folder / "tests").mkdir()
    test = next(folder.glob("test_*.py"))
    test.rename(folder / "tests" / test.name)
    name, changes = code.name.replace("_", "-"), {"plugin: method:": f"plugin: {code.name}.method:"}
    changes |= {"training: training:": f"training: {code.name}.training:", " --trust": ""}
    changes |= {", relative to this folder": "", f"./{name}": name, f"{name}/make_data.py": f"{code.name}/make_data.py"}
    if weights:
        changes[f"{code.name}/README.md"] = f"{code.name}/weights/README.md"
    for path in (code / "registry.yaml", folder / "pyproject.toml", *code.rglob("README.md")):
        text = path.read_text(encoding="utf-8")
        for old, changed in changes.items():
            text = text.replace(old, changed)
        path.write_text(text, encoding="utf-8")


def _untrained(code: Path, name: str) -> None:
    """Weights of a network that has learnt nothing, and their hash in the entry."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network: Any = folder_module(code, "network").Network(WIDTH)
    write_model(code / "weights", network.state_dict(), {"method": name, "width": WIDTH})
    file = code / "weights" / "model.safetensors"
    facts: dict[str, str | int] = {"sha256": sha256_of(file), "bytes": file.stat().st_size}
    set_fields(code / "registry.yaml", ("methods", name, "models", name, "weights"), facts)
