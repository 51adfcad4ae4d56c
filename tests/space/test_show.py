"""What the page paints: a draft, then the size of a screen; the size of the photo only for a download."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

import hub
from hub.files import example_photo
from space import handlers, result
from space.models import Models
from space.result import Shown

ENTRY = hub.info("cin-25styles")
VISITOR = SimpleNamespace(session_hash="someone")


class Sizes:
    """Stands for a model; it notes the sizes that it paints."""

    def __init__(self) -> None:
        self.painted: list[tuple[int, int]] = []

    def __call__(self, content: Image.Image, **values: Any) -> Image.Image:
        if values.get("strength") != 0:
            self.painted.append(content.size)
        after = content.copy()
        after.info["stylehub"] = {"model": ENTRY.name, "parameters": {"style": values["style"], "stroke": "medium"}}
        return after


@pytest.fixture
def sizes() -> Sizes:
    return Sizes()


@pytest.fixture
def whole(sizes: Sizes) -> handlers.Handlers:
    return handlers.Handlers(Models(lambda name: sizes))  # type: ignore[arg-type, return-value]


@pytest.fixture
def large(tmp_path: Path) -> str:
    Image.new("RGB", (3000, 2000), (90, 120, 60)).save(tmp_path / "large.jpg")
    return str(tmp_path / "large.jpg")


def show(whole: handlers.Handlers, before: Shown | None = None, **values: Any) -> list[Any]:
    return list(whole.show(ENTRY, "single")(before, VISITOR, lambda *_, **__: None, **values))


def test_a_large_photo_is_shown_small_and_painted_whole_for_a_download(
    whole: handlers.Handlers, sizes: Sizes, large: str
) -> None:
    draft, screen = show(whole, photo=large, style="udnie")
    assert sizes.painted == [(768, 512), (1280, 853)]
    assert Image.open(draft[0][1]).size == Image.open(screen[0][1]).size == (1280, 853)
    assert screen[1] == "stylehub stylize cin-25styles large.jpg --style udnie --stroke medium"
    shown = screen[3]
    assert shown.picture is None
    file, said = whole.download({ENTRY.name: ENTRY})(shown, "JPEG", VISITOR, lambda *_, **__: None)
    assert (Path(file).name, Image.open(file).size, said) == ("large-painted.jpg", (3000, 2000), "")
    again, _ = whole.download({ENTRY.name: ENTRY})(shown, "PNG", VISITOR, lambda *_, **__: None)
    assert Image.open(again).size == (3000, 2000)
    assert sizes.painted[2:] == [(3000, 2000)], "one picture is painted once for all formats"


def test_a_small_photo_is_painted_once(whole: handlers.Handlers, sizes: Sizes, photo_file: Path) -> None:
    [only] = show(whole, photo=str(photo_file), style="udnie")
    assert only[3].picture is not None
    whole.download({ENTRY.name: ENTRY})(only[3], "JPEG", VISITOR, lambda *_, **__: None)
    assert len(sizes.painted) == 1


def test_without_a_photo_a_style_paints_the_example(whole: handlers.Handlers, sizes: Sizes) -> None:
    *_, last = show(whole, photo=None, style="udnie")
    assert last[3].values["photo"] == str(example_photo())
    assert sizes.painted


def test_without_a_style_the_photo_is_shown_as_it_is(whole: handlers.Handlers, sizes: Sizes, large: str) -> None:
    [(slider, *_, shown, said)] = show(whole, photo=large, style=None)
    assert Image.open(slider[1]).size == (1280, 853)
    assert (shown, said, sizes.painted) == (None, "", [])


def test_a_control_that_is_left_without_a_change_paints_nothing(
    whole: handlers.Handlers, sizes: Sizes, photo_file: Path
) -> None:
    [only] = show(whole, photo=str(photo_file), style="udnie")
    assert show(whole, only[3], photo=str(photo_file), style="udnie") == [gr.skip()], "no step would empty the page"
    assert show(whole, only[3], photo=str(photo_file), style="udnie", strength=0.5)
    assert len(sizes.painted) == 2


def test_what_goes_wrong_is_said_on_the_page(whole: handlers.Handlers, tmp_path: Path) -> None:
    [(slider, *_, said)] = show(whole, photo=str(tmp_path / "gone.jpg"), style="udnie")
    assert slider == gr.skip()
    assert "no longer on the server" in said
    assert whole.download({})(None, "JPEG", VISITOR, lambda *_, **__: None)[1].startswith("There is nothing")


def test_what_is_said_beside_a_photo_is_not_said_twice(whole: handlers.Handlers, sizes: Sizes, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_bytes(b"hello")
    assert show(whole, photo=str(tmp_path / "text.jpg"), style="udnie") == [gr.skip()]
    assert sizes.painted == []


def test_a_choice_ends_the_painting_of_the_one_before(photo_file: Path) -> None:
    """Its picture would come after the newer one."""
    started, go_on = threading.Event(), threading.Event()

    def model(content: Image.Image, *, style: str, **_: Any) -> Any:
        if style == "old":
            started.set()
            go_on.wait(30)
        return Sizes()(content, style=style)

    whole = handlers.Handlers(Models(lambda name: model))  # type: ignore[arg-type, return-value]
    answers: dict[str, list[Any]] = {}

    def visit(style: str) -> threading.Thread:
        values = {"photo": str(photo_file), "style": style}
        thread = threading.Thread(target=lambda: answers.update({style: show(whole, **values)}), daemon=True)
        thread.start()
        return thread

    old = visit("old")
    assert started.wait(30)
    new = visit("new")
    while len(whole.jobs._stops["someone"]) < 2:
        threading.Event().wait(0.01)
    go_on.set()
    old.join(30), new.join(30)
    assert answers["old"] == [gr.skip()]
    assert len(answers["new"]) == 1


def test_the_formats_begin_with_the_one_for_phones() -> None:
    assert next(iter(result.OFFERED)) == "JPEG"
