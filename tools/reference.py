"""The reference of the command line, from the declarations that ``--help`` is made of: docs/cli.md and README.md.

Nothing here depends on the terminal or on the machine.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import Parameter, getdoc, signature
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from typer.models import ArgumentInfo, CommandInfo, OptionInfo

from hub.cli import app
from hub.cli.flags import rows
from hub.parameters import Parameters
from hub.plugins import named_class, plugin_class
from hub.registry import PACKAGE_ROOT, Entry, parts
from hub.training import TrainingSettings
from tools.card import bundled, card
from tools.drawn import PLACE, table, table_of

HEADINGS = ("word", "range", "default", "what it does")
KINDS = {Path: "path", int: "integer", float: "number", str: "text", bool: ""}


@dataclass(frozen=True)
class Word:
    """An argument or an option of a command."""

    name: str
    names: tuple[str, ...]
    range: str
    default: str
    help: str
    is_option: bool

    @property
    def row(self) -> tuple[str, str, str, str]:
        return ", ".join(f"`{name}`" for name in self.names), self.range, self.default, self.help


@dataclass(frozen=True)
class Command:
    """A command as ``stylehub NAME --help`` tells of it."""

    name: str
    help: str
    epilog: str
    words: tuple[Word, ...]

    @property
    def usage(self) -> str:
        """The command with all that it needs."""
        arguments = [word.names[0] for word in self.words if not word.is_option]
        options = [f"{w.names[-1]} {w.name.upper()}" for w in self.words if w.is_option and w.default == "needed"]
        flags = ["FLAGS..."] if self.epilog else []
        return " ".join(["stylehub", self.name, *arguments, *options, *flags])

    @property
    def summary(self) -> str:
        """The first sentence, without the example in it."""
        return self.help.partition("\n\n")[0].partition(": stylehub ")[0].removesuffix(".")

    @property
    def example(self) -> str:
        """The example in the first sentence, or else the usage."""
        _, found, example = self.help.partition("\n\n")[0].partition(": stylehub ")
        return f"stylehub {example.removesuffix('.')}" if found else self.usage


def commands() -> Iterator[Command]:
    """Every command, in the order of ``stylehub --help``."""
    for info in app.registered_commands:
        assert info.callback
        yield Command(
            name=info.name or info.callback.__name__,
            help=_help(info, info.callback),
            epilog=_plain(info.epilog or ""),
            words=tuple(_words(info.callback)),
        )


def command_table() -> str:
    """For the README: every command with an example."""
    return table(
        ("command", "what it does"),
        [(f"[`{c.example}`](docs/cli.md#stylehub-{c.name})", c.summary) for c in commands()],
    )


def command_reference() -> str:
    """For docs/cli.md: every command with all its words."""
    sections = []
    for command in commands():
        lines = [f"## stylehub {command.name}", "", "```text", command.usage, "```", "", command.help, ""]
        lines += [command.epilog, ""] if command.epilog else []
        sections.append("\n".join([*lines, table(HEADINGS, [word.row for word in command.words])]))
    return "\n\n".join(sections)


def shared_flags() -> str:
    """The flags that every method has, but for those of the place."""
    return table_of(Parameters, without=PLACE)


def own_flags() -> str:
    """The flags that each model has beside the shared ones; its card says what they do."""
    common = {flag for flag, *_ in rows(Parameters)}
    lines = []
    for entry in bundled():
        flags = [f"`{flag}`" for flag, *_ in rows(plugin_class(entry).Parameters) if flag not in common]
        lines.append((f"[`{entry.name}`](../{card(entry).relative_to(PACKAGE_ROOT).as_posix()})", " ".join(flags)))
    return table(("model", "flags of its own"), lines)


def recipe_flags() -> str:
    """What every training takes, and what each recipe adds to it or has another default of."""
    common = rows(TrainingSettings)
    sections = [f"### Every recipe\n\n{_settings(TrainingSettings)}"]
    for command, recipe in _recipes():
        own = [row for row in rows(recipe.Settings) if row not in common]
        sections.append(f"### {command}\n\n{_flag_table(own)}")
    return "\n\n".join(sections)


def model_table() -> str:
    """For the README: every model with its paper, its file and its licence."""
    return table(
        ("model", "what it does", "paper", "file", "licence"),
        [
            (
                f"[`{entry.name}`]({card(entry).relative_to(PACKAGE_ROOT).as_posix()})",
                entry.model.summary,
                f"[{_authors(entry.method.paper.authors)} {entry.method.paper.year}]({entry.method.paper.url})",
                _file(entry),
                ", ".join(entry.model.licenses) or entry.method.code_license,
            )
            for entry in bundled()
        ],
    )


def _recipes() -> Iterator[tuple[str, Any]]:
    seen = set()
    for entry in bundled():
        for command, path in (("train", entry.method.training), ("add-style --model", entry.method.adding)):
            if path and path not in seen:
                seen.add(path)
                name = entry.method_id if command == "train" else entry.name
                yield f"stylehub {command} {name}", plugin_class(entry, path)
    for name, part in parts().items():
        if part.training:
            yield f"stylehub train {name}", named_class(part.training)


def _settings(model: type[BaseModel]) -> str:
    return _flag_table(rows(model))


def _flag_table(lines: list[tuple[str, str, str, str]]) -> str:
    return table(("flag", "range", "default", "what it does"), [(f"`{flag}`", *rest) for flag, *rest in lines])


def _authors(names: str) -> str:
    last = [name.split()[-1] for name in names.split(", ")]
    return f"{last[0]} et al." if len(last) > 2 else " & ".join(last)


def _file(entry: Entry) -> str:
    if entry.method.weights_of:
        return f"that of `{entry.method.weights_of}`"
    sizes = [(file.bytes or 0) / 1e6 for file in entry.model.files]
    if not sizes:
        return "none"
    return f"{sizes[0]:.2f} MB" if len(sizes) == 1 else f"{max(sizes):.2f} MB a style"


def _help(info: CommandInfo, callback: Callable[..., Any]) -> str:
    return _plain(info.help or getdoc(callback) or "")


def _plain(text: str) -> str:
    """``text`` without the escapes that the terminal's markup needs."""
    return text.replace(r"\[", "[").strip()


