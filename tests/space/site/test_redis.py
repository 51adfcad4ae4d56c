"""Workers that are woken by Redis: jobs are done, and neither a Redis that dies nor one that forgets loses any."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")
redis = pytest.importorskip("redis", reason="Redis needs the extra stylehub[site]")

from hub.errors import StylehubError
from space.jobs.queue import Queue
from space.jobs.service import Service
from space.site.place import Place
from space.site.settings import Settings
from tests.support.site import free_port, request, settings, started, until

SERVER = shutil.which("redis-server")


class Redis:
    """A Redis that keeps nothing on disk, so that a kill takes all that it knows."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen([SERVER or "", *options], stdout=subprocess.DEVNULL)
        until(self.answers)

    def answers(self) -> bool:
        try:
            return bool(redis.Redis.from_url(self.url).ping())
        except redis.exceptions.RedisError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    if SERVER is None:
        pytest.skip("redis-server is not installed")
    made = Redis(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def chosen(server: Redis, tmp_path: Path) -> Settings:
    return settings(tmp_path / "data", redis=server.url, jobs_each=1000, tries=1000)


def test_jobs_are_done(chosen: Settings) -> None:
    service = Service(Place(chosen))
    workers = [started(chosen), started(chosen)]
    ids = [service.submit(request(steps=3), "token") for _ in range(6)]
    until(lambda: all(service.status(id).job.state == "done" for id in ids))
    for worker in workers:
        worker.terminate()
        worker.join(30)
        assert worker.exitcode == 0
    assert not (chosen.folder / "queue.sqlite3").exists()


def test_redis_dies_and_forgets(server: Redis, chosen: Settings) -> None:
    """Jobs come while it is away, and those that waited are no longer known to it; all of them are done."""
    service = Service(Place(chosen))
    forgotten = service.submit(request(steps=3), "token")
    assert len(service.queue) == 1
    server.kill()
    during = service.submit(request(steps=3), "token")
    worker = started(chosen)
    server.start()
    until(lambda: {service.status(id).job.state for id in (forgotten, during)} == {"done"})
    server.kill()
    later = service.submit(request(steps=3), "token")
    server.start()
    until(lambda: service.status(later).job.state == "done")
    worker.terminate()
    worker.join(30)
    assert worker.exitcode == 0


def test_a_killed_worker(chosen: Settings) -> None:
    service = Service(Place(chosen))
    id = service.submit(request(steps=60, pause=0.02), "token")
    first, second = started(chosen), started(chosen)
    until(lambda: service.status(id).seen.step >= 3)
    for worker in (first, second):
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    third = started(chosen)
    until(lambda: service.status(id).job.state == "done")
    third.terminate()
    third.join(30)
    log = service.place.folders.path(id) / "begun"
    assert [int(line) > 0 for line in log.read_text().split()] == [False, True]


def test_a_wrong_address(tmp_path: Path) -> None:
    with pytest.raises(StylehubError, match="Redis at nonsense cannot be used"):
        Queue(settings(tmp_path, redis="nonsense"))
