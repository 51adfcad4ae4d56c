"""`stylehub check`: the contract, rule by rule."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.console import print_json
from hub.cli.options import Json, Trust

if TYPE_CHECKING:
    from hub.checking import Finding


def check(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name of `stylehub list` or `stylehub plugins`, or ./folder.")
    ],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="FLAGS...", help="What the method is called with.")
    ] = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Check a method, its entry, its weights and its card against the contract that every model here keeps."""
    found = {name: [_told(finding, as_json) for finding in _check(name, words or [], trust)] for name in _models(model)}
    broken = sum(finding.result == "broken" for findings in found.values() for finding in findings)
    if as_json:
        print_json({name: [asdict(finding) for finding in findings] for name, findings in found.items()})
    else:
        print(f"{broken} rules are broken" if broken else "every rule is kept")
    if broken:
        raise typer.Exit(1)


def _models(name: str) -> list[str]:
    """The models that ``name`` stands for: those of an installed plugin, or itself."""
    from hub.errors import RegistryError
    from hub.registry import plugins

    for plugin in plugins():
        if plugin.name == name:
            if plugin.fault:
                raise RegistryError(f"The plugin {name} does not load: {plugin.fault}")
            return [entry.name for entry in plugin.entries]
    return [name]


def _check(name: str, words: list[str], trust: bool) -> Any:
    from hub.checking import check
    from hub.cli.flags import parse
    from hub.errors import ParameterError
    from hub.loading import load

    given: dict[str, Any] = {}
    if words:
        with redirect_stdout(sys.stderr):
            given, rest = parse(load(name, trust=trust).Parameters, words)
        if rest:
            raise ParameterError(f"{rest[0]!r} is no flag; the photo is made by rule.")
    findings = check(name, trust=trust, **given)
    while True:
        with redirect_stdout(sys.stderr):  # where the code of others may print
            finding = next(findings, None)
        if finding is None:
            return
        yield finding


def _told(finding: "Finding", silent: bool) -> "Finding":
    if not silent:
        why = f"  {finding.why}" if finding.why else ""
        print(f"{finding.result:9} {finding.rule:15} {finding.seconds:6.1f} s{why}", flush=True)
        if finding.result == "broken":
            print(f"{'':35}the rule: {finding.says}")
    return finding
