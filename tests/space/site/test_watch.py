"""What an operator sees: health, metrics, the log; and who may use a site that has accounts."""

import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")
pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")
prometheus = pytest.importorskip("prometheus_client.parser", reason="metrics need the extra stylehub[site]")

from gradio_client import Client, handle_file

from hub.errors import Cancelled, ParameterError
from hub.files import example_photo
from space.events import event, log_to_stderr, timed
from space.jobs.service import Service
from space.jobs.worker import Worker
from space.site.endpoints import host_of
from space.site.place import Place
from space.site.watch import Watch, kind_of
from tests.support.site import Slow, request, settings

ACCOUNT = ("ann", "a password of ann's")


class Served:
    def __init__(self, folder: Path) -> None:
        from space import app

        self.service = Service(Place(settings(folder, gallery=True)))
        self.demo, self.address = app.serve(block=False, service=self.service, auth=[ACCOUNT])

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.address + path, timeout=30)

    def metrics(self) -> dict[str, dict[str, float]]:
        """The values by the labels' values, joined by spaces."""
        found: dict[str, dict[str, float]] = {}
        for family in prometheus.text_string_to_metric_families(self.get("metrics").text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[" ".join(sample.labels.values())] = sample.value
        return found


def test_only_accounts_get_in(site: Served) -> None:
    assert site.get("config").status_code == 401
    client = Client(site.address, verbose=False, auth=ACCOUNT, download_files=False)
    assert client.predict(token="nobody's", api_name="/jobs") == []
    with pytest.raises(Exception, match=r"[Cc]redentials|[Ll]og ?in|401|400"):
        Client(site.address, verbose=False, auth=("ann", "a guess"))
    assert host_of(SimpleNamespace(username="ann", client=SimpleNamespace(host="::1"))) == "user ann"  # type: ignore[arg-type]


def test_what_is_counted(site: Served) -> None:
    before = site.metrics()
    client = Client(site.address, verbose=False, auth=ACCOUNT, download_files=False)
    photo = handle_file(str(example_photo()))
    client.predict(photo=photo, style="udnie", size=64, api_name="/cin_25styles_lite_single")
    site.service.submit(request(), "token")
    after = site.metrics()

    def more(name: str, of: str) -> float:
        return after[name].get(of, 0.0) - before.get(name, {}).get(of, 0.0)

    assert more("stylehub_events_total", "painted cin-25styles-lite done") == 1
    assert more("stylehub_event_seconds_count", "painted cin-25styles-lite") == 1
    assert more("stylehub_events_total", "job-submitted slow ") == 1
    assert more("stylehub_jobs", "queued") == 1
    assert more("stylehub_http_requests_total", "queue/join 200") == 1
    assert more("stylehub_http_requests_total", "metrics 200") == 1
    assert after["stylehub_job_waiting_seconds"][""] > 0
    assert after["stylehub_page_waiting"][""] == 0
    if sys.platform == "linux":
        assert after["process_resident_memory_bytes"][""] > 1e7
        site.service.workers.add(os.getpid())
        assert site.metrics()["stylehub_workers"][""] == 1
        assert site.metrics()["stylehub_workers_memory_bytes"][""] > 1e7
        site.service.workers.clear()
    logging.getLogger("stylehub.space").error("something")
    assert site.metrics()["stylehub_failures_total"][""] == after["stylehub_failures_total"][""] + 1


def test_health(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = site.get("health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["workers"] == "none runs"
    with site.service.place.alone("keeper"):  # as a worker has it
        assert site.get("health").json()["status"] == "ok"
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
        answer = site.get("health")
    assert (answer.status_code, answer.json()["status"], answer.json()["disk"]) == (503, "down", "it is full")


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    service = Service(Place(settings(tmp_path)))
    watch = Watch(service)
    service.place.database.path.unlink()
    service.place.database.path.mkdir()
    assert watch.health()[0] == 503
    assert "stylehub_disk_free_bytes" in {family.name for family in watch.collect()}  # what can still be told
    watch.close()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "page"),
        ("/health", "health"),
        ("/gradio_api/queue/join", "queue/join"),
        ("/gradio_api/file=/tmp/secret/holiday.png", "file"),
        ("/gradio_api/call/submit/1234", "call"),
        ("/style/gradio_api/upload", "upload"),
        ("/gradio_api/uploads-of-mine", "other"),
        ("/wp-admin.php", "other"),
    ],
)
def test_kinds_of_requests(path: str, kind: str) -> None:
    assert kind_of(path) == kind


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    root, top = logging.getLogger(), logging.getLogger("stylehub")
    before = root.handlers[:], root.level, top.level
    yield
    root.handlers[:], root.level = before[:2]
    top.setLevel(before[2])


@pytest.mark.usefixtures("logs_as_before")
@pytest.mark.parametrize("format", ["text", "json"])
def test_the_log_tells_of_nobody(capsys: pytest.CaptureFixture[str], tmp_path: Path, format: Any) -> None:
    log_to_stderr(format)
    common = {"smtp_host": "127.0.0.1", "smtp_port": 1, "smtp_security": "none", "mail_from": "site@example.net"}
    chosen = settings(tmp_path / "data", **common)
    service = Service(Place(chosen))
    secrets = {"name": "holiday-with-ann.jpg", "token": "a-token", "mail": "ann@example.org", "host": "192.0.2.7"}
    id = service.submit(request(name=secrets["name"]), *[secrets[key] for key in ("token", "host", "mail")])
    absent = service.submit(request(name=secrets["name"], model="absent"), secrets["token"], "192.0.2.8")
    worker = Worker(chosen, Slow)  # type: ignore[arg-type]
    worker.work()
    worker.work()
    worker.keeper.step()  # the mail server does not answer
    try:
        raise ValueError(f"cannot read {secrets['name']}")
    except ValueError:
        logging.getLogger("stylehub.space").exception("in %s", "handler")
    text = capsys.readouterr().err
    assert not [word for word in [*secrets.values(), id, absent] if word in text]
    assert "job-submitted" in text
    assert "mail-not-sent" in text
    assert "ValueError" in text
    if format == "json":
        lines = [json.loads(line) for line in text.splitlines()]
        left = [line for line in lines if line["event"] == "job-left"]
        assert [(line["model"], line["outcome"]) for line in left] == [("slow", "done"), ("absent", "failed")]
        assert {"time", "level", "from", "seconds"} <= set(left[0])
        assert "test_watch.py" in lines[-1]["at"][0]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(None, "done"), (Cancelled("x"), "stopped"), (ParameterError("x"), "refused"), (OSError("x"), "failed")],
)
def test_outcomes(caplog: pytest.LogCaptureFixture, error: Exception | None, outcome: str) -> None:
    caplog.set_level(logging.INFO, "stylehub")
    with suppress(Exception), timed("painted", model="some"):
        if error is not None:
            raise error
    assert caplog.records[-1].facts["outcome"] == outcome  # type: ignore[attr-defined]
    event("else", seconds=None)
    assert caplog.records[-1].facts == {}  # type: ignore[attr-defined]
