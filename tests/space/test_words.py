"""The page in English and Chinese, from one catalogue."""

import re
from types import SimpleNamespace

import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

import hub
from hub.parameters import field_specs
from space.app import TASKS
from space.declared import DECLARED
from space.values import parameters_of
from space.words import WORDS, said, word
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
    calls = re.findall(r'word\("([^"]+)"\)', code) + re.findall(r'said\(request, "([^"]+)"', code)
    used = {*re.findall(r'"([^"]+)"', lists), *calls, *TASKS, "fast", "better", "best"}
    assert used == set(WORDS)


def test_what_is_declared_in_chinese_is_declared_by_a_model() -> None:
    specs = [spec for entry in hub.list() for spec in field_specs(parameters_of(entry))]
    told = {text for spec in specs for text in (spec.title, spec.description, spec.group)}
    slots = {f"{text}{number}{end}" for text in told if text for number in ("", " 2", " 3") for end in ("", " by name")}
    told |= slots | {f"Choose {article} {text[0].lower()}{text[1:]}" for text in slots for article in ("a", "an")}
    beside = "".join((ROOT / "space" / name).read_text() for name in ("paintings.py", "page.py"))
    assert not [text for text in DECLARED if text not in told and text not in beside]
    assert all(re.search(r"[\u4e00-\u9fff]", chinese) for chinese in DECLARED.values())
    assert not set(DECLARED) & set(WORDS)


def test_what_a_handler_says_is_in_the_language_of_the_request() -> None:
    chinese = SimpleNamespace(headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert said(chinese, "before you about", 2, 40) == "前面还有 2 位，约 40 秒"  # type: ignore[arg-type]
    assert said(None, "before you about", 2, 40) == "2 before you, about 40 s"


def test_no_choice_of_a_parameter_is_a_key() -> None:
    """Gradio puts the words of the catalogue in the place of any text that is a key, also of a choice in a list."""
    choices = {choice for entry in hub.list() for spec in field_specs(parameters_of(entry)) for choice in spec.choices}
    assert "mask" in choices
    assert not choices & {*WORDS, *DECLARED}
