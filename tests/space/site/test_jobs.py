"""Jobs of a site: what is kept, their line, their limits, who may do what. The worker runs in this process."""

import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")

from hub.errors import StylehubError
from hub.images import read_image
from hub.pictures import Pictures
from hub.provenance import read_recipe
from hub.spatial import Map
from space.jobs import progress
from space.jobs.keeper import Keeper, SteadyClock
from space.jobs.request import Request
from space.jobs.service import Service
from space.jobs.worker import Worker
from space.site.place import Place
from space.site.running import open_site
from tests.support.site import Slow, request, settings


class Site:
    """A service and a worker over one folder."""

    def __init__(self, folder: Path, **values: Any) -> None:
        self.settings = settings(folder, **values)
        self.service = Service(Place(self.settings))
        self.worker = Worker(self.settings, Slow)  # type: ignore[arg-type]
        self.keeper = self.worker.keeper

    def state(self, id: str) -> str:
        return self.service.status(id).job.state


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "data")


def test_a_job_from_beginning_to_end(site: Site, photo: Image.Image) -> None:
    id = site.service.submit(request(photo, steps=3), "token")
    assert len(id) >= 32
    status = site.service.status(id)
    assert (status.job.state, status.job.place, status.mail) == ("queued", 1, "none")
    with pytest.raises(StylehubError, match="not done yet"):
        site.service.result(id)
    site.worker.work()
    status = site.service.status(id)
    assert (status.job.state, status.job.error, status.seen.of) == ("done", None, 3)
    result = site.service.result(id)
    assert read_image(result).rgb.getpixel((3, 3)) == tuple(255 - c for c in photo.getpixel((3, 3)))
    assert (read_recipe(result) or {})["photo"] == "photo.jpg"
    assert [job.id for job in site.service.own("token")] == [id]


