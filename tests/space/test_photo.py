"""A photo that arrives on the page: taken, reduced or refused, and said."""

from pathlib import Path

import pytest
from PIL import Image

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from space import photo


def test_a_photo_is_taken_as_it_is(photo_file: Path) -> None:
    assert photo.accept(str(photo_file)) == (str(photo_file), ""), "an update would lose our checks"
    assert photo.accept(None) == (None, "")


def test_a_photo_over_the_limit_is_reduced_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo, "MAX_PIXELS", 2_000_000)
    Image.new("RGB", (2000, 1500), (9, 90, 200)).save(tmp_path / "large.png")
    path, said = photo.accept(str(tmp_path / "large.png"))
    assert Path(path).name == "large.jpg"
    width, height = Image.open(path).size
    assert width * height <= 2_000_000
    assert width / height == pytest.approx(4 / 3, rel=0.01)
    assert said == "Your photo has 3 megapixels. It is reduced to 2, the most this page takes."


@pytest.mark.parametrize(("content", "sentence"), [(b"hello", "unknown format"), (b"", "is empty")])
def test_what_is_no_photo_leaves_its_place_and_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "text.jpg").write_bytes(content)
    empty, said = photo.accept(str(tmp_path / "text.jpg"))
    assert empty is None
    assert sentence in said
    assert str(tmp_path) not in said
