"""The gallery: what is shared and what is not, who may do what, and a kill at every step."""

import gc
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

pytest.importorskip("filelock")

from hub.errors import StylehubError
from hub.images import encode_image
from hub.provenance import read_recipe
from space.gallery import store
from space.gallery.clean import shareable
from space.gallery.store import Gallery
from space.site.database import Database
from tests.support.site import FORK

RECIPE: dict[str, Any] = {
    "stylehub": "0.1.0",
    "contract": 1,
    "model": "cin-25styles",
    "weights": "a" * 64,
    "parameters": {"style": "starry-night", "strength": 0.8},
    "photo": "anna-at-home.jpg",
    "remarks": {"seen": "anna"},
}


def opened(folder: Path, gb: float = 1.0) -> Gallery:
    folder.mkdir(exist_ok=True)
    return Gallery(Database(folder / "site.sqlite3"), folder / "gallery", gb)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return opened(tmp_path / "data")


@pytest.fixture
def result(tmp_path: Path) -> Callable[..., Path]:
    """A finished result, with the metadata of a phone in it."""

    def make(size: tuple[int, int] = (60, 40), colour: str = "red", **recipe: Any) -> Path:
        exif = Image.Exif()
        exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "CameraMaker", "CameraModel"
        exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
        image = Image.new("RGB", size, colour)
        image.info["photo_metadata"] = {"exif": exif.tobytes(), "dpi": (72, 72)}
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.png"
        path.write_bytes(encode_image(image, "png", recipe={**RECIPE, **recipe}, keep_metadata="all"))
        return path

    return make


def test_what_is_shared(gallery: Gallery, result: Callable[..., Path]) -> None:
    source = result((900, 300))
    assert b"CameraMaker" in source.read_bytes()
    id = gallery.share(source, "owner")
    shared = gallery.get(id)
    assert (shared.model, shared.style, shared.size, shared.reports) == ("cin-25styles", "starry-night", (900, 300), 0)
    assert shared.recipe["parameters"] == {"style": "starry-night", "strength": 0.8}
    for path in (gallery.picture(id), gallery.thumbnail(id)):
        data = path.read_bytes()
        for private in (b"Camera", b"anna", b"GPS"):
            assert private not in data
        assert Image.open(io.BytesIO(data)).getexif().get_ifd(ExifTags.IFD.GPSInfo) == {}
    assert Image.open(gallery.picture(id)).size == (900, 300)
    assert max(Image.open(gallery.thumbnail(id)).size) == 400
    assert b"anna" not in gallery.database.path.read_bytes()
    assert (read_recipe(gallery.picture(id)) or {})["parameters"] == shared.recipe["parameters"]
    with pytest.raises(StylehubError, match="Only a result of this site"):
        gallery.share(_plain(source), "owner")


def _plain(source: Path) -> Path:
    Image.new("RGB", (9, 9)).save(source)
    return source


@pytest.mark.parametrize(
    ("model", "parameters", "kept", "style"),
    [
        ("cin-25styles", {"style": {"udnie": 0.3, "great-wave": 0.7}}, {"style": {"udnie": 0.3, "great-wave": 0.7}}, "great-wave"),
        ("gatys", {"style": "my-home.jpg", "iterations": 9, "vgg": "mine.safetensors"}, {"iterations": 9}, ""),
        ("adain", {"style": "starry-night", "map": "anna.png", "floor": 0.5}, {"style": "starry-night", "floor": 0.5}, "starry-night"),
        ("adain", {"style": {"PICTURE": 0.5, "starry-night": 0.5}, "unknown": "x"}, {}, ""),
    ],
)  # fmt: skip
def test_settings_without_files(model: str, parameters: Any, kept: Any, style: str) -> None:
    found = shareable({**RECIPE, "model": model, "parameters": parameters})
    assert found["parameters"] == kept
    assert "photo" not in found
    assert store.style_of(found) == style


