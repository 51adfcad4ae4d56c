"""`stylehub stylize` and `fuse`: stylise photos."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.errors import ImageError, ParameterError
from hub.fields import field_of
from hub.files import LONGEST_NAME, already_exists, fitting, free_name

if TYPE_CHECKING:
    from PIL import Image

    from hub.images import Keep
    from hub.method import Method
from hub.cli.console import print_json, progress_bar, updating
from hub.cli.options import (
    Bits,
    Json,
    KeepMetadata,
    Overwrite,
    Quality,
    StrengthMap,
    Words,
    kept,
    loads_model,
    split_words,
)
from hub.cli.styles import label

STYLIZE = "Stylise photos: stylehub stylize cin-25styles photo.jpg --style starry-night -o out.png."
FUSE = "Blend styles: stylehub fuse cin-25styles photo.jpg --style starry-night=0.6 --style great-wave=0.4."


def stylize_command(blending: bool) -> Callable[..., None]:
    """The command ``stylize``, or with ``blending`` the command ``fuse``; both have the same options."""

    @loads_model
    def command(
        method: "Method",
        words: Words,
        output: Annotated[
            str | None,
            typer.Option("--output", "-o", help="A file, a folder for several photos, or - for standard output."),
        ] = None,
        overwrite: Overwrite = False,
        quality: Quality = 95,
        keep_metadata: KeepMetadata = "safe",
        bits: Bits = 8,
        strength_map: StrengthMap = None,
        as_json: Json = False,
    ) -> None:
        if bits not in (8, 16):
            raise ParameterError(f"{bits} bits per channel are not supported; use --bits 8 or --bits 16.")
        if blending and "fusion" not in method.entry.tasks:
            raise ParameterError(
                f"{method.entry.name} cannot blend styles; `stylehub list --task fusion` lists models that can."
            )
        parameters, photos = split_words(method, words)
        style = field_of(method.Parameters, "style") or ""
        if blending and isinstance(parameters.get(style), str):
            parameters[style] = {parameters[style]: 1.0}
        _stylize(
            method, photos, parameters, output, overwrite, quality, kept(keep_metadata), bits, strength_map, as_json
        )

    return command


def _stylize(
    method: "Method",
    photos: list[str],
    parameters: dict[str, Any],
    output: str | None,
    overwrite: bool,
    quality: int,
    keep_metadata: "Keep",
    bits: int,
    strength_map: Path | None,
    as_json: bool,
) -> None:
    from hub.calling import record
    from hub.deep import RECORD, encode_deep, save_deep, stylize_deep
    from hub.images import encode_image, read_image, save

    deep = bits == 16
    to_stdout = output == "-" or (output is None and photos == ["-"])
    jobs = _jobs(
        photos,
        output,
        to_stdout,
        label(parameters.get(field_of(method.Parameters, "style") or "") or "stylised"),
        ".png" if deep else None,
    )
    if not to_stdout:
        _check_targets(jobs, overwrite, deep)
    written, failed = [], False
    with progress_bar(as_json or to_stdout) as bar:
        for photo, target in jobs.items():
            task = bar.add_task(photo.name if photo else "standard input", total=None)
            latest: list[Image.Image] = []
            try:
                result: Any = (partial(stylize_deep, method) if deep else method)(
                    photo or sys.stdin.buffer,
                    strength_map=strength_map,
                    progress=updating(bar, task, latest),
                    **parameters,
                )
            except ImageError as error:
                if len(jobs) == 1:
                    raise
                bar.update(task, visible=False)
                print(f"stylehub: {photo}: {error}", file=sys.stderr)
                failed = True
                continue
            except KeyboardInterrupt:
                if not latest or to_stdout:
                    raise
                stopped = free_name(target.with_name(f"{target.stem}-stopped.png"))
                reached = latest[0] if photo is None else latest[0].resize(read_image(photo).rgb.size)
                made = record(method, method.checked(parameters), photo, strength_map) | {"stopped": True}
                reached.info["stylehub"] = made | (RECORD if deep else {})
                save(reached, stopped)
                way = "continue from it with --initial" if "initial" in method.Parameters.model_fields else "unfinished"
                print(f"stylehub: stopped; {stopped} is as far as it came: {way}.", file=sys.stderr)
                raise typer.Exit(130) from None
            made = result.recipe if deep else result.info["stylehub"]
            of_deep: dict[str, Any] = (
                {"alpha": result.alpha, "recipe": made, "metadata": result.metadata, "keep_metadata": keep_metadata}
                if deep
                else {}
            )
            if to_stdout:
                sys.stdout.buffer.write(
                    encode_deep(result.pixels, **of_deep)
                    if deep
                    else encode_image(result, "png", recipe=made, keep_metadata=keep_metadata)
                )
                sys.stdout.buffer.flush()
                return
            if deep:
                save_deep(result.pixels, target, **of_deep, overwrite=overwrite)
            else:
                save(result, target, overwrite=overwrite, quality=quality, keep_metadata=keep_metadata)
            written.append({"photo": str(photo) if photo else None, "output": str(target)} | made)
    if as_json:
        print_json(written)
    else:
        for job in written:
            print(job["output"])
    if failed:
        raise typer.Exit(1)


def _jobs(
    photos: list[str], output: str | None, to_stdout: bool, style: str, extension: str | None
) -> "dict[Path | None, Path]":
    """Photo -> result: the file or folder of ``output``, or a name from photo and style in the current folder.

    The photo None is standard input. New names end in ``extension``; None: the photo's own, or .png if that cannot be
    written.
    """
    from hub.images import FORMATS, find_images

    if "-" in photos:
        if photos != ["-"]:
            raise ParameterError("Standard input is one picture; give - without other photos.")
        return {None: Path(output or "-")}
    paths = find_images(photos)
    if to_stdout:
        if len(paths) > 1:
            raise ParameterError(f"Standard output takes one picture, not {len(paths)}; choose a folder with -o.")
        return {paths[0]: Path("-")}
    folder = Path(output or ".")
    if output and folder.suffix and not folder.is_dir() and not output.endswith("/"):
        if len(paths) > 1:
            raise ImageError(f"{output} is one file for {len(paths)} photos; choose a folder with -o.")
        return {paths[0]: folder}
    jobs: dict[Path | None, Path] = {}
    for path in paths:
        suffix = extension or (path.suffix if path.suffix.lower() in FORMATS else ".png")
        target = fitting(folder / f"{path.stem}-{style}{suffix}")
        if target in jobs.values():
            raise ImageError(f"Two photos would become {target}; use two output folders.")
        jobs[path] = target
    return jobs


def _check_targets(jobs: "dict[Path | None, Path]", overwrite: bool, deep: bool) -> None:
    """Raise ``ImageError``, before any work, for a target that must not be written."""
    from hub.deep import check_deep
    from hub.images import format_of

    for photo, target in jobs.items():
        (check_deep if deep else format_of)(target)
        if len(os.fsencode(target.name)) > LONGEST_NAME:
            raise ImageError(f"The name {target.name[:40]}... is too long for a file; choose a shorter one with -o.")
        if target.exists() and not overwrite:
            raise ImageError(already_exists(target))
        if photo and target.exists() and target.samefile(photo):
            raise ImageError(f"The result would replace the photo {photo}; choose another name with -o.")