def test_how_far_it_is(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    id = site.service.submit(request(steps=450), "token")
    site.worker.work()
    seen = site.service.status(id).seen
    assert (seen.step, seen.of) == (450, 450)
    steps = [step for step, _ in seen.losses]
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (1, 450)
    assert len(steps) <= 400
    assert seen.losses[-1][1] == pytest.approx(1 / 450)
    assert seen.preview is not None
    assert max(Image.open(seen.preview).size) <= 640


def test_the_line_is_fair(site: Site) -> None:
    first = [site.service.submit(request(), "a", host="10.0.0.1") for _ in range(3)]
    second = site.service.submit(request(), "b", host="10.0.0.2")
    places = [site.service.status(id).job.place for id in [*first, second]]
    assert places == [1, 3, 4, 2]
    with site.service.place.folders.locked(first[0]):
        site.service.place.jobs.start(first[0])
    assert [site.service.status(id).job.place for id in [*first[1:], second]] == [2, 3, 1]


def test_limits(tmp_path: Path) -> None:
    site = Site(tmp_path, jobs_each=2, jobs_waiting=3)
    for _ in range(2):
        site.service.submit(request(), "a", host="10.0.0.1")
    with pytest.raises(StylehubError, match="You have 2 jobs"):
        site.service.submit(request(), "another token", host="10.0.0.1")
    site.service.submit(request(), "b", host="10.0.0.2")
    with pytest.raises(StylehubError, match="The queue is full, 3 jobs wait"):
        site.service.submit(request(), "c", host="10.0.0.3")
    assert len(list((tmp_path / "jobs").iterdir())) == 3 + 1  # nothing of those that were refused; .locks


def test_cancelling(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    id = site.service.submit(request(), "token")
    assert not site.service.cancel(id, "a stranger's")
    assert site.service.cancel(id, "token")
    assert not site.service.cancel(id, "token")
    assert not site.service.place.folders.path(id).exists()
    site.worker.work()
    assert site.state(id) == "cancelled"

    running = site.service.submit(request(steps=50), "token")
    real = Slow.__call__

    def cancelled_meanwhile(self: Slow, photo: Any, progress: Any, **values: Any) -> Any:
        def report(p: Any) -> None:
            if p.step == 5:
                assert site.service.cancel(running, "token")
            progress(p)
            assert p.step < 6, "it went on"

        return real(self, photo, report, **values)

    monkeypatch.setattr(Slow, "__call__", cancelled_meanwhile)
    site.worker.work()
    assert site.state(running) == "cancelled"
    assert not site.service.place.folders.path(running).exists()
    with pytest.raises(StylehubError, match="has no result"):
        site.service.result(running)


def test_errors_are_one_sentence(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = site.service.submit(request(model="absent"), "token")
    site.worker.work()
    assert site.service.status(absent).job.error == "There is no model absent."
    with pytest.raises(StylehubError, match="no model absent"):
        site.service.result(absent)
    monkeypatch.setattr(Slow, "__call__", lambda *_, **__: 1 / 0)
    broken = site.service.submit(request(), "token")
    site.worker.work()
    assert "Something went wrong on the server" in (site.service.status(broken).job.error or "")
    (site.service.place.folders.path(damaged := site.service.submit(request(), "token")) / "request.json").write_text(
        "{"
    )
    site.worker.work()
    assert "damaged" in (site.service.status(damaged).job.error or "")


def test_what_is_asked_for_is_kept(tmp_path: Path, photo: Image.Image) -> None:
    painting = Image.new("RGBA", (5, 4), (1, 2, 3, 4))
    painting.info["exif"] = b"a place"
    asked = Request(
        "slow",
        {
            "style": Pictures([painting, "udnie"], [1, 3], ["../mine.png", "udnie"]),
            "map": Map(Image.new("L", (3, 3), 7), "mask.png"),
            "steps": 4,
            "style_layers": {"relu1_1": 0.5},
        },
        "../../holiday\n.jpg",
        photo,
    )
    asked.write(tmp_path)
    assert not any(b"a place" in path.read_bytes() for path in tmp_path.iterdir())
    found = Request.read(tmp_path)
    style = found.parameters["style"]
    assert style.pictures[0].getpixel((1, 1)) == (1, 2, 3, 4)
    assert (style.pictures[1], style.shares, style.names) == ("udnie", (0.25, 0.75), ("mine.png", "udnie"))
    assert found.parameters["map"].source.getpixel((1, 1))[0] == 7
    assert {k: v for k, v in found.parameters.items() if k not in ("style", "map")} == {
        "steps": 4,
        "style_layers": {"relu1_1": 0.5},
    }
    for forbidden in (Path("/etc/passwd"), b"bytes", float("nan")):
        with pytest.raises(StylehubError):
            Request("slow", {"vgg": forbidden}, "x", photo).write(tmp_path)
    with pytest.raises(StylehubError):
        Request("slow", {"style": Pictures([Path("/etc/passwd")])}, "x", photo).write(tmp_path)


def test_an_id_is_no_path(site: Site) -> None:
    for id in ("../../etc", "a/b", "", "x" * 65, "ä", ".locks", "a\0b"):
        with pytest.raises(StylehubError):
            site.service.result(id)


def test_tokens_and_addresses_are_not_stored(site: Site) -> None:
    site.service.submit(request(), "the-token-of-somebody", host="192.0.2.77")
    for path in site.settings.folder.rglob("*"):
        if path.is_file():
            assert b"the-token-of-somebody" not in path.read_bytes()
            assert b"192.0.2.77" not in path.read_bytes()
    assert stat.S_IMODE(site.settings.folder.stat().st_mode) == 0o700
    assert site.service.own("another") == site.service.own("") == []


def test_old_results_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, keep_days=2)
    site.keeper.clock = SteadyClock(
        ticks=iter(range(0, 10**7, 10**4)).__next__, wall=iter(range(0, 10**9, 10**4)).__next__
    )
    ids = [site.service.submit(request(), "a") for _ in range(2)]
    site.worker.work()
    with site.service.place.database.changing() as db:
        db.execute("update jobs set finished = -1e6")
    site.keeper.clean()
    with pytest.raises(
        StylehubError, match=r"There is no such job here, or it was deleted; results are kept for 2 days\."
    ):
        site.service.status(ids[0])
    assert not site.service.place.folders.path(ids[0]).exists()
    assert site.state(ids[1]) == "queued"  # what waits is never deleted


def test_the_oldest_are_deleted_for_space(tmp_path: Path) -> None:
    site = Site(tmp_path)
    ids = [site.service.submit(request(), "a", host=str(n)) for n in range(3)]
    for id in ids:
        site.worker.work()
        (site.service.place.folders.path(id) / "large").write_bytes(bytes(100_000))
    site.keeper.place.settings = settings(tmp_path, keep_gb=0.00025)
    site.keeper.clean()
    left = [id for id in ids if site.service.place.jobs.has(id)]
    assert left == ids[1:]


def test_a_clock_that_jumps_deletes_nothing() -> None:
    now = {"wall": 0.0, "ticks": 0.0}
    clock = SteadyClock(lambda: now["wall"], lambda: now["ticks"])
    now |= {"wall": 60.0, "ticks": 60.0}
    assert clock.now() == (60.0, True)
    now |= {"wall": 1e9, "ticks": 120.0}
    assert clock.now() == (1e9, False)
    now |= {"wall": 1e9 + 60, "ticks": 180.0}
    assert not clock.now()[1]
    now |= {"wall": 1e9 + 3700, "ticks": 3820.0}
    assert clock.now()[1]


def test_a_deleted_job_is_gone(site: Site) -> None:
    id = site.service.submit(request(), "token")
    assert not site.service.delete(id, "token")  # it still waits
    site.worker.work()
    assert not site.service.delete(id, "a stranger's")
    assert site.service.delete(id, "token")
    assert not site.service.place.folders.path(id).exists()


def test_a_newer_or_broken_data_folder(tmp_path: Path) -> None:
    place = Place(settings(tmp_path / "a"))
    with place.database.changing() as db:
        db.execute("pragma user_version = 99")
    with pytest.raises(StylehubError, match="written by a newer stylehub; update this one, or give another --data-dir"):
        Place(settings(tmp_path / "a"))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "site.sqlite3").write_bytes(b"no database, but long enough for a header of one" * 40)
    with pytest.raises(StylehubError, match="cannot be used"):
        Place(settings(tmp_path / "b"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StylehubError, match="cannot be written"):
        Place(settings(tmp_path / "file"))


def test_two_sites_on_one_folder(tmp_path: Path) -> None:
    chosen = settings(tmp_path, workers=0)
    with (
        open_site(chosen),
        pytest.raises(StylehubError, match=r"Another app serves .*; stop it, or give another --data-dir"),
        open_site(chosen),
    ):
        pass
    with open_site(chosen):  # the first has ended
        pass


def test_a_worker_without_the_model(site: Site) -> None:
    """The job says so, and the worker goes on with the next."""
    absent = site.service.submit(request(model="another"), "token")
    good = site.service.submit(request(), "token")
    site.worker.work()
    site.worker.work()
    assert site.service.status(absent).job.error == "There is no model another."
    assert site.service.status(good).job.state == "done"


def test_a_lost_message_is_sent_again(site: Site) -> None:
    for host in ("1", "2"):
        site.service.submit(request(), "token", host=host)
    site.worker.queue.huey.storage.flush_queue()
    assert len(site.worker.queue) == 0
    site.keeper.wake()
    site.keeper.wake()
    assert len(site.worker.queue) == 2
    assert b"pickle" not in b"".join(site.worker.queue.huey.storage.enqueued_items())
    names = {json.loads(message)["name"] for message in site.worker.queue.huey.storage.enqueued_items()}
    site.service.queue.wake()  # the site's own messages are those that a worker knows
    assert {json.loads(message)["name"] for message in site.worker.queue.huey.storage.enqueued_items()} == names
    assert site.worker.queue.huey.dequeue() is not None


def test_one_keeper_at_a_time(site: Site) -> None:
    other = Place(site.settings)
    with site.service.place.alone("keeper") as first, other.alone("keeper") as second:
        assert (first, second) == (True, False)
    with other.alone("keeper") as third:
        assert third


def test_a_full_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("space.jobs.request.write_whole", full)
    with pytest.raises(StylehubError, match="its disk is full; try again later"):
        site.service.submit(request(), "token")
    assert site.service.own("token") == []
    monkeypatch.undo()
    id = site.service.submit(request(), "token")
    monkeypatch.setattr("hub.images.writing.write_whole", full)
    site.worker.work()
    assert "disk is full" in (site.service.status(id).job.error or "")


def test_a_keeper_goes_on_after_an_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(Keeper, "recover", lambda self: 1 / 0)
    monkeypatch.setattr(site.keeper, "wake", lambda: done.append("woken"))
    site.keeper.step()
    assert done == ["woken"]
    assert time.monotonic() - site.keeper._cleaned < 60
