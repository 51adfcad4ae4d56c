"""Zips from visitors: those that are honest, and those that lie."""

import io
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")

from hub.errors import ImageError, StylehubError
from hub.loading import load
from hub.parameters import Parameters
from hub.provenance import read_recipe
from space.jobs import archive, many
from space.jobs.request import Request
from space.jobs.service import Service
from space.jobs.worker import Worker
from space.site.place import Place
from tests.support.pictures import encoded
from tests.support.site import settings


def zipped(path: Path, members: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def jpeg(colour: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
    return encoded(Image.new("RGB", size, colour), "jpeg")


def test_names_are_made_safe(tmp_path: Path) -> None:
    members = {
        "holiday/a.jpg": jpeg(),
        "other/A.JPG": jpeg(),
        "other/a.jpg": jpeg(),
        "b c'\"$<>|*?.png": jpeg(),
        "notes.txt": b"no picture",
        "__MACOSX/._a.jpg": b"a shadow",
        ".hidden.jpg": b"hidden",
        "empty/": b"",
        "Größe.jpg": jpeg(),
        "x" * 300 + ".jpg": jpeg(),
    }
    found = [name for _, name in archive.pictures(zipped(tmp_path / "a.zip", members), 100, 100)]
    assert found == ["a.jpg", "A-2.jpg", "a-3.jpg", "b c________.png", "Größe.jpg", "x" * 80 + ".jpg"]
    written = archive.unpack(tmp_path / "a.zip", tmp_path / "out", 100, 100)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(found)
    assert all(path.read_bytes() == jpeg() for path in written)


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/a.jpg", "a/../../b.jpg", "..\\a.jpg", "C:\\a.jpg", "C:/a.jpg"])
def test_a_path_that_leads_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageError, match="leads out of its folder; make the zip again"):
        archive.unpack(zipped(tmp_path / "a.zip", {"good.jpg": jpeg(), name: jpeg()}), tmp_path / "out", 100, 100)
    assert not list((tmp_path / "out").iterdir())
    assert not (tmp_path / "a.jpg").exists()


def test_links(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.jpg")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(link, "/etc/passwd")
    with pytest.raises(ImageError, match="holds the link"):
        archive.pictures(tmp_path / "a.zip", 100, 100)


def test_bombs(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {f"{n}.jpg": bytes(900_000) for n in range(3)}, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 10_000
    with pytest.raises(ImageError, match="unpacks to more than 2 MB; send it in parts"):
        archive.pictures(bomb, 100, 2)
    with pytest.raises(ImageError, match="more than 2 pictures"):
        archive.pictures(bomb, 2, 100)
    # A bomb that says it is small: the size in both headers is a lie.
    lies = bytearray(bomb.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = lies.find(mark)
        while at >= 0:
            struct.pack_into("<I", lies, at + offset, 1000)
            at = lies.find(mark, at + 4)
    (tmp_path / "lies.zip").write_bytes(bytes(lies))
    with pytest.raises(ImageError):
        archive.unpack(tmp_path / "lies.zip", tmp_path / "out", 100, 2)
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) < 2_000_000


def test_no_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    whole = zipped(path, {"a.jpg": jpeg(), "b.jpg": jpeg("blue")}).read_bytes()
    for data, words in [
        (b"no zip", "is not a zip that can be read"),
        (b"", "is not a zip that can be read"),
        (whole[:-30], "is not a zip that can be read"),
        (whole.replace(jpeg()[100:120], bytes(20), 1), "is not a zip that can be read"),
        (zipped(tmp_path / "b.zip", {"a.txt": b"text"}).read_bytes(), "holds no picture"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ImageError, match=words):
            archive.unpack(path, tmp_path / "out", 100, 100)
    locked = bytearray(whole)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.find(mark) + offset] |= 1
    path.write_bytes(bytes(locked))
    with pytest.raises(ImageError, match="has a password"):
        archive.pictures(path, 100, 100)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(Place(settings(tmp_path / "data", zip_files=5, zip_mb=2)))


def run(service: Service, archive: Path, **parameters: Any) -> str:
    id = service.submit(Request("cin-25styles-lite", parameters, "holiday.zip"), "token", photos=archive)
    Worker(service.place.settings, load).work()
    return id


def test_photos_in_photos_out(service: Service, tmp_path: Path) -> None:
    huge = io.BytesIO()
    Image.new("1", (9000, 9000)).save(huge, "png")
    photos = {"a.jpg": jpeg(), "b/a.jpg": jpeg("blue"), "broken.png": b"no picture", "huge.png": huge.getvalue()}
    id = run(service, zipped(tmp_path / "a.zip", photos), style="starry-night", strength=0.0)
    status = service.status(id)
    assert (status.job.state, status.job.error, status.job.kind) == ("done", None, "zip")
    assert (status.seen.step, status.seen.of) == (2, 2)
    with zipfile.ZipFile(service.result(id)) as results:
        assert sorted(results.namelist()) == ["a-2.jpg", "a.jpg", "not-painted.txt"]
        assert (read_recipe(results.read("a-2.jpg")) or {})["photo"] == "a-2.jpg"
        pixel = Image.open(io.BytesIO(results.read("a-2.jpg"))).getpixel((5, 5))
        assert isinstance(pixel, tuple)
        assert pixel[2] > 200
        refused = results.read("not-painted.txt").decode()
    assert "broken.png: " in refused
    assert "huge.png: It has 81,000,000 pixels, more than 40,000,000; make it smaller first." in refused
    assert str(tmp_path) not in refused
    assert sorted(p.name for p in service.place.folders.path(id).iterdir()) == [
        "not-painted.txt", "photos.zip", "progress.json", "request.json", "result.zip"
    ]  # fmt: skip


def test_photos_that_cannot_be_painted(service: Service, tmp_path: Path) -> None:
    id = run(service, zipped(tmp_path / "a.zip", {"a.jpg": b"no picture"}), style="starry-night")
    assert "No photo of the zip can be read: " in (service.status(id).job.error or "")
    assert str(tmp_path) not in (service.status(id).job.error or "")
    id = run(service, zipped(tmp_path / "a.zip", {"a.jpg": jpeg()}), style="no such style")
    assert "no such style" in (service.status(id).job.error or "")


def test_a_zip_is_checked_before_it_waits(service: Service, tmp_path: Path) -> None:
    with pytest.raises(StylehubError, match="more than 5 pictures"):
        run(service, zipped(tmp_path / "a.zip", {f"{n}.jpg": jpeg() for n in range(6)}))
    assert service.own("token") == []
    assert many.check(zipped(tmp_path / "a.zip", {"a.jpg": jpeg()}), 5, 2) == 1
    assert issubclass(load("cin-25styles-lite").Parameters, Parameters)
