"""The first picture, before the page's script has started."""

import io
from typing import Any

import httpx
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")


def test_the_answer_has_the_first_picture_already(page: tuple[Any, str]) -> None:
    answer = httpx.get(page[1], timeout=30)
    assert '<img src="stylehub-first.jpg"' in answer.text
    assert 'lang="en"' in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    picture = httpx.get(f"{page[1]}stylehub-first.jpg", timeout=60)
    assert picture.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(picture.content)).size == (960, 640)
    assert httpx.head(page[1], timeout=30).status_code == 200


def test_it_is_in_the_language_of_the_browser(page: tuple[Any, str]) -> None:
    text = httpx.get(page[1], headers={"Accept-Language": "zh-CN,zh;q=0.9"}, timeout=30).text
    assert 'lang="zh"' in text
    assert "点一幅名画" in text


def test_nothing_else_is_changed(page: tuple[Any, str]) -> None:
    assert httpx.get(f"{page[1]}config", timeout=30).json()["title"] == "stylehub"
    assert httpx.get(f"{page[1]}nowhere", timeout=30).status_code == 404


def test_half_of_it_is_painted() -> None:
    import hub
    from hub.files import example_photo
    from space.first import First
    from space.models import Models

    def halves(entry: Any) -> tuple[Image.Image, Image.Image]:
        picture = Image.open(io.BytesIO(First(Models(), entry).picture()))
        return picture.crop((0, 0, 470, 640)), picture.crop((490, 0, 960, 640))

    photo, painted = halves(None), halves(hub.info("cin-25styles"))
    assert Image.open(example_photo()).size == (1280, 853)
    assert photo[0].tobytes() == painted[0].tobytes()
    assert photo[1].tobytes() != painted[1].tobytes()
