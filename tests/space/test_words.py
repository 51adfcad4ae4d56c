"""The page in English and Chinese, from one catalogue."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

import hub
from hub.parameters import field_specs
from space.app import TASKS
from space.declared import CHOICES, DECLARED, SENTENCES
from space.tasks import offered
from space.values import parameters_of
from space.words import WORDS, catalogue, choices, said, word
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
    beside = "".join(
        (ROOT / "space" / name).read_text() for name in ("paintings.py", "page.py", "controls.py", "realistic.py")
    )
    assert not [text for text in DECLARED if text not in told and text not in beside]
    assert all(re.search(r"[\u4e00-\u9fff]", chinese) for chinese in DECLARED.values())
    assert not set(DECLARED) & set(WORDS)


def test_what_a_handler_says_is_in_the_language_of_the_request() -> None:
    chinese = SimpleNamespace(headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert said(chinese, "before you about", 2, 40) == "前面还有 2 位，约 40 秒"  # type: ignore[arg-type]
    assert said(None, "before you about", 2, 40) == "2 before you, about 40 s"


_NAMES = {"Python", "curl", "my-painting"}  # the same in every language
_NOWHERE = {"Run", "Paint again"}  # buttons that nobody sees


def test_every_label_on_the_page_has_chinese_words(page: tuple[Any, str]) -> None:
    """A label that is changed, or comes with a new parameter of ours, would be English on the Chinese page."""
    import gradio as gr

    english = set()
    for block in page[0].blocks.values():
        hidden = getattr(block, "visible", True) is False and not isinstance(block, gr.DownloadButton)
        if hidden or block.get_block_name() == "api":
            continue
        texts = [getattr(block, "info", None), getattr(block, "placeholder", None)]
        if getattr(block, "show_label", True):
            texts.append(getattr(block, "label", None))
        if isinstance(block, gr.Button):
            texts.append(block.value)
        english |= {text for text in texts if isinstance(text, str) and text and "__i18n__" not in text}
    left = english - {*DECLARED, *_NAMES, *_NOWHERE}
    assert not left


def test_every_choice_of_every_control_has_chinese_words() -> None:
    entries = {entry.name: entry for task in TASKS for entry in offered(task)}
    specs = [spec for entry in entries.values() for spec in field_specs(parameters_of(entry))]
    names = {entry.name for entry in hub.list()}  # a model's name is the same in every language
    assert {choice for spec in specs for choice in spec.choices} - names == set(CHOICES)
    shown = choices(["far", "a stranger's choice"])
    assert shown[1] == "a stranger's choice"
    assert shown[0][1] == "far"
    assert catalogue().translations["zh"][shown[0][0].key] == "远处"
    assert catalogue().translations["en"][shown[0][0].key] == "far"


@pytest.mark.parametrize(
    "sentence",
    [
        "Choose the painting first.",
        "Choose a photo first: upload, take or paste one, or use the example.",
        "The photo is no longer on the server; choose it again.",
        "The photo has more than 40 MB; make it smaller first.",
        "The picture has an unknown format; convert it to PNG, JPEG, WebP, TIFF, GIF or AVIF.",
        "The picture is damaged or cut off; fetch it again or export it anew.",
        "Something went wrong on the server; try again, perhaps with a smaller photo.",
    ],
)
def test_what_the_page_says_of_a_photo_is_said_in_chinese(sentence: str) -> None:
    assert any(re.fullmatch(pattern, sentence) for pattern in SENTENCES)
    code = "".join(path.read_text() for room in ("space", "hub") for path in (ROOT / room).rglob("*.py"))
    assert sentence.split(";")[0].split()[-1].strip(".") in code


def test_no_choice_of_a_parameter_is_a_key() -> None:
    """Gradio puts the words of the catalogue in the place of any text that is a key, also of a choice in a list."""
    choices = {choice for entry in hub.list() for spec in field_specs(parameters_of(entry)) for choice in spec.choices}
    assert "mask" in choices
    assert not choices & {*WORDS, *DECLARED}
