"""`stylehub batch`: stylise whole folders."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hub.method import Method
from hub.cli.console import print_json, progress_bar
from hub.cli.options import Json, KeepMetadata, Overwrite, Quality, StrengthMap, kept, loads_model, split_words


@loads_model
def batch(
    method: "Method",
    words: Annotated[
        list[str], typer.Argument(metavar="PHOTOS...", help="Pictures, folders or glob patterns; and flags.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the results; they keep the photos' names.")
    ],
    tree: Annotated[bool, typer.Option("--tree", help="Subfolders too; the results keep them.")] = False,
    overwrite: Overwrite = False,
    quality: Quality = 95,
    keep_metadata: KeepMetadata = "safe",
    strength_map: StrengthMap = None,
    engine: Annotated[
        str, typer.Option(help="local: one process; ray: several processes (pip install 'stylehub\\[scale]').")
    ] = ("local"),
    workers: Annotated[
        int | None, typer.Option(min=1, help="local: threads for reading, and as many for writing; ray: processes.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Photos of one size stylised together. Default: chosen for the device.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Stylise whole folders; run the same command again to continue after an interruption."""
    from hub.batch import run_folder
    from methods.parts.pace import Pace

    parameters, photos = split_words(method, words)
    pace = Pace()
    with progress_bar(as_json) as bar:
        task = bar.add_task("batch", total=None)

        def advance(done: int, of: int, photo: Path | None) -> None:
            pace.update(done, of)
            bar.update(task, completed=done, total=of, description=f"{pace.rate:.2g} images/s")
            if not (as_json or sys.stderr.isatty()) and pace.due(seconds=30):
                print(f"stylehub: {done}/{of}, {pace}", file=sys.stderr, flush=True)

        try:
            report = run_folder(
                method,
                photos,
                output,
                tree=tree,
                overwrite=overwrite,
                quality=quality,
                keep_metadata=kept(keep_metadata),
                strength_map=strength_map,
                engine=engine,
                workers=workers,
                batch_size=batch_size,
                progress=advance,
                **parameters,
            )
        except KeyboardInterrupt:
            print(f"stylehub: stopped; run the same command again to continue in {output}.", file=sys.stderr)
            raise typer.Exit(130) from None
    if as_json:
        print_json(
            {
                "written": [str(p) for p in report.written],
                "skipped": [str(p) for p in report.skipped],
                "failed": {str(p): reason for p, reason in report.failed.items()},
                "seconds": {stage: round(seconds, 3) for stage, seconds in report.seconds.items()},
            }
        )
    else:
        print(
            f"{len(report.written)} written to {output}, {len(report.skipped)} existed already, {len(report.failed)} failed"
        )
        if report.written:
            print(f"{len(report.written) / report.seconds['elapsed']:.3g} images/s: {report.shares}")
        for photo, reason in report.failed.items():
            print(f"  {photo}: {reason}", file=sys.stderr)
    if report.failed:
        raise typer.Exit(1)
