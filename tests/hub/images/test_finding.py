"""Names, folders and patterns become lists of pictures."""

import pytest

from hub.errors import ImageError
from hub.images import (
    find_images,
)


@pytest.fixture
def album(tmp_path, monkeypatch):
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png", "c[1].png", "c1.png", "sub/d.webp", "sub/deep/e.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_find_images(album):
    def names(*patterns):
        return [p.as_posix() for p in find_images(patterns)]

    assert names("b.png", "a.JPG") == ["b.png", "a.JPG"]
    assert names(".") == ["a.JPG", "b.png", "c1.png", "c[1].png"]
    assert names("*.png") == ["b.png", "c1.png", "c[1].png"]
    assert names("*") == ["a.JPG", "b.png", "c1.png", "c[1].png"]
    assert names("**/*") == ["a.JPG", "b.png", "c1.png", "c[1].png", "sub/d.webp", "sub/deep/e.tif"]
    assert names("c[1].png") == ["c[1].png"]
    assert names("c[0-9].png") == ["c1.png"]
    assert names("notes.txt") == ["notes.txt"]  # named outright; reading it tells what is wrong
    assert names("b.png", "*.png", "./b.png", album / "b.png") == ["b.png", "c1.png", "c[1].png"]
    assert names(album / "sub") == [(album / "sub/d.webp").as_posix()]
    assert names(str(album / "sub" / "**" / "*.tif")) == [(album / "sub/deep/e.tif").as_posix()]
    assert names() == []


@pytest.mark.parametrize("pattern", ["absent.png", "*.bmp", "empty", "absent/**/*.png", "", "folder.png", "x\0y"])
def test_find_nothing(album, pattern):
    with pytest.raises(ImageError) as caught:
        find_images(["b.png", pattern])
    assert pattern.replace("\0", "") in str(caught.value).replace("\\x00", "").replace("\0", "")
