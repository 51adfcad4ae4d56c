"""What the app refuses, in one sentence, and goes on."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client, handle_file

from hub.errors import StylehubError
from space.photo import read
from tests.support.app import FUSION, OUTSIDE, SINGLE, raw, refused


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.jpg", b"", "is empty"),
        ("text.jpg", b"hello", "has an unknown format"),
        ("page.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "has an unknown format"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "damaged or cut off"),
    ],
)
def test_files_that_are_no_pictures(client: Client, tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert sentence in refused(client, photo=handle_file(str(path)), style="starry-night")


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}, {"meta": {"_type": "other"}}])
def test_no_file_of_the_server_is_a_photo(page: tuple[Any, str], uploaded: Any, meta: dict[str, Any]) -> None:
    """Whatever path a caller of the API names, only what was uploaded is opened; not even its absence is told."""
    assert "event: complete" in raw(page, SINGLE, photo=uploaded, style="udnie")
    for path in OUTSIDE:
        answer = raw(page, SINGLE, photo={"path": path, **meta}, style="udnie")
        assert "event: error" in answer, f"{path} was opened"
        assert "complete" not in answer


def test_a_picture_with_too_many_pixels(client: Client, tmp_path: Path) -> None:
    Image.new("1", (8000, 5001)).save(tmp_path / "vast.png")
    assert "40,000,000" in refused(client, photo=handle_file(str(tmp_path / "vast.png")), style="starry-night")


def test_choices_that_are_missing_or_wrong(client: Client, photo_at: Any) -> None:
    assert "Choose a photo first" in refused(client, photo=None, style="starry-night")
    assert "Choose the style first" in refused(client, photo=photo_at, style=None)
    assert "Choose the style first" in refused(client, FUSION, photo=photo_at, style={})
    assert "There is no style 'moon'" in refused(client, photo=photo_at, style="moon")
    assert "sum to zero" in refused(client, FUSION, photo=photo_at, style={"starry-night": 0})
    assert "zero or more" in refused(client, FUSION, photo=photo_at, style={"starry-night": -1})
    assert "'size' cannot be" in refused(client, photo=photo_at, style="starry-night", size="large")
    assert "maximum" in refused(client, photo=photo_at, style="starry-night", strength=3)
    client.predict(photo=photo_at, style="starry-night", api_name=SINGLE)  # and it goes on


def test_a_file_over_the_limit(page: tuple[Any, str], tmp_path: Path) -> None:

    big = tmp_path / "big.jpg"
    with big.open("wb") as file:
        file.truncate(43_000_000)
    with big.open("rb") as file:
        answer = httpx.post(page[1] + "gradio_api/upload", files={"files": file}, timeout=60)
    assert answer.status_code == 413


def test_a_photo_that_has_vanished(tmp_path: Path) -> None:
    with pytest.raises(StylehubError, match="no longer on the server; choose it again") as error:
        read(str(tmp_path / "gone.jpg"))
    assert str(tmp_path) not in str(error.value)


def test_surprises_are_logged_and_told_in_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    from space.errors import one_sentence

    def broken() -> None:
        raise RuntimeError("secret detail")

    with pytest.raises(gr.Error, match="Something went wrong on the server") as error:
        one_sentence(broken)()
    assert "secret detail" not in str(error.value)
    assert "secret detail" in caplog.text
