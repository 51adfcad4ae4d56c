"""`stylehub eval`: measure the quality of a model."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.errors import ImageError, ParameterError
from hub.files import already_exists, write_whole

if TYPE_CHECKING:
    from PIL import Image

    from hub.method import Method
    from methods.parts.perceptual.vgg import VGG
from hub.cli.console import print_json, progress_bar, whole_column, wide_console
from hub.cli.options import Json, Overwrite, loads_model


@loads_model
def evaluate(
    method: "Method",
    photos: Annotated[str, typer.Option(help="A tar shard, a folder or a pattern of photos not used for training.")],
    vgg: Annotated[Path, typer.Option(help="VGG-16 as safetensors, with the keys of torchvision's vgg16().features.")],
    paintings: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the paintings, named after the styles; also a tar shard for models that take any painting."
        ),
    ] = None,
    photo: Annotated[
        bool, typer.Option("--photo", help="Measure photorealism on pairs of the photos, without paintings.")
    ] = False,
    beside: Annotated[list[str] | None, typer.Option(help="With --photo: one more model; may be repeated.")] = None,
    size: Annotated[int, typer.Option(min=64, help="Short side in pixels.")] = 512,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first photos.")] = None,
    style: Annotated[list[str] | None, typer.Option(help="Use only these paintings; may be repeated.")] = None,
    gap: Annotated[
        bool, typer.Option("--gap", help="Measure the optimality gap too; takes about a minute per picture.")
    ] = False,
    strokes: Annotated[
        bool,
        typer.Option(
            "--strokes", help="Measure large photos: do they become the painting that the small photo becomes?"
        ),
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the JSON to this file too.")] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Measure a model: distance to the painting, distance to the photo, preserved edges."""
    if output and output.exists() and not overwrite:
        raise ImageError(already_exists(output))
    if photo:
        if paintings or style or gap or strokes:
            raise ParameterError(
                "With --photo the styles are photos; leave out --paintings, --style, --gap and --strokes."
            )
        from hub.loading import load

        others = [load(name, device=method.device) for name in beside or ()]
        for one in (method, *others):
            if "style-images" not in one.entry.method.inputs:
                raise ParameterError(
                    f"{one.entry.name} cannot take a photo as a style; `stylehub list --task photo` lists models that can."
                )
        _evaluate_photos([method, *others], photos, vgg, size, limit, output, as_json)
        return
    if paintings is None:
        raise ParameterError("Give the paintings with --paintings FOLDER, or use --photo for pairs of the photos.")
    from hub.evaluation import average, evaluate, paintings_for, read_photos, stylise_by
    from hub.registry import provided
    from methods.parts.perceptual.vgg import read_vgg

    pictures = paintings_for(method, paintings, style)
    network = read_vgg(vgg).to(method.device)
    if strokes:
        if gap:
            raise ParameterError("Measure --gap and --strokes in two calls.")
        _evaluate_strokes(method, list(read_photos(photos, limit)), pictures, network, output, as_json)
        return
    with progress_bar(as_json) as bar:
        task = bar.add_task("eval", total=None)
        scores = evaluate(
            stylise_by(method, pictures),
            list(read_photos(photos, limit)),
            pictures,
            network,
            size=size,
            gap=provided("optimality-gap")(vgg, method.device) if gap else None,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    result = {
        "model": method.entry.name,
        "weights": method.weights_sha256,
        "size": size,
        "photos": Path(photos).name,
        "paintings": paintings.name,
        "limit": limit,
        "dtype": str(method.dtype).removeprefix("torch."),
        "average": average(scores).measured(),
        "styles": {name: s.measured() for name, s in scores.items()},
    }
    rows = {name: s.measured() for name, s in [*scores.items(), ("average", average(scores))]}
    _report_scores("style name", rows, result, output, as_json)


def _evaluate_photos(
    methods: "list[Method]", photos: str, vgg: Path, size: int, limit: int | None, output: Path | None, as_json: bool
) -> None:
    """The table of ``eval --photo``: every method, the classic colour transfers, and the unchanged photo."""
    from hub.evaluation import read_photos
    from hub.evaluation.photos import PAIRS, by_method, classic_transfers, evaluate_photos, photo_pairs
    from methods.parts.perceptual.vgg import read_vgg

    pictures = list(read_photos(photos))
    pairs = photo_pairs(pictures, min(limit or PAIRS, len(pictures)))
    transfers = {method.entry.name: by_method(method, size) for method in methods} | classic_transfers()
    with progress_bar(as_json) as bar:
        task = bar.add_task("eval", total=None)
        scores = evaluate_photos(
            transfers,
            [(pictures[one], pictures[other]) for one, other in pairs],
            read_vgg(vgg).to(methods[0].device),
            size=size,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    rows = {name: asdict(found) for name, found in scores.items()}
    result = {
        "weights": {method.entry.name: method.weights_sha256 for method in methods},
        "size": size,
        "photos": Path(photos).name,
        "pairs": pairs,
        "scores": rows,
    }
    _report_scores("method", rows, result, output, as_json)


def _evaluate_strokes(
    method: "Method",
    photos: "list[Image.Image]",
    paintings: "Mapping[str, Image.Image]",
    vgg: "VGG",
    output: Path | None,
    as_json: bool,
) -> None:
    """The table of ``eval --strokes``: one line for every size and stroke."""
    from hub.evaluation import evaluate_strokes

    if "stroke" not in method.Parameters.model_fields:
        raise ParameterError(f"{method.entry.name} has no --stroke; it paints every photo at its own size.")
    with progress_bar(as_json) as bar:
        task = bar.add_task("eval", total=None)
        scores = evaluate_strokes(
            method, photos, paintings, vgg, progress=lambda done, of: bar.update(task, completed=done, total=of)
        )
    rows = {
        f"{s.size}, {s.stroke}": {m: getattr(s, m) for m in ("whole", "near", "content", "seconds")} for s in scores
    }
    result = {
        "model": method.entry.name,
        "weights": method.weights_sha256,
        "dtype": str(method.dtype).removeprefix("torch."),
        "strokes": [asdict(s) for s in scores],
    }
    _report_scores("short side, stroke", rows, result, output, as_json)


def _report_scores(
    first: str,
    rows: "Mapping[str, Mapping[str, float]]",
    result: dict[str, Any],
    output: Path | None,
    as_json: bool,
) -> None:
    """Write ``result`` to ``output``; print it as JSON, or print ``rows`` as a table with first column ``first``."""
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, (json.dumps(result, indent=2) + "\n").encode())
    if as_json:
        print_json(result)
        return
    from rich.table import Table

    table = Table(whole_column(first), *next(iter(rows.values())), box=None, pad_edge=False)
    for name, scores in rows.items():
        table.add_row(name, *(f"{value:.3f}" for value in scores.values()))
    wide_console().print(table)
