"""A worker or the site is killed, kill -9, wherever it is: no job is lost, none is done twice."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")

from hub.images import read_image
from space.jobs.service import Service
from space.site.place import Place
from tests.support.site import FORK, request, settings, started, until


def begun(service: Service, id: str) -> list[int]:
    """The step at which each run of the job began."""
    path = service.place.folders.path(id) / "begun"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_a_killed_worker_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    service = Service(Place(chosen))
    id = service.submit(request(Image.new("RGB", (8, 8), "red"), steps=60, pause=0.02), "token")
    first = started(chosen)
    until(lambda: service.status(id).seen.step >= 5)
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    assert service.status(id).job.state == "running"  # nobody could say otherwise
    second = started(chosen)
    until(lambda: service.status(id).job.state == "done")
    second.terminate()
    second.join(20)
    runs = begun(service, id)
    assert runs[0] == 0
    assert len(runs) == 2
    assert runs[1] >= 5
    assert read_image(service.result(id)).rgb.getpixel((0, 0)) == (0, 255, 255)


def test_a_job_that_always_ends_its_worker_fails(tmp_path: Path) -> None:
    chosen = settings(tmp_path, tries=2)
    service = Service(Place(chosen))
    poison = service.submit(request(steps=1, pause=600), "token", host="1")
    for number in range(2):
        worker = started(chosen)
        until(lambda: service.status(poison).job.state == "running")
        until(lambda before=number: len(begun(service, poison)) > before)
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    worker = started(chosen)
    until(lambda: service.status(poison).job.state == "failed")
    assert "ended 2 times at this job" in (service.status(poison).job.error or "")
    good = service.submit(request(), "token", host="2")
    until(lambda: service.status(good).job.state == "done")
    worker.terminate()
    worker.join(20)


def submit_until_killed(folder: Path, told: str) -> None:
    """A site that takes jobs; it notes the id of each one that its visitor was told of."""
    service = Service(Place(settings(folder, jobs_each=1000)))
    number = 0
    while True:
        id = service.submit(request(steps=3, pause=0.002, name=f"{os.getpid()}-{number}.jpg"), "token")
        with Path(told).open("a") as file:
            file.write(f"{id}\n")
        number += 1
        time.sleep(0.02)


def test_many_kills_of_both(tmp_path: Path) -> None:
    """The site and two workers, one of them killed at a random moment, again and again; then all must be done once."""
    chosen = settings(tmp_path / "data", tries=1000, jobs_each=1000)
    service = Service(Place(chosen))
    told = tmp_path / "told"
    luck = random.Random(7)

    def site() -> object:
        process = FORK.Process(target=submit_until_killed, args=(tmp_path / "data", str(told)), daemon=True)
        process.start()
        return process

    processes = [site(), started(chosen), started(chosen)]
    until(lambda: told.exists())
    for number in range(12):
        time.sleep(luck.uniform(0.02, 0.4))
        victim = number % 3
        os.kill(processes[victim].pid, signal.SIGKILL)  # type: ignore[attr-defined]
        processes[victim].join()  # type: ignore[attr-defined]
        processes[victim] = site() if victim == 0 else started(chosen)
    os.kill(processes[0].pid, signal.SIGKILL)  # type: ignore[attr-defined]
    until(lambda: set(service.place.jobs.counts()) == {"done"}, 120)
    for worker in processes[1:]:
        worker.terminate()  # type: ignore[attr-defined]
        worker.join(20)  # type: ignore[attr-defined]
    ids = told.read_text().split()
    assert len(ids) == len(set(ids)) > 3
    for id in ids:
        assert service.status(id).job.state == "done"
        assert service.result(id).exists()
    with service.place.database.reading() as db:
        assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
        assert db.execute("select count(*) - count(distinct name) from jobs").fetchone()[0] == 0
        known = {row[0] for row in db.execute("select id from jobs")}
    service.place.folders.sweep(service.place.jobs.has)
    assert {path.name for path in service.place.folders.root.iterdir()} - {".locks"} == known
