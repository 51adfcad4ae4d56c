"""Find the full name for a name that a user typed, and check the texts that others have written."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from hub.errors import UnknownName

MOST = 30  # names in one error message


def resolve(name: str, known: Collection[str], kind: str) -> str:
    """The name in ``known`` that equals ``name``, or the only one that ends in ``-name``.

    So ``starry-night`` finds ``van-gogh-starry-night``. Otherwise raises ``UnknownName`` with the nearest names.
    """
    plain = str(name).strip().lower().replace("_", "-").replace(" ", "-")
    if plain in known:
        return plain
    endings = [k for k in known if k.endswith(f"-{plain}")] if plain else []
    if len(endings) == 1:
        return endings[0]
    near = endings or [k for k in known if plain and plain in k][:3] or get_close_matches(plain, known, n=3, cutoff=0.5)
    more = f" and {len(known) - MOST} more" if len(known) > MOST else ""
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"there are {', '.join(sorted(known)[:MOST]) or 'none'}{more}."
    )
    raise UnknownName(f"There is no {kind} {str(name)[:80]!r}; {hint}")


def one_line(text: str) -> str:
    """``text`` in one line. Raises ``ValueError`` for characters that would control the terminal it is printed on."""
    line = " ".join(text.split())
    if re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", line):
        raise ValueError("should be text without control characters")
    return line


def printable(text: str) -> str:
    """``text``, such as the name of a file, with a question mark for each character that cannot be shown."""
    return "".join(c if c.isprintable() else "?" for c in text)
