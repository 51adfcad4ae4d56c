"""`stylehub check`: the contract, rule by rule."""

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.console import print_json
from hub.cli.options import Json, Trust, model_names

if TYPE_CHECKING:
    from hub.checking import Finding


def check(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A name of `stylehub list` or `stylehub plugins`, or ./folder.",
            autocompletion=model_names,
        ),
    ],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="FLAGS...", help="What the method is called with.")
    ] = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Check a method, its entry, its weights and its card against the contract that every model here keeps."""
    from hub.checking import models_of

    found: dict[str, list[Finding]] = {}
    models = models_of(model)
    for name in models:
        if len(models) > 1 and not as_json:
            print(name)
        found[name] = [_told(finding, as_json) for finding in _findings(name, words or [], trust)]
    broken = sum(finding.result == "broken" for findings in found.values() for finding in findings)
    if as_json:
        print_json({name: [asdict(finding) for finding in findings] for name, findings in found.items()})
    else:
        print(f"{broken} {'rule is' if broken == 1 else 'rules are'} broken" if broken else "every rule is kept")
    if broken:
        raise typer.Exit(1)


def _findings(name: str, words: list[str], trust: bool) -> "Iterator[Finding]":
    from hub.checking import check

    findings = check(name, trust=trust, words=words)
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
