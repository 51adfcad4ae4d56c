"""The first picture, before the page's script has started."""

import io
from typing import Any

import httpx
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")


def test_the_answer_has_the_first_pictures_already(page: tuple[Any, str]) -> None:
    answer = httpx.get(page[1], timeout=30)
    assert 'lang="en"' in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    for name in ("before", "after"):
        assert f'<img src="stylehub-first/{name}"' in answer.text
        picture = httpx.get(f"{page[1]}stylehub-first/{name}", timeout=60)
        assert picture.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(picture.content)).size == (960, 640)
    for name in ("nothing", "99"):
        assert httpx.get(f"{page[1]}stylehub-first/{name}", timeout=30).status_code == 404
    assert httpx.head(page[1], timeout=30).status_code == 200


def test_it_is_in_the_language_of_the_browser(page: tuple[Any, str]) -> None:
    text = httpx.get(page[1], headers={"Accept-Language": "zh-CN,zh;q=0.9"}, timeout=30).text
    assert 'lang="zh"' in text
    assert "点一幅名画" in text


def test_nothing_else_is_changed(page: tuple[Any, str]) -> None:
    assert httpx.get(f"{page[1]}config", timeout=30).json()["title"] == "stylehub"
    assert httpx.get(f"{page[1]}nowhere", timeout=30).status_code == 404


def test_one_is_painted_and_the_wall_comes_when_it_is_ready() -> None:
    import hub
    from hub.files import example_photo
    from space.first import First
    from space.models import Models

    first = First(Models(), hub.info("cin-25styles"))
    assert first.wall().startswith("<i></i>")
    first.prepare()
    before, after = (Image.open(io.BytesIO(first.picture(name) or b"")) for name in ("before", "after"))
    assert Image.open(example_photo()).size == (1280, 853)
    assert before.tobytes() != after.tobytes()
    assert first.wall().count("<button") == 25
    assert first.wall().count('aria-pressed="true"') == 1
    assert Image.open(io.BytesIO(first.picture("24") or b"")).size == (240, 160)
    first.styles = [first.styles[0] | {"title": "<b>x</b>", "name": '"onclick="'}]
    assert "<b>x</b>" not in first.wall().replace("<b>&lt;b&gt;x&lt;/b&gt;</b>", "")
    assert '"onclick="' not in first.wall()


def test_without_a_model_the_photo_is_there() -> None:
    from space.first import First
    from space.models import Models

    first = First(Models(), None)
    first.prepare()
    assert first.picture("before") == first.picture("after")
