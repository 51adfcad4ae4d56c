"""Code in the Markdown files of the repository."""

import re

from tests.support.paths import ROOT


def blocks(document: str, language: str) -> list[str]:
    return code(language, (ROOT / document).read_text())


def code(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
