"""Options that several commands share, and loading a model by name."""

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from hub.errors import ParameterError
from hub.names import resolve
from hub.styles import AddedStyle

if TYPE_CHECKING:
    from hub.images import Keep
    from hub.method import Method


# Typer does not know a method's flags; they arrive among the words, and ``flags.parse`` reads them.
FREE = {"ignore_unknown_options": True, "allow_extra_args": True}
FLAGS_HELP = "`stylehub info MODEL` lists the method's own flags (such as --style, --strength, --size)."


def model_names() -> list[str]:
    """What a shell offers after ``stylehub stylize``."""
    from hub.registry import list_models

    return [entry.name for entry in list_models()]


ModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A name of `stylehub list`, hf://owner/repo@commit or ./folder.",
        autocompletion=model_names,
    ),
]
Words = Annotated[
    list[str],
    typer.Argument(metavar="PHOTOS...", help="Pictures, folders, glob patterns or - (standard input), and flags."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Quality = Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG and WebP.")]
KeepMetadata = Annotated[
    str,
    typer.Option(
        help="Of the photo's EXIF: all, safe (no place, no name but the copyright's, no serial number) or none."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16, float16. Default: the fastest for the method.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
Endpoint = Annotated[str | None, typer.Option(help="A mirror of the model hub.")]
TRUST = "Run the code in a ./folder that is not installed."
Trust = Annotated[bool, typer.Option("--trust", help=TRUST)]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the network first; for many pictures, on GPUs.")]
Bits = Annotated[
    int, typer.Option(help="Bits per channel: 8, or 16 for input and PNG or TIFF output (stylehub\\[deep]).")
]
StrengthMap = Annotated[
    Path | None, typer.Option(help="A grey picture: white where the style applies, black where it does not.")
]


def kept(keep: str) -> "Keep":
    """``keep`` as ``--keep-metadata`` allows it. Raises ``UnknownName``."""
    return cast("Keep", resolve(keep, ("all", "safe", "none"), "--keep-metadata"))


def load_quietly(name: str, **how: Any) -> "Method":
    """``hub.load``; what the code of others prints meanwhile goes to standard error, not among the results."""
    from hub.loading import load

    with redirect_stdout(sys.stderr):
        return load(name, **how)


def loads_model(command: Callable[..., None]) -> Callable[..., None]:
    """``command(method, ...)`` with a model name instead of a method, and with the options for loading it."""

    def load(
        model: ModelName,
        device: Device = "auto",
        dtype: Dtype = None,
        offline: Offline = False,
        endpoint: Endpoint = None,
        trust: Trust = False,
        compile: Compile = False,
    ) -> "Method":
        return load_quietly(
            model,
            device=device,
            dtype=dtype,
            offline=offline or None,
            endpoint=endpoint,
            trust=trust,
            compile=compile,
        )

    loading, own = signature(load).parameters, signature(command).parameters
    model, *options = loading.values()
    _, *rest = own.values()

    @wraps(command)
    def with_model(**values: Any) -> None:
        how = {name: values.pop(name) for name in loading}
        if values.get("bits") == 16 and how["dtype"] is None:
            how["dtype"] = "float32"  # half precision would keep about 8 of the 16 bits
        command(load(**how), **values)

    parameters = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in (model, *rest, *options)]
    with_model.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    with_model.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_model


def describes_style(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` with an option for each field of ``AddedStyle`` but the name, instead of its ``**about``."""
    *own, _ = signature(command).parameters.values()
    fields = {name: field for name, field in AddedStyle.model_fields.items() if name != "name"}
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default="", annotation=Annotated[str, typer.Option(help=f.description)])
        for name, f in fields.items()
    ]

    @wraps(command)
    def with_about(*given: Any, **values: Any) -> None:
        command(*given, **values)

    parameters = [*own, *options]
    with_about.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    with_about.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_about


def _take_style_files(method: "Method", parameters: dict[str, Any]) -> None:
    """A style that is given as a file, for a method whose styles have names: add it, and go on with its name."""
    from hub.fields import field_of, field_specs
    from hub.styles import adopt_file

    kinds = {field.name: field.kind for field in field_specs(method.Parameters)}
    for name in (field_of(method.Parameters, "style"), field_of(method.Parameters, "second style")):
        given = parameters.get(name or "")
        if name is None or kinds[name] == "pictures" or not isinstance(given, str | dict):
            continue
        for style in [given] if isinstance(given, str) else list(given):
            if style.endswith(".safetensors") and Path(style).is_file():
                added = adopt_file(method, Path(style)).name
                if isinstance(given, str):
                    parameters[name] = added
                else:
                    given[added] = given.pop(style)


def split_words(method: "Method", words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    from hub.cli.flags import parse

    parameters, photos = parse(method.Parameters, words)
    _take_style_files(method, parameters)
    if not photos:
        raise ParameterError("Give at least one photo, a folder, or - for standard input.")
    values = method.checked(parameters)
    return {name: getattr(values, name) for name in parameters}, photos
