"""The contract of a method, as rules: ``stylehub check`` runs them, and so do the tests, over every built-in model.

With pytest, on a method of your own:

    @pytest.mark.parametrize("rule", rules("./my-method", trust=True), ids=str)
    def test_contract(rule):
        rule()
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from hub.checking.calls import CALLS
from hub.checking.case import Broken, Case, LeftOut, make_photo, needed
from hub.checking.description import DESCRIPTION
from hub.checking.devices import DEVICES
from hub.checking.importing import imports
from hub.entries import Entry
from hub.errors import StylehubError
from hub.folders import require_consent
from hub.loading import FILE_NAME, load
from hub.registry import info

__all__ = ("CALLS", "DESCRIPTION", "DEVICES", "Broken", "Case", "Finding", "LeftOut", "Rule", "check", "rules")


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
    """What became of a rule: ``why`` it is broken or left out, and the ``seconds`` that it took."""

    rule: str
    says: str
    result: Literal["ok", "broken", "left out"]
    why: str
    seconds: float


def rules(name: str | Path, *, trust: bool = False, **parameters: Any) -> list[Rule]:
    """The rules for the model ``name``, as ``hub.load`` takes it; it is loaded once, by the first rule that needs it.

    ``parameters``: what the method is called with, where the first style or a painting made by rule do not serve.
    """
    model = _Model(name, trust, parameters)

    def of(rule: Callable[[Any], None], subject: Callable[[], Any]) -> Rule:
        says = (rule.__doc__ or "").replace("``", "").strip()
        return Rule(rule.__name__.replace("_", " "), says, lambda: rule(subject()))

    about = [of(rule, lambda: model.entry) for rule in DESCRIPTION]
    code = [of(imports, lambda: model.trusted_entry), of(loads, lambda: model)]
    return [*about, *code, *(of(rule, lambda: model.case) for rule in (*CALLS, *DEVICES))]


def check(name: str | Path, *, trust: bool = False, **parameters: Any) -> Iterator[Finding]:
    """Apply every rule to the model ``name``; the rest is not tried when its code does not import or load."""
    for rule in rules(name, trust=trust, **parameters):
        result: Literal["ok", "broken", "left out"] = "ok"
        why, start = "", time.perf_counter()
        try:
            rule()
        except LeftOut as error:
            result, why = "left out", str(error)
        except StylehubError as error:
            result, why = "broken", str(error)
        except Exception as error:  # code of others may raise anything
            result, why = "broken", " ".join(f"{type(error).__name__}: {error}".split())
        yield Finding(rule.name, rule.says, result, why, time.perf_counter() - start)
        if result == "broken" and rule.name in ("imports", "loads"):
            return


def loads(model: "_Model") -> None:
    """It loads on the CPU, with its weights, if it has some."""
    assert model.case


class _Model:
    """What the rules are applied to, made when it is first asked for."""

    def __init__(self, name: str | Path, trust: bool, parameters: Mapping[str, Any]) -> None:
        self.name, self.trust, self.parameters = name, trust, parameters

    @cached_property
    def entry(self) -> Entry:
        text, path = str(self.name), Path(self.name).expanduser()
        if (
            text.startswith("hf://")
            or path.is_file()
            or ((path / FILE_NAME).is_file() and not (path / "registry.yaml").is_file())
        ):
            raise LeftOut("these are weights of an installed method, which has its own entry")
        return info(self.name)

    @property
    def trusted_entry(self) -> Entry:
        if self.entry.external:
            require_consent(Path(self.name).expanduser(), self.trust)
        return self.entry

    @cached_property
    def case(self) -> Case:
        loading = partial(load, self.name, trust=self.trust, styles=[])
        method = loading(device="cpu")
        self._temporary = TemporaryDirectory()  # until the model is let go of
        folder = Path(self._temporary.name)
        return Case(method, needed(method, folder) | dict(self.parameters), make_photo(), folder, loading)
