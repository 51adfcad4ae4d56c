"""``stylehub worker``: the command itself, with a real method, killed with kill -9 and started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")

from hub.images import read_image
from hub.loading import load
from hub.pictures import Pictures
from space.jobs.request import Request
from space.jobs.service import Service
from space.site.place import Place
from space.site.running import open_site
from tests.support.paths import ROOT
from tests.support.site import settings, until

pytestmark = pytest.mark.slow
LONG = 600.0  # seconds; on a machine with nothing else to do it takes 20


def gatys(photo: Image.Image, iterations: int) -> Request:
    small = photo.convert("RGB").resize((64, 64))
    parameters = {"style": Pictures([small.rotate(90)]), "iterations": iterations, "patience": 0, "size": 64}
    return Request("gatys", parameters, "photo.jpg", small)


def command(folder: Path) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", "hub", "worker", "--data-dir", str(folder)]
    return subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL)


def test_a_killed_optimisation_goes_on(tmp_path: Path, photo: Image.Image) -> None:
    service = Service(Place(settings(tmp_path)))
    asked = gatys(photo, 250)
    id = service.submit(asked, "token")
    kept = service.place.folders.path(id) / "checkpoint.safetensors"
    first = command(tmp_path)
    until(lambda: kept.exists() and service.status(id).seen.step, LONG)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    step = service.status(id).seen.step
    assert 0 < step < 250
    second = command(tmp_path)
    until(lambda: service.status(id).job.state != "running" or service.status(id).seen.step > step, LONG)
    until(lambda: service.status(id).job.state == "done", LONG)
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0
    result = read_image(service.result(id)).rgb
    whole = load("gatys")(asked.photo, **asked.parameters)
    assert result.tobytes() == whole.convert("RGB").tobytes()
    assert not kept.exists()


def test_workers_come_and_go_with_the_site(tmp_path: Path, photo: Image.Image) -> None:
    with open_site(settings(tmp_path)) as service:
        id = service.submit(gatys(photo, 3), "token")
        until(lambda: service.status(id).job.state == "done", LONG)
        assert len(service.workers) == 1
        with pytest.raises(Exception, match="Another app serves"), open_site(settings(tmp_path)):
            pass
    assert not service.workers
    id = service.submit(gatys(photo, 3), "token")
    assert service.status(id).job.place == 1
