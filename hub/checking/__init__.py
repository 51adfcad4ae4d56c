"""The contract of a method, as rules: ``stylehub check`` runs them, and so do the tests, over every built-in model.

With pytest, on a method of your own:

    @pytest.mark.parametrize("rule", rules("./my-method", trust=True), ids=str)
    def test_contract(rule):
        rule()
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from hub.checking.calls import CALLS
from hub.checking.case import Broken, Case, LeftOut, make_photo, needed
from hub.checking.description import DESCRIPTION
from hub.checking.devices import DEVICES
from hub.checking.importing import imports
from hub.cli.flags import parse
from hub.entries import Entry, folder_entries
from hub.errors import ParameterError, RegistryError, StylehubError
from hub.folders import require_consent
from hub.loading import FILE_NAME, load
from hub.method import Method
from hub.registry import info, plugins

__all__ = (
    "CALLS", "DESCRIPTION", "DEVICES", "Broken", "Case", "Finding", "LeftOut", "Rule", "check", "models_of", "rules",
)  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """One rule for one model. A call raises ``StylehubError`` if it is broken, ``LeftOut`` if it does not apply."""

    name: str
    says: str
    check: Callable[[], None]

    def __call__(self) -> None:
        self.check()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Finding:
    """The result of a rule: ``why`` it is broken or left out, and the ``seconds`` that it took."""

    rule: str
    says: str
    result: Literal["ok", "broken", "left out"]
    why: str
    seconds: float


def rules(name: str | Path, *, trust: bool = False, **parameters: Any) -> list[Rule]:
    """The rules for the model ``name``, as ``hub.load`` takes it; of a folder with several models the rules for each.

    A model is loaded once, by the first rule that needs it. ``parameters``: what the method is called with, where the
    first style or a painting made by rule do not serve.
    """
    models = models_of(name)
    found = [(model, _rules(_Model(model, trust, parameters=parameters))) for model in models]
    several = len(models) > 1
    return [replace(r, name=f"{Path(model).name}: {r.name}") if several else r for model, of in found for r in of]


def models_of(name: str | Path) -> list[str]:
    """The models that ``name`` stands for: those of an installed plugin or of a folder, or itself alone.

    Raises ``UnknownName``, and ``RegistryError`` for a plugin that is left out.
    """
    for plugin in plugins():
        if plugin.name == str(name):
            if plugin.fault:
                raise RegistryError(f"The plugin {name} does not load: {plugin.fault}")
            return [entry.name for entry in plugin.entries]
    with suppress(RegistryError):  # the rule of the entry says it
        if not _is_weights(str(name)) and info(name).external and Path(name).expanduser().is_dir():
            entries = folder_entries(name)
            return [str(Path(name, entry.name)) for entry in entries] if len(entries) > 1 else [str(name)]
    return [str(name)]


def check(name: str | Path, *, trust: bool = False, words: Sequence[str] = ()) -> Iterator[Finding]:
    """Apply every rule to one model; the rest is not tried when its code does not import or load.

    ``words``: what the method is called with, as flags. Raises ``ParameterError`` or ``UnknownName`` for wrong ones.
    """
    model = _Model(str(name), trust, words=words)
    result: Literal["ok", "broken", "left out"]
    for rule in _rules(model):
        result, why, start = "ok", "", time.perf_counter()
        try:
            rule()
        except LeftOut as error:
            result, why = "left out", str(error)
        except StylehubError as error:
            result, why = "broken", str(error)
        except Exception as error:  # code of others may raise anything
            result, why = "broken", " ".join(f"{type(error).__name__}: {error}".split())
        yield Finding(rule.name, rule.says, result, why, time.perf_counter() - start)
        if result == "broken" and (rule.name in ("imports", "loads") or not model.is_described):
            return
        if rule.name == "loads":
            assert model.case  # here a wrong word is said, which is no rule's fault


def _rules(model: "_Model") -> list[Rule]:
    def of(rule: Callable[[Any], None], subject: Callable[[], Any]) -> Rule:
        says = (rule.__doc__ or "").replace("``", "").strip()
        return Rule(rule.__name__.replace("_", " "), says, lambda: rule(subject()))

    about = [of(rule, lambda: model.entry) for rule in DESCRIPTION]
    code = [of(imports, lambda: model.trusted_entry), of(loads, lambda: model)]
    return [*about, *code, *(of(rule, lambda: model.case) for rule in (*CALLS, *DEVICES))]


def loads(model: "_Model") -> None:
    """It loads on the CPU, with its weights, if it has some."""
    assert model.method


class _Model:
    """What the rules are applied to, made when it is first asked for."""

    def __init__(
        self, name: str, trust: bool, *, words: Sequence[str] = (), parameters: Mapping[str, Any] = {}
    ) -> None:
        self.name, self.trust, self.words, self.parameters = name, trust, words, parameters
        self.loading = partial(load, name, trust=trust, styles=[])

    @cached_property
    def entry(self) -> Entry:
        if _is_weights(self.name):
            raise LeftOut("these are weights of an installed method, which has its own entry")
        return info(self.name)

    @property
    def is_described(self) -> bool:
        """Whether the entry can be read at all."""
        return _is_weights(self.name) or "entry" in vars(self)

    @property
    def trusted_entry(self) -> Entry:
        if self.entry.external:
            require_consent(Path(self.entry.source), self.trust)
        return self.entry

    @cached_property
    def method(self) -> Method:
        return self.loading(device="cpu")

    @cached_property
    def case(self) -> Case:
        given, rest = parse(self.method.Parameters, self.words)
        if rest:
            raise ParameterError(f"{rest[0]!r} is not a flag; the check makes its own photo.")
        self._temporary = TemporaryDirectory()  # until the model is let go of
        folder = Path(self._temporary.name)
        parameters = needed(self.method, folder) | given | dict(self.parameters)
        return Case(self.method, parameters, make_photo(), folder, self.loading)


def _is_weights(name: str) -> bool:
    """Whether ``hub.load`` takes ``name`` for weights without an entry of their own."""
    path = Path(name).expanduser()
    alone = (path / FILE_NAME).is_file() and not (path / "registry.yaml").is_file()
    return name.startswith("hf://") or path.is_file() or alone
