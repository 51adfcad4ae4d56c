"""A worker or the site is killed, kill -9, wherever it is: no job is lost, none is done twice."""

import argparse
import os
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")

from benchmarks import kills
from hub.images import read_image
from space.jobs.service import Service
from space.site.place import Place
from tests.support.site import request, settings, started, until


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


@pytest.mark.parametrize("queue", ["sqlite", "redis"])
def test_many_kills_of_all(queue: str, tmp_path: Path) -> None:
    """The short form of ``python -m benchmarks kills``: web, workers and Redis at random moments."""
    pytest.importorskip("aiosmtpd", reason="aiosmtpd is not installed")
    if queue == "redis" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    parser = argparse.ArgumentParser()
    kills.add_options(parser)
    found = kills.measure(parser.parse_args(["--kills", "12", "--pause", "0.3", "--mails", "1", "--queue", queue]))
    assert sum(found["kills"].values()) == 12
    assert found["sound"]
    assert found["jobs"]["all"] > 3
    assert found["jobs"]["lost"] == found["jobs"]["twice"] == 0
    assert found["mails"]["lost"] == found["shares"]["lost"] == found["shares"]["orphans"] == 0
    assert found["mails"]["twice"] <= found["mails"]["again"]  # the rare case of docs/site.md: a kill while one is sent
    assert found["mails"]["most"] <= 2
    found |= {"machine": {"gpu": None, "cpu": "a CPU", "threads": 1, "versions": {"torch": "2"}, "date": "today"}}
    found["machine"]["load_average"] = 0
    assert "12 kills" in kills.render(found)
