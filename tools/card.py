"""Write the parts of the models' cards that can be drawn from facts: front matter, styles with scores, parameters, files.

    python -m tools.card

The prose stays as it is; what lies between ``<!-- name -->`` and ``<!-- /name -->`` is replaced. A card's
scores come from ``eval.json`` beside it, which ``stylehub eval MODEL -o eval.json`` writes. Every other document is
drawn by ``python -m tools.documents``, which draws the cards too.
"""

import json
import re
from pathlib import Path
from typing import Any

import hub
from hub.checking.description import card_path
from hub.method import Method
from hub.registry import Entry, list_models
from tools.drawn import MARK, PLACE, fill, measured_table, table, table_of

OF_THE_MODEL = ("facts", "styles", "parameters", "gap")
MEASURES = {"style": 3, "content": 3, "edges": 2}  # with their digits


def render(name: str) -> str:
    """The card of the model ``name`` with every drawn part up to date."""
    method = hub.load(name, device="cpu", styles=[])
    entry = method.entry
    path = card(entry)
    text = path.read_text(encoding="utf-8")
    marks = MARK.findall(text)
    parts = {"facts": facts(entry), "parameters": parameters(method)}
    if "styles" in marks:
        scores = json.loads((path.parent / "eval.json").read_text(encoding="utf-8"))
        parts["styles"] = styles(method, scores)
    if "gap" in marks:
        parts["gap"] = measured_table("gap", {entry.name: method.weights_sha256})
    parts |= {mark: measured_table(mark) for mark in marks if mark not in OF_THE_MODEL}
    text = re.sub(r"\A---\n(.*?\n)?---\n", lambda _: front_matter(entry), text, flags=re.DOTALL)
    return fill(text, parts)


def card(entry: Entry) -> Path:
    """Where the card lies: with the weights, or with the code of a method that has none."""
    path = card_path(entry)
    assert path
    return path


def bundled() -> list[Entry]:
    """The models of this repository."""
    return [entry for entry in list_models() if entry.source == "stylehub"]


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
    licences = ", ".join(entry.model.licenses)
    return table(
        ("", ""),
        [
            ("method", f"`{entry.method_id}`: {paper.authors} {paper.year}, [{paper.title}]({paper.url})"),
            ("tasks", ", ".join(entry.tasks)),
            *(
                ("file", f"`{file.filename}`, {file.bytes or 0:,} bytes, sha256 `{file.sha256}`")
                for file in entry.model.files
            ),
            ("licence", f"weights {licences}, code {code}" if licences else f"code {code}"),
            ("tiling", entry.method.tiling),
        ],
    )


def styles(method: Method, scores: dict[str, Any]) -> str:
    """Every style with its painting and its scores."""
    if scores["weights"] != method.weights_sha256:
        raise SystemExit("eval.json was measured on other weights; run `stylehub eval` again")
    lines = []
    for style in method.styles.values():
        s = scores["styles"][style.name]
        painting = f"{style.artist}, *{style.title}*, {style.year}"
        numbers = (f"{s[measure]:.{digits}f}" for measure, digits in MEASURES.items())
        lines.append((f"`{style.name}`", painting, *numbers))
    s = scores["average"]
    average = (f"**{s[measure]:.{digits}f}**" for measure, digits in MEASURES.items())
    return table(
        ("style", "painting", "style distance", "content distance", "edges kept"),
        [*lines, ("**average**", "", *average)],
    )


def parameters(method: Method) -> str:
    """Every parameter but those of the place, which are every method's and told in docs/where.md."""
    return table_of(method.Parameters, without=PLACE)


def main() -> None:
    """Refresh every card."""
    for entry in bundled():
        card(entry).write_text(render(entry.name), encoding="utf-8")


if __name__ == "__main__":
    main()
