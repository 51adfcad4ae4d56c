"""How the site and its workers end: what they hold is closed and handed back, and the exit status tells the truth."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")
pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")

from space.jobs.service import Service
from space.site.place import Place
from tests.support.paths import ROOT
from tests.support.site import FORK, free_port, request, serve, settings, until


@pytest.fixture
def stylehub() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a command; it ends with the test."""
    with ExitStack() as started:

        def start(*words: object) -> "subprocess.Popen[str]":
            command = [sys.executable, "-m", "hub", *map(str, words)]
            pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            process = started.enter_context(subprocess.Popen(command, cwd=ROOT, **pipes))
            started.callback(process.kill)
            return process

        yield start


def workers_of(pid: int) -> list[int]:
    """The workers that the threads of the process ``pid`` have started."""
    found = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    return [child for child in found if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_the_site(stylehub: Callable[..., Any], tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    site = stylehub("space", "--data-dir", tmp_path, "--port", port)
    assert site.stdout is not None
    until(lambda: "stylehub is at" in site.stdout.readline())
    assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    (worker,) = until(lambda: workers_of(site.pid))
    site.send_signal(number)
    said = site.communicate(timeout=60)[0]
    assert site.returncode == 0, said
    assert "Traceback" not in said
    assert "Fatal" not in said
    assert not Path(f"/proc/{worker}").exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_hands_its_job_back(tmp_path: Path, number: signal.Signals) -> None:
    chosen = settings(tmp_path)
    service = Service(Place(chosen))
    id = service.submit(request(steps=100_000, pause=0.005), "token")
    worker = FORK.Process(target=serve, args=(chosen,), daemon=True)
    worker.start()
    until(lambda: service.status(id).seen.step >= 3)
    os.kill(worker.pid or 0, number)
    worker.join(30)
    assert worker.exitcode == 0
    assert service.status(id).job.state == "queued"
    with service.place.database.reading() as db:
        assert db.execute("select deaths from jobs").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("ending", "status", "said"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('no room')", 1, "no room\n"),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", 0, ""),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", 0, ""),
        ("pass", 7, ""),
        ("raise ValueError", 1, None),
    ],
)
def test_the_exit_status(ending: str, status: int, said: str | None) -> None:
    """Of what was ended, or of what failed; and the block is left first."""
    program = f"""
        import os, signal, sys, time
        from space.stopping import until_stopped
        with until_stopped():
            try:
                {ending}
            finally:
                print("closed")
        sys.exit(7)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == status
    assert done.stdout == "closed\n"
    if said is not None:
        assert done.stderr == said
