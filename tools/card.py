"""Write the parts of a model card that can be drawn from facts: front matter, styles with scores, parameters, files.

    python tools/card.py cin-25styles

The card's prose stays as it is; what lies between ``<!-- name -->`` and ``<!-- /name -->`` is replaced. Scores come
from ``eval.json`` beside the card, which ``stylehub eval MODEL -o eval.json`` writes.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import hub
from hub.flags import rows
from hub.method import Method
from hub.registry import PACKAGE_ROOT, Entry


def render(name: str) -> str:
    """The card of the model ``name`` with every drawn part up to date."""
    method = hub.load(name, device="cpu")
    entry = method.entry
    assert entry.model.weights is not None
    folder = PACKAGE_ROOT / str(entry.model.weights.folder)
    scores = json.loads((folder / "eval.json").read_text(encoding="utf-8"))
    parts = {
        "facts": facts(entry),
        "styles": styles(method, scores),
        "parameters": parameters(method),
    }
    text = (folder / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\A---\n.*?\n---\n", lambda _: front_matter(entry), text, flags=re.DOTALL)
    for part, content in parts.items():
        pattern = rf"<!-- {part} -->\n.*?<!-- /{part} -->"
        if not re.search(pattern, text, flags=re.DOTALL):
            raise SystemExit(f"{folder / 'README.md'} has no <!-- {part} --> ... <!-- /{part} -->")
        text = re.sub(pattern, lambda _, p=part, c=content: f"<!-- {p} -->\n{c}\n<!-- /{p} -->", text, flags=re.DOTALL)
    return text


def front_matter(entry: Entry) -> str:
    """What the model hub reads."""
    assert entry.model.weights is not None
    arxiv = entry.method.paper.url.rpartition("/")[2]
    return (
        "---\n"
        f"license: {entry.model.weights.license.lower()}\n"
        "library_name: stylehub\n"
        "pipeline_tag: image-to-image\n"
        f"tags: [style-transfer, neural-style-transfer, {entry.method_id}, 'arxiv:{arxiv}']\n"
        "---\n"
    )


def facts(entry: Entry) -> str:
    """Method, paper, file."""
    weights, paper = entry.model.weights, entry.method.paper
    assert weights is not None
    return "\n".join(
        [
            "| | |",
            "|---|---|",
            f"| method | `{entry.method_id}`: {paper.authors} {paper.year}, [{paper.title}]({paper.url}) |",
            f"| tasks | {', '.join(entry.tasks)} |",
            f"| file | `{weights.filename}`, {weights.bytes:,} bytes, sha256 `{weights.sha256}` |",
            f"| licence | weights {weights.license}, code {entry.method.code_license} |",
            f"| tiling | {entry.method.tiling} |",
        ]
    )


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
    """Every parameter as flag and keyword."""
    lines = ["| flag | keyword | range | default | what it does |", "|---|---|---|---|---|"]
    for flag, bounds, default, description in rows(method.Parameters):
        lines.append(f"| `{flag}` | `{flag[2:].replace('-', '_')}` | {bounds} | {default} | {description} |")
    return "\n".join(lines)


def main(name: str) -> None:
    """Refresh the card of the model ``name``."""
    weights = hub.info(name).model.weights
    assert weights is not None
    card: Path = PACKAGE_ROOT / str(weights.folder) / "README.md"
    card.write_text(render(name), encoding="utf-8")
    print(card.relative_to(PACKAGE_ROOT))


if __name__ == "__main__":
    main(sys.argv[1])