def test_browsing(gallery: Gallery, result: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PAGE", 2)
    ids = [gallery.share(result(parameters={"style": style}), "owner") for style in ("udnie", "great-wave", "udnie")]
    ids.append(gallery.share(result(model="gatys", parameters={"style": "mine.jpg"}), "another"))
    assert [shared.id for shared in gallery.browse().pictures] == [ids[3], ids[2]]
    assert [shared.id for shared in gallery.browse(2).pictures] == [ids[1], ids[0]]
    assert gallery.browse(2).total == 4
    assert gallery.browse(99).pictures == []
    assert [shared.id for shared in gallery.browse(style="udnie").pictures] == [ids[2], ids[0]]
    assert [shared.id for shared in gallery.browse(model="gatys").pictures] == [ids[3]]
    assert [shared.id for shared in gallery.browse(owner="another").pictures] == [ids[3]]
    assert gallery.choices() == {"cin-25styles": ["great-wave", "udnie"], "gatys": [""]}


def test_who_may_delete(gallery: Gallery, result: Callable[..., Path]) -> None:
    id = gallery.share(result(), "owner")
    assert not gallery.delete(id, "another")
    assert gallery.delete(id, "owner")
    assert not gallery.delete(id, "owner")
    with pytest.raises(StylehubError, match="not in the gallery, or no longer"):
        gallery.picture(id)
    assert not gallery.folders.path(id).exists()


def test_reports_and_hiding(gallery: Gallery, result: Callable[..., Path]) -> None:
    id, other = (gallery.share(result(), "owner") for _ in range(2))
    for visitor in ("a", "a", "b"):
        gallery.report(id, visitor)
    assert [(shared.id, shared.reports) for shared in gallery.reported().pictures] == [(id, 2)]
    assert gallery.hide(id)
    assert [shared.id for shared in gallery.browse().pictures] == [other]
    for ask in (gallery.picture, gallery.thumbnail, gallery.get):
        with pytest.raises(StylehubError):
            ask(id)
    assert gallery.thumbnail(id, hidden=True).exists()
    assert {shared.id for shared in gallery.browse(owner="owner").pictures} == {id, other}
    assert gallery.hide(id, False)
    assert gallery.picture(id).exists()
    assert gallery.reported().total == 0
    with pytest.raises(StylehubError):
        gallery.report("nobody", "a")


def test_a_full_gallery(tmp_path: Path, result: Callable[..., Path]) -> None:
    gallery = opened(tmp_path / "data", gb=3e-6)
    gallery.share(result(), "owner")
    with pytest.raises(StylehubError, match="The gallery is full"):
        gallery.share(result((900, 900)), "owner")
    assert len(list(gallery.folders.root.iterdir())) == 1 + 1  # .locks


def test_ids_of_strangers(gallery: Gallery) -> None:
    for id in ("../../etc/passwd", "", "x", "' or 1=1 --"):
        with pytest.raises(StylehubError):
            gallery.picture(id)
        assert not gallery.delete(id)


def _killed_at(line: int, gallery: Gallery, work: Callable[[Gallery], None]) -> None:
    """Do ``work``, and kill -9 this process before it runs its ``line``-th line of the site's code."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        if "/space/" not in frame.f_code.co_filename and not frame.f_code.co_filename.endswith("hub/files.py"):
            return None
        if event == "line":
            count += 1
            if count == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    work(gallery)
    sys.settrace(None)
    os._exit(0)


def _sound(folder: Path) -> Gallery:
    """The gallery after a kill: sound, and after a sweep each row has its files and each folder its row."""
    gallery = opened(folder)
    gallery.sweep()
    with gallery.database.reading() as db:
        assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
        ids = {row[0] for row in db.execute("select id from shared")}
    assert {path.name for path in gallery.folders.root.iterdir()} == ids | {".locks"}
    assert {path.name for path in (gallery.folders.root / ".locks").iterdir()} <= ids
    for id in ids:
        assert Image.open(gallery.picture(id)).size == Image.open(gallery.thumbnail(id)).size == (60, 40)
        assert {path.name for path in gallery.folders.path(id).iterdir()} == {"picture.jpg", "thumbnail.jpg"}
    return gallery


@pytest.fixture
def light_forks() -> Iterator[None]:
    """A garbage collection in a forked process would copy all the memory of this one."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("light_forks")
@pytest.mark.parametrize("action", ["share", "delete"])
def test_a_kill_at_every_step(tmp_path: Path, result: Callable[..., Path], action: str) -> None:
    source, folder = result(), tmp_path / "data"
    gallery = opened(folder)
    kept = gallery.share(source, "owner")
    totals: list[int] = []
    for line in range(1, 400):
        victim = gallery.share(source, "owner") if action == "delete" else ""

        def work(gallery: Gallery, victim: str = victim) -> None:
            if action == "share":
                gallery.share(source, "owner")
            else:
                gallery.delete(victim, "owner")

        process = FORK.Process(target=_killed_at, args=(line, gallery, work))
        process.start()
        process.join(60)
        gallery = _sound(folder)
        pictures = {shared.id for shared in gallery.browse().pictures}
        assert kept in pictures
        totals.append(len(pictures))
        for id in pictures - {kept}:
            gallery.delete(id)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    else:
        raise AssertionError("it has more lines than this test expects")
    assert set(totals) == {1, 2}  # before, and after the one moment at which it happens
    assert totals == sorted(totals, reverse=action == "delete")
    assert len(totals) > 20
