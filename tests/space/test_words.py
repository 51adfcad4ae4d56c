"""The page in English and Chinese, from one catalogue."""

import re

import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from space.app import TASKS
from space.words import WORDS, word
from tests.support.paths import ROOT


def test_every_word_is_there_in_both_languages() -> None:
    for key, (english, chinese) in WORDS.items():
        assert english.isascii() and english, key
        assert re.search(r"[\u4e00-\u9fff]", chinese), key
    with pytest.raises(AssertionError, match="nothing"):
        word("nothing")


def test_every_word_is_used() -> None:
    code = "".join(path.read_text() for path in (ROOT / "space").rglob("*.py"))
    lists = "".join(re.findall(r"texts\(([^)]*)\)", code))
    used = {*re.findall(r'"([^"]+)"', lists), *re.findall(r'word\("([^"]+)"\)', code), *TASKS, "fast", "better", "best"}
    assert used == set(WORDS)
