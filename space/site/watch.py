"""What an operator looks at: ``/health`` says whether the site works, ``/metrics`` counts for Prometheus."""

import logging
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import gradio as gr
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub import __version__
from hub.errors import StylehubError
from space.events import facts_of, log
from space.jobs.service import Service
from space.site.crowd import Crowd

_LEAST = 100_000_000  # free bytes below which no job can be kept
_PLAIN = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
# Only these kinds of requests are told apart, so that strangers cannot make up any number of them.
_KINDS = ("queue/join", "queue/data", "upload", "file", "call", "heartbeat", "mcp", "assets", "theme.css", "config")

_CALLS = ("queue/join", "call")


class Watch:
    """Watches over ``service`` and what its visitors do, in the process of the web."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.page: gr.Blocks | None = None
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        counted: dict[str, Any] = {"namespace": "stylehub", "registry": self.registry}
        self._requests = Counter("http_requests", "Requests by kind and status.", ["kind", "status"], **counted)
        self._answered = Histogram(
            "http_seconds", "Seconds to the first byte of the answer.", ["kind"], buckets=_SECONDS, **counted
        )
        self._events = Counter("events", "What happened, as in the log.", ["event", "model", "outcome"], **counted)
        self._took = Histogram(
            "event_seconds", "Seconds that it took.", ["event", "model"], buckets=_SECONDS, **counted
        )
        self._failures = Counter("failures", "Errors in the log.", **counted)
        self.registry.register(self)
        self._handler = _Counting(self._count)
        log.addHandler(self._handler)
        log.setLevel(min(log.getEffectiveLevel(), logging.INFO))

    @property
    def routes(self) -> list[Route]:
        """The two addresses."""
        return [Route("/health", self._answer_health), Route("/metrics", self._answer_metrics)]

    @property
    def middleware(self) -> list[Middleware]:
        """What counts requests, and refuses those of a visitor who has too many."""
        crowd: dict[str, Any] = {"page": lambda: self.page, "most": self.service.place.settings.calls_each}
        return [
            Middleware(_Requests, tell=self._request),
            Middleware(Crowd, calls=lambda path: kind_of(path) in _CALLS, **crowd),
        ]

    def close(self) -> None:
        """Stop counting."""
        log.removeHandler(self._handler)

    def health(self) -> tuple[int, dict[str, Any]]:
        """The HTTP status and what is told: 503 if jobs cannot be kept; without a worker they can, but wait."""
        place = self.service.place
        try:
            waiting = place.jobs.counts().get("queued", 0)
            database = "ok"
        except StylehubError:
            waiting, database = None, "it does not answer"
        disk = "ok" if _free(self.service) >= _LEAST else "it is full"
        with place.alone("keeper") as alone:
            workers = "none runs" if alone else "ok"
        works = database == disk == "ok"
        status = "down" if not works else "ok" if workers == "ok" else "degraded"
        told = {"status": status, "version": __version__, "database": database, "disk": disk, "workers": workers}
        return 200 if works else 503, told | ({} if waiting is None else {"waiting": waiting})

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """For Prometheus: how much there is of what waits and lies here."""
        queue = getattr(self.page, "_queue", None)
        if queue is not None:
            yield _gauge("page_waiting", "Calls of the page and of programs that wait.", len(queue))
            working = sum(job is not None for job in queue.active_jobs)
            yield _gauge("page_working", "Calls that are worked on.", working)
        memory = [found for pid in [*self.service.workers] if (found := _resident(pid))]
        yield _gauge("workers", "Workers that were started with the site and run.", len(memory))
        yield _gauge("workers_memory_bytes", "Resident memory of them all; others run elsewhere.", sum(memory))
        yield _gauge("disk_free_bytes", "Free bytes where the data folder lies.", _free(self.service))
        try:
            jobs = self.service.place.jobs
            counts, mails, oldest = jobs.counts(), jobs.mail_counts(), jobs.waiting_since()
        except StylehubError:
            return
        states = {state: counts.get(state, 0) for state in ("queued", "running", "done", "failed", "cancelled")}
        yield _gauge("jobs", "Long jobs by state.", states, "state")
        waited = 0.0 if oldest is None else max(0.0, time.time() - oldest)
        yield _gauge("job_waiting_seconds", "How long the job has waited that came first.", waited)
        mails = {state: mails.get(state, 0) for state in ("wanted", "sent", "failed")}
        yield _gauge("mails", "Mails by state.", mails, "state")
        if self.service.place.gallery is not None:
            yield _gauge("gallery_pictures", "Pictures that are shown.", self.service.place.gallery.browse().total)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing needs to be known before it is collected."""
        return []

    def _answer_health(self, request: Request) -> Response:
        status, told = self.health()
        return JSONResponse(told, status)

    def _answer_metrics(self, request: Request) -> Response:
        return Response(generate_latest(self.registry), media_type=_PLAIN)

    def _request(self, path: str, status: int, seconds: float) -> None:
        kind = kind_of(path)
        self._requests.labels(kind, str(status)).inc()
        self._answered.labels(kind).observe(seconds)

    def _count(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self._failures.inc()
        if name := getattr(record, "event", None):
            facts = facts_of(record)
            model = str(facts.get("model", ""))
            self._events.labels(name, model, str(facts.get("outcome", ""))).inc()
            if "seconds" in facts:
                self._took.labels(name, model).observe(facts["seconds"])


def kind_of(path: str) -> str:
    """Which of a few kinds of requests this is."""
    rest = path.partition("/gradio_api/")[2] or path.strip("/")
    if rest in ("", "health", "metrics"):
        return rest or "page"
    return next((kind for kind in _KINDS if rest == kind or rest.startswith((f"{kind}/", f"{kind}="))), "other")


def _gauge(name: str, help: str, value: float | dict[str, int], label: str = "") -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"stylehub_{name}", help, labels=[label] if label else [])
    for key, number in value.items() if isinstance(value, dict) else [("", value)]:
        family.add_metric([key] if label else [], number)
    return family


def _free(service: Service) -> int:
    try:
        return shutil.disk_usage(service.place.folder).free
    except OSError:
        return 0


def _resident(pid: int) -> int:
    """The resident memory of a process in bytes; 0 where it has ended, or where the system is not Linux."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


class _Counting(logging.Handler):
    def __init__(self, count: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._count = count

    def emit(self, record: logging.LogRecord) -> None:
        self._count(record)


class _Requests:
    """Tells path, status and seconds of each request to ``tell``."""

    def __init__(self, app: Any, tell: Callable[[str, int, float], None]) -> None:
        self.app, self.tell = app, tell

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Any, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, told = time.perf_counter(), False

        async def answering(message: Any) -> None:
            nonlocal told
            if message["type"] == "http.response.start":
                told = True
                self.tell(scope["path"], message["status"], time.perf_counter() - began)
            await send(message)

        try:
            await self.app(scope, receive, answering)
        except BaseException:
            if not told:
                self.tell(scope["path"], 500, time.perf_counter() - began)
            raise
