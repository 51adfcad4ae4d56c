"""The papers' own tables beside ours: seconds for 1 and for 25 pictures, megabytes for 1 and for 25 styles.

    python -m benchmarks papers

A method joins by one ``Row`` in ``ROWS``. Every model runs in a process of its own: Python starts and imports (given
apart), then the model is loaded and paints one photo in 1 style, and on to 25.
"""

import argparse
import math
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import hub
from benchmarks.fresh import in_fresh_process
from benchmarks.material import photo
from benchmarks.numbers import count
from benchmarks.results import markdown, where
from hub.errors import StylehubError
from hub.files import example_photo

if TYPE_CHECKING:
    from PIL import Image

PICTURES = 25


@dataclass(frozen=True)
class Printed:
    """What a paper prints, as it prints it. ``remark`` is what a reader must know to compare."""

    seconds_1: float
    seconds_25: float
    megabytes_1: float | None
    megabytes_25: float | None
    source: str
    remark: str = ""


@dataclass(frozen=True)
class Row:
    """A method: the model that stands for it, and the paper's figures."""

    method: str
    model: str
    printed: Printed


SOURCE = '"图片风格融合及快速迁移" (image style fusion and fast transfer), on a CPU'
REMARK = "The size of its pictures is not known to us, so compare the steps from row to row rather than the seconds. "

ROWS = (
    Row(
        method="optimisation",
        model="gatys",
        printed=Printed(
            seconds_1=513, seconds_25=14560, megabytes_1=None, megabytes_25=None, source=SOURCE, remark=REMARK
        ),
    ),
    Row(
        method="one network a style",
        model="fast-art",
        printed=Printed(
            seconds_1=1.04, seconds_25=26.34, megabytes_1=18, megabytes_25=447, source=SOURCE, remark=REMARK
        ),
    ),
    Row(
        method="conditional instance normalisation",
        model="cin-25styles",
        printed=Printed(
            seconds_1=1.64, seconds_25=23.56, megabytes_1=20, megabytes_25=20, source=SOURCE, remark=REMARK
        ),
    ),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--rows", nargs="+", metavar="MODEL", help="only the rows of these models")
    parser.add_argument("--side", type=count, default=512, help="side of the square photo in pixels")
    parser.add_argument(
        "--repeats", type=count, default=3, help="processes a model; one where a picture takes a minute"
    )
    parser.add_argument(
        "--paintings", type=Path, nargs="+", help="for methods that take any; our own picture of a valley when left out"
    )
    parser.add_argument("--pictures", type=count, default=PICTURES, help="how many are 'many'")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Our figures for every row, beside the paper's."""
    import torch

    chosen = [row for row in ROWS if not options.rows or row.model in options.rows]
    if not chosen:
        raise StylehubError(
            f"No row of this table is {options.rows[0]!r}; there are {', '.join(r.model for r in ROWS)}."
        )
    rows = []
    for row in chosen:
        entry = hub.info(row.model)
        model, repeats = entry.model, 1 if entry.method.iterative else options.repeats
        print(f"{row.model}: {repeats} processes", file=sys.stderr)
        runs = [
            in_fresh_process(
                paint_many,
                model=row.model,
                picture=photo(options.side, options.side),
                paintings=options.paintings or [example_photo()],
                pictures=options.pictures,
                threads=torch.get_num_threads(),
                started=time.time(),
            )
            for _ in range(repeats)
        ]
        a_file = model.files[0].bytes or 0 if model.files else 0
        rows.append(
            {
                "method": row.method,
                "model": row.model,
                "weights": model.sha256,
                "printed": asdict(row.printed),
                "start_s": median(run["start_s"] for run in runs),
                "seconds_1": median(run["seconds_1"] for run in runs),
                "seconds_25": median(run["seconds_25"] for run in runs),
                "megabytes_1": a_file / 1e6 or None,
                "megabytes_25": a_file / 1e6 * (PICTURES if model.variants else 1) or None,
                "runs": runs,
            }
        )
    return {"side": options.side, "repeats": options.repeats, "pictures": options.pictures, "rows": rows}


def paint_many(
    model: str, picture: "Image.Image", paintings: list[Path], pictures: int, threads: int, started: float
) -> dict[str, float]:
    """Seconds until this process, asked for at ``started``, was ready; then to load and paint 1, and all ``pictures``.

    Each is in the next style, or by the next of the ``paintings``.
    """
    import torch

    import hub.method  # what every method imports belongs to the start

    torch.set_num_threads(threads)
    start = time.time() - started
    began = time.perf_counter()
    method = hub.load(model, device="cpu")
    seconds = []
    for style in islice(cycle(method.styles or paintings), pictures):
        method(picture, style=style)
        seconds.append(time.perf_counter() - began)
    return {"start_s": start, "seconds_1": seconds[0], "seconds_25": seconds[-1]}


def render(result: dict[str, Any]) -> str:
    """Two lines a method, the paper's and ours, and the sources below."""
    lines, sources = [], []
    for row in result["rows"]:
        printed = row["printed"]
        for who, figures, start in (
            ("printed", printed, "not known"),
            (f"`{row['model']}`", row, f"{row['start_s']:.2f} s"),
        ):
            lines.append(
                [
                    row["method"],
                    who,
                    f"{figures['seconds_1']:.2f} s",
                    f"{figures['seconds_25']:.2f} s",
                    start,
                    *(f"{figures[m]:.3g} MB" if figures[m] else "none" for m in ("megabytes_1", "megabytes_25")),
                ]
            )
        sources.append(f"Printed: {printed['source']}. {printed['remark']}".strip())
    headings = [
        "method",
        "figures",
        "1 picture",
        f"{result['pictures']} pictures",
        "start before it",
        "1 style",
        "25 styles",
    ]
    return (
        f"{markdown(headings, lines)}\n\n"
        f"One photo of {result['side']} x {result['side']} in 1 and in {result['pictures']} styles on the CPU, the loading of the "
        f"model included, medians of {result['repeats']} processes (optimisation: one); start: Python and its imports. "
        f"{claims(result)}{where(result)}\n" + "\n".join(dict.fromkeys(sources))
    )


def claims(result: dict[str, Any]) -> str:
    """What the papers conclude from such a table, as these figures have it."""
    seconds = {row["model"]: row["seconds_25"] for row in result["rows"]}
    if not {"gatys", "cin-25styles"} <= seconds.keys():
        return ""
    times = seconds["gatys"] / seconds["cin-25styles"]
    return (
        f"'Three orders of magnitude faster than optimisation': {times:,.0f} times here, over {result['pictures']} pictures, "
        f"that is {math.log10(times):.1f} orders; the papers' own figures are "
        f"{math.log10(ROWS[0].printed.seconds_25 / ROWS[2].printed.seconds_25):.1f}. "
    )
