"""The papers' own tables beside ours: seconds for 1 and for 25 pictures, megabytes for 1 and for 25 styles.

    python -m benchmarks papers

A method joins by one ``Row`` in ``ROWS``. Every model runs in a process of its own: Python starts and imports (given
apart), then the model is loaded and paints one photo in 1 style, and on to 25.
"""

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from statistics import median
from typing import TYPE_CHECKING, Any

import hub
from benchmarks.fresh import in_fresh_process
from benchmarks.material import photo
from benchmarks.numbers import count
from benchmarks.results import markdown, where
from hub.errors import StylehubError

if TYPE_CHECKING:
    from PIL import Image

PICTURES = 25


@dataclass(frozen=True)
class Printed:
    """What a paper prints, as it prints it. ``remark`` is what a reader must know to compare."""

    seconds_1: float
    seconds_25: float
    megabytes_1: float
    megabytes_25: float
    source: str
    remark: str = ""


@dataclass(frozen=True)
class Row:
    """A method: the model that stands for it, the paper's figures, and whether every style needs a file of its own."""

    method: str
    model: str
    printed: Printed
    file_a_style: bool = False


ROWS = (
    Row(
        method="conditional instance normalisation",
        model="cin-25styles",
        printed=Printed(
            seconds_1=1.64,
            seconds_25=23.56,
            megabytes_1=20,
            megabytes_25=20,
            source='"图片风格融合及快速迁移" (image style fusion and fast transfer), on a CPU',
            remark="The size of its pictures is not known to us, so compare the step from 1 to 25 rather than the "
            "seconds. A network of the paper's 1.68 million numbers is 6.7 MB in float32; three times that, as in a "
            "checkpoint with Adam's two moments, is 20.",
        ),
    ),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--rows", nargs="+", metavar="MODEL", help="only the rows of these models")
    parser.add_argument("--side", type=count, default=512, help="side of the square photo in pixels")
    parser.add_argument("--repeats", type=count, default=3, help="processes a model")


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
        print(f"{row.model}: {options.repeats} processes", file=sys.stderr)
        runs = [
            in_fresh_process(
                paint_many,
                model=row.model,
                picture=photo(options.side, options.side),
                threads=torch.get_num_threads(),
                started=time.time(),
            )
            for _ in range(options.repeats)
        ]
        weights = hub.info(row.model).model.weights
        megabytes = (weights.bytes or 0) / 1e6 if weights else 0.0
        rows.append(
            {
                "method": row.method,
                "model": row.model,
                "weights": weights.sha256 if weights else None,
                "printed": asdict(row.printed),
                "start_s": median(run["start_s"] for run in runs),
                "seconds_1": median(run["seconds_1"] for run in runs),
                "seconds_25": median(run["seconds_25"] for run in runs),
                "megabytes_1": megabytes,
                "megabytes_25": megabytes * (PICTURES if row.file_a_style else 1),
                "runs": runs,
            }
        )
    return {"side": options.side, "repeats": options.repeats, "rows": rows}


def paint_many(model: str, picture: "Image.Image", threads: int, started: float) -> dict[str, float]:
    """Seconds until this process, asked for at ``started``, was ready; then to load and paint 1, and 25."""
    import torch

    import hub.method  # what every method imports belongs to the start

    torch.set_num_threads(threads)
    start = time.time() - started
    began = time.perf_counter()
    method = hub.load(model, device="cpu")
    seconds = []
    for name in islice(cycle(method.styles or [None]), PICTURES):
        parameters: dict[str, Any] = {"style": name} if name else {}
        method(picture, **parameters)
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
                    f"{figures['megabytes_1']:.3g} MB",
                    f"{figures['megabytes_25']:.3g} MB",
                ]
            )
        sources.append(f"Printed: {printed['source']}. {printed['remark']}".strip())
    headings = ["method", "figures", "1 picture", "25 pictures", "start before it", "1 style", "25 styles"]
    return (
        f"{markdown(headings, lines)}\n\n"
        f"One photo of {result['side']} x {result['side']} in 1 and in 25 styles on the CPU, the loading of the model "
        f"included, medians of {result['repeats']} processes; start: Python and its imports. {where(result)}\n"
        + "\n".join(dict.fromkeys(sources))
    )
