"""The rule of the house: imports go down only, and what lies below knows no method by its name."""

import ast
from pathlib import Path

import pytest

import hub
from hub.registry import list_models

ROOT = Path(hub.__file__).parent.parent
FACES = (
    "space",
    "hub.cli",
    "hub.batch",
    "hub.checking",
    "hub.deep",
    "hub.evaluation",
    "hub.provenance",
    "hub.publishing",
    "hub.scaffold",
    "hub.threads",
    "hub.trainer",
    "hub.__main__",
)


def layer(module: str) -> int:
    """0 for what people see, then the methods, what methods share, and at the bottom the core of the hub."""
    if module == "hub" or module.startswith(FACES):  # the package hands on the public names of all rooms
        return 0
    if module.startswith("methods"):
        return 2 if module.startswith("methods.parts") else 1
    return 3


def imported(path: Path) -> set[str]:
    """Every module of ours that ``path`` imports, inside of functions and for types alone too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.partition(".")[0] in ("hub", "methods", "space")}


def sources() -> dict[str, Path]:
    files = [path for top in ("hub", "methods", "space") for path in sorted((ROOT / top).rglob("*.py"))]
    return {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in files}


@pytest.mark.parametrize("module", sources())
def test_imports_go_down_only(module: str) -> None:
    up = {name for name in imported(sources()[module]) if layer(name) < layer(module)}
    assert not up, f"{module} imports {sorted(up)}, which lies above it"


def test_no_circle_inside_of_the_core() -> None:
    core = {module: path for module, path in sources().items() if layer(module) == 3}
    below = {module: at_run_time(path, core) - {module} for module, path in core.items()}
    while done := [module for module, others in below.items() if not others & set(below)]:
        for module in done:
            del below[module]
    assert not below, f"these import one another: {sorted(below)}"


def at_run_time(path: Path, core: dict[str, Path]) -> set[str]:
    """The modules of the core that ``path`` imports, without those for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in core else node.module)
    return found & set(core)


def test_neither_hub_nor_the_parts_name_a_method() -> None:
    names = {e.name for e in list_models()} | {e.method_id for e in list_models()}
    for module, path in sources().items():
        if layer(module) == 1 or module.startswith("space"):
            continue
        texts = [n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)]
        named = {text for text in texts if isinstance(text, str) and (text in names or text.startswith("methods."))}
        assert not named, f"{module} names {sorted(named)}"
