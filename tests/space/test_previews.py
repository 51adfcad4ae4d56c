"""The wall of styles: each is painted once for a set of weights."""

from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")


import hub
from hub.files import example_photo
from hub.images import read_image
from space import previews


def test_previews_are_painted_once_a_set_of_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    method = hub.load("cin-25styles", device="cpu")
    few = {name: style for name, style in method.styles.items() if name.startswith(("van", "mun"))}
    monkeypatch.setattr(type(method), "styles", few)
    first = previews.styles(method)
    assert len({style["picture"] for style in first}) == len(first) == len(method.styles)
    starry = next(style["picture"] for style in first if style["name"] == "van-gogh-starry-night")
    shown = np.asarray(read_image(b64decode(starry.partition(",")[2])).rgb, np.int16)
    for stroke, alike in (("medium", True), ("fine", False)):
        large = method(example_photo(), style="van-gogh-starry-night", stroke=stroke).resize(previews.SIZE)
        assert (abs(shown - np.asarray(large, np.int16)).mean() < 8) == alike, "a preview is the large picture, reduced"
    files = sorted(tmp_path.rglob("*.jpg"))
    assert len(files) == len(first)
    files[0].write_bytes(b"damaged")
    with pytest.MonkeyPatch.context() as patch:
        calls = []
        whole = type(method).__call__
        patch.setattr(type(method), "__call__", lambda self, *a, **k: calls.append(k["style"]) or whole(self, *a, **k))
        assert previews.styles(method) == first
    assert calls == [files[0].stem], "only the damaged one is painted again"


def test_the_strokes_of_a_style_are_painted_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    method = hub.load("cin-25styles", device="cpu")
    looks = {name: previews.swatch(method, name) for name in ("van-gogh-starry-night", "klee-senecio")}
    assert len(set(looks.values())) == 2
    for look in looks.values():
        assert read_image(b64decode(look.partition(",")[2])).rgb.size == previews.SIZE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(method), "__call__", None)
        assert {name: previews.swatch(method, name) for name in looks} == looks


def test_a_look_of_what_is_no_style_is_empty() -> None:
    from space.handlers import Handlers
    from space.models import Models

    look = Handlers(Models()).look(hub.info("cin-25styles"))
    assert look("../../etc/passwd") == look("nobody") == ""


def test_two_walls_of_one_photo_are_both_filled_and_painted_once(
    photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a visitor goes to another task while the wall of the first is still painted."""
    from types import SimpleNamespace

    from space.handlers import Handlers
    from space.models import Models

    method = hub.load("cin-25styles", device="cpu")
    few = {name: style for name, style in method.styles.items() if name.startswith(("van", "mun"))}
    monkeypatch.setattr(type(method), "styles", few)
    monkeypatch.setattr(previews, "_PACE", -1.0)
    painted, whole = [], type(method).__call__
    monkeypatch.setattr(
        type(method), "__call__", lambda self, *a, **k: painted.append(k["style"]) or whole(self, *a, **k)
    )
    handlers, visitor = Handlers(Models(lambda name: method)), SimpleNamespace(session_hash="someone")
    entry = hub.info("cin-25styles")
    first = handlers.styles(entry, "single")(str(photo_file), visitor)
    next(first)
    *_, other = handlers.styles(entry, "fusion")(str(photo_file), visitor)
    *_, last = first
    assert [style["picture"] for style in other["styles"]] == [style["picture"] for style in last["styles"]]
    assert all(style["picture"] for style in other["styles"])
    assert sorted(painted) == sorted(few)


def test_museums_are_those_of_our_paintings(monkeypatch: pytest.MonkeyPatch) -> None:
    from space.museums import MUSEUMS

    method = hub.load("cin-25styles", device="cpu")
    assert set(MUSEUMS) <= set(method.styles)
    assert len({link for _, link in MUSEUMS.values()}) == len(MUSEUMS)
    assert all(link.startswith("https://") and museum for museum, link in MUSEUMS.values())
    with_and_without = ("van-gogh-starry-night", "monet-water-lilies")
    monkeypatch.setattr(type(method), "styles", {name: method.styles[name] for name in with_and_without})
    assert [bool(style["museum"]) for style in previews.styles(method)] == [True, False]
