"""The page in English and Chinese, from one catalogue."""

import re

import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

import hub
from hub.parameters import field_specs
from space.app import TASKS
from space.values import parameters_of
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


def test_no_choice_of_a_parameter_is_a_key() -> None:
    """Gradio puts the words of the catalogue in the place of any text that is a key, also of a choice in a list."""
    choices = {choice for entry in hub.list() for spec in field_specs(parameters_of(entry)) for choice in spec.choices}
    assert "mask" in choices
    assert not choices & set(WORDS)
