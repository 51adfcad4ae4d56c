"""Every card says where the method differs from its paper."""

import pytest

import hub
from hub.registry import Entry
from tools import card

HEADINGS = "| | paper | here | why |"


def differences(entry: Entry) -> list[str]:
    """The rows of the table "Differences from the paper"."""
    text = card.card(entry).read_text(encoding="utf-8")
    section = text.partition("\n## Differences from the paper\n")[2].partition("\n## ")[0]
    _, headings, table = section.partition(f"{HEADINGS}\n|---|---|---|---|\n")
    assert headings, f"the card of {entry.name} needs a section 'Differences from the paper' with a table {HEADINGS}"
    return table.partition("\n\n")[0].splitlines()


@pytest.mark.parametrize("entry", [entry for entry in hub.list() if entry.source == "stylehub"], ids=lambda e: e.name)
def test_every_card_tells_the_differences_from_the_paper(entry: Entry) -> None:
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in differences(entry)]
    assert len(rows) >= 2
    for row in rows:
        assert len(row) == 4, f"{row} has {len(row)} cells"
        assert all(row), f"{row} has an empty cell"