def _words(callback: Callable[..., Any]) -> Iterator[Word]:
    for parameter in signature(callback).parameters.values():
        kind, declaration = get_args(parameter.annotation)[:2]
        if not declaration.hidden:
            yield _word(parameter, kind, declaration)


def _word(parameter: Parameter, kind: Any, declaration: ArgumentInfo | OptionInfo) -> Word:
    is_option = isinstance(declaration, OptionInfo)
    name = parameter.name.strip("_").replace("_", "-")
    # In an annotation typer takes the first word for the default, which stands in the signature.
    given = [declaration.default] if isinstance(declaration.default, str) else []
    names = (*given, *(declaration.param_decls or ()))
    names = names or (f"--{name}" if is_option else declaration.metavar or name.upper(),)
    return Word(
        name=name,
        names=names,
        range=_range(kind, declaration),
        default=_default(parameter.default),
        help=_plain(declaration.help or ""),
        is_option=is_option,
    )


def _range(kind: Any, declaration: ArgumentInfo | OptionInfo) -> str:
    if get_origin(kind) in (Union, UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    if declaration.min is not None or declaration.max is not None:
        low, high = ("" if bound is None else f"{bound:g}" for bound in (declaration.min, declaration.max))
        return f"{low}..{high}"
    return f"{KINDS[get_args(kind)[0]]}, repeated" if get_origin(kind) is list else KINDS[kind]


def _default(default: Any) -> str:
    if default is Parameter.empty:
        return "needed"
    if isinstance(default, bool):
        return "on" if default else "off"
    return "" if default is None else str(default)
