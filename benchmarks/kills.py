"""A site that is killed again and again, kill -9 at random moments: is any job, mail or shared picture lost or doubled?

    python -m benchmarks kills --kills 200

A visitor's side hands in jobs, some with an e-mail address, and shares results; two workers do them with a stand-in for
a method; a mail server takes the mails; with Redis, that wakes the workers. One of them at a time is killed and started
anew, but for the mail server, which counts. At the end all must be there, once. Needs stylehub[site] and aiosmtpd.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import random
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from benchmarks.numbers import count
from benchmarks.results import markdown, where
from hub.errors import StylehubError
from hub.parameters import FilePath, Parameters, with_role
from hub.progress import Progress

_FORK = multiprocessing.get_context("fork")  # what is imported need not be imported again
_SERVER_TAKES = 0.005  # seconds between the mail server's own note of a mail and its yes
_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # before a mail is tried again, instead of minutes
_MOST_WAITING = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this table."""
    parser.add_argument("--kills", type=count, default=200)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two kills at most")
    parser.add_argument(
        "--queue", choices=["auto", "sqlite", "redis"], default="auto", help="auto: Redis if it is here"
    )
    parser.add_argument("--mails", type=count, default=30, help="mails sent one by one, to time them")
    parser.add_argument("--seed", type=int, default=0)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """What was killed how often, and what was lost or doubled."""
    try:
        import_module("huey")
        controller = import_module("aiosmtpd.controller")
    except ModuleNotFoundError as error:
        raise StylehubError(f"This table needs {error.name}: pip install 'stylehub[site]' aiosmtpd.") from None
    with_redis = options.queue == "redis" or (options.queue == "auto" and shutil.which("redis-server") is not None)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _mail_server(controller) as mails:
        timed = _times(Path(folder) / "timed", mails, options.mails)
        mails.taken.clear()
        return {"redis": with_redis, "seed": options.seed, **_run(Path(folder), mails, options, with_redis), **timed}


def render(result: dict[str, Any]) -> str:
    """One line a thing that can be lost or doubled."""
    jobs, mails, shares = (result[key] for key in ("jobs", "mails", "shares"))
    lines = [
        ["jobs", str(jobs["all"]), str(jobs["lost"]), str(jobs["twice"])],
        ["mails", str(mails["all"]), str(mails["lost"]), str(mails["twice"])],
        ["shared pictures", str(shares["all"]), str(shares["lost"]), str(shares["orphans"])],
    ]
    kills = ", ".join(f"{name} {number}" for name, number in sorted(result["kills"].items()))
    state = "sound" if result["sound"] else "BROKEN"
    return (
        f"{markdown(['', 'all', 'lost', 'twice, or without an owner'], lines)}\n\n"
        f"{sum(result['kills'].values())} kills in {result['seconds']:.0f} s: {kills}. The database is {state}. "
        f"{jobs['again']} jobs were painted again to the end, since the kill fell between the picture and its note. "
        f"{mails['again']} mails were on their way at a kill and were tried again; {mails['twice']} of them had arrived. "
        f"A mail takes {result['mail_ms']:.0f} ms here (median), {result['open_ms']:.0f} of them from the mail server's "
        f"own note of it to ours. {where(result)}"
    )


class StandInParameters(Parameters):
    """Those of ``StandIn``."""

    checkpoint: FilePath | None = with_role("checkpoint", None)


class StandIn:
    """Inverts a photo in five short steps, with a checkpoint after each; it notes each time that it gets to the end."""

    Parameters = StandInParameters

    def __init__(self, name: str) -> None:
        pass

    def __call__(self, photo: Image.Image, progress: Callable[[Progress], None], **parameters: Any) -> Image.Image:
        kept: Path = parameters["checkpoint"]
        for step in range(1 + (int(kept.read_text()) if kept.exists() else 0), 6):
            time.sleep(0.01)
            partial = kept.with_suffix(".new")
            partial.write_text(str(step))
            partial.replace(kept)
            progress(Progress(step, 5, {"loss": 1 / step}, photo))
        _note(kept.parent / "ended", "")
        result = ImageOps.invert(photo)
        result.info["stylehub"] = {"model": "cin-25styles", "parameters": {"style": "picabia-udnie"}}
        return result


class Mails:
    """What the mail server has taken: each Message-ID and when."""

    port = 0

    def __init__(self) -> None:
        self.taken: list[tuple[str, float]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        head = envelope.content.decode("utf-8", "replace")
        self.taken.append((head.partition("Message-ID: <")[2].partition("@")[0], time.perf_counter()))
        await asyncio.sleep(_SERVER_TAKES)
        return "250 OK"


@contextmanager
def _mail_server(controller: Any) -> Iterator[Mails]:
    mails = Mails()
    mails.port = _free_port()
    server = controller.Controller(mails, hostname="127.0.0.1", port=mails.port, ready_timeout=60)
    server.start()
    try:
        yield mails
    finally:
        server.stop()


def _settings(folder: Path, port: int, redis: str | None = None) -> Any:
    from space.site.settings import Settings

    mail: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none"}
    own: dict[str, Any] = {"jobs_each": 1000, "tries": 1000, "gallery": True, "redis": redis}
    return Settings(data_dir=folder, mail_from="site@example.org", **mail, **own)


def _times(folder: Path, mails: Mails, number: int) -> dict[str, float]:
    """Milliseconds of sending a mail, and of those in which a kill would send it again."""
    from space.jobs.service import Service
    from space.jobs.worker import Worker
    from space.mail.post import Post
    from space.site.place import Place

    settings = _settings(folder, mails.port)
    service, worker = Service(Place(settings)), Worker(settings, StandIn)  # type: ignore[arg-type]
    whole, opened = [], []

    class Timed(Post):
        def _sent(self, job: str) -> None:
            super()._sent(job)
            opened.append(time.perf_counter() - mails.taken[-1][1])

    for _ in range(number):
        service.submit(_request(), "token", mail="visitor@example.org")
        worker.work()
        began = time.perf_counter()
        Timed(service.place).send_due()
        whole.append(time.perf_counter() - began)
    return {"mail_ms": 1000 * statistics.median(whole), "open_ms": 1000 * statistics.median(opened)}


def _run(folder: Path, mails: Mails, options: argparse.Namespace, with_redis: bool) -> dict[str, Any]:
    from space.jobs.service import Service
    from space.site.place import Place

    luck = random.Random(options.seed)
    redis = _Redis(folder) if with_redis else None
    settings = _settings(folder / "data", mails.port, redis and redis.url)
    service = Service(Place(settings))
    starts: dict[str, Callable[[], Any]] = {
        "web": lambda: _started(_visit, settings, folder),
        "worker": lambda: _started(_work, settings),
        "second worker": lambda: _started(_work, settings),
    }
    if redis is not None:
        starts["Redis"] = redis.start
    running = {name: start() for name, start in starts.items()}
    kills: Counter[str] = Counter()
    began = time.perf_counter()
    try:
        for _ in range(options.kills):
            time.sleep(luck.uniform(0.01, options.pause))
            name = luck.choice(list(starts))
            _end(running[name])
            kills[name] += 1
            running[name] = starts[name]()
        _end(running["web"])
        _wait(lambda: not set(service.place.jobs.counts()) - {"done"} and not _wanted(service))
    finally:
        for process in running.values():
            _end(process)
    return {
        "kills": dict(kills),
        "seconds": time.perf_counter() - began,
        **_found(service, folder, mails),
    }


def _visit(settings: Any, folder: Path) -> None:
    """The web's side: hand in jobs, note those that a visitor was told of, share what is done."""
    from space.jobs.service import Service
    from space.site.place import Place

    service = Service(Place(settings))
    luck, number = random.Random(os.getpid()), 0
    while True:
        time.sleep(luck.uniform(0.0, 0.06))
        if len(service.place.jobs.waiting()) < _MOST_WAITING:
            address = "visitor@example.org" if luck.random() < 0.5 else None
            number += 1
            id = service.submit(_request(f"{os.getpid()}-{number}"), "token", mail=address)
            _note(folder / "told", f"{id} {address or ''}")
        tried = set(_lines(folder / "tried"))
        ready = [job.id for job in service.own("token") if job.state == "done" and job.id not in tried]
        if ready and luck.random() < 0.3:
            _note(folder / "tried", ready[0])
            _note(folder / "shared", service.share(ready[0], "token"))


def _work(settings: Any) -> None:
    """A worker, in a hurry."""
    from space.jobs import keeper, progress
    from space.jobs.worker import Worker
    from space.mail import post

    logging.disable()  # a worker complains of each Redis that it misses
    keeper.EVERY = progress.EVERY = 0.02
    post.WAITS = _WAITS  # type: ignore[assignment]
    Worker(settings, StandIn).serve()  # type: ignore[arg-type]


def _found(service: Any, folder: Path, mails: Mails) -> dict[str, Any]:
    place = service.place
    told = [line.split() for line in _lines(folder / "told")]
    with place.database.reading() as db:
        sound = db.execute("pragma integrity_check").fetchone()[0] == "ok"
        sound = sound and not db.execute("pragma foreign_key_check").fetchall()
        doubled = db.execute("select count(*) - count(distinct name) from jobs").fetchone()[0]
        jobs = {row["id"]: row["state"] for row in db.execute("select id, state from jobs")}
        wanted = [row["job"] for row in db.execute("select job from mails")]
        again = db.execute("select count(*) from mails where tries > 1").fetchone()[0]
        shown = {row["id"] for row in db.execute("select id from shared")}
    place.folders.sweep(place.jobs.has)
    place.gallery.sweep()
    folders = {path.name for path in place.folders.root.iterdir()} - {".locks"}
    pictures = {path.name for path in place.gallery.folders.root.iterdir()} - {".locks"}
    results = {id for id in jobs if (place.folders.path(id) / "result.png").exists()}
    asked, shared = {line[0] for line in told}, set(_lines(folder / "shared"))
    taken = Counter(id for id, _ in mails.taken)
    ends = {id: len(_lines(place.folders.path(id) / "ended")) for id in jobs}
    return {
        "sound": sound and folders == set(jobs),
        "jobs": {
            "all": len(jobs),
            "lost": len(asked - {id for id in results if jobs[id] == "done"}),
            "twice": doubled,
            "again": sum(number > 1 for number in ends.values()),
        },
        "mails": {
            "all": len(wanted),
            "lost": len(({line[0] for line in told if len(line) > 1} | set(wanted)) - set(taken)),
            "twice": sum(number > 1 for number in taken.values()),
            "most": max(taken.values(), default=0),
            "again": again,
        },
        "shares": {"all": len(shown), "lost": len(shared - (shown & pictures)), "orphans": len(pictures ^ shown)},
    }


def _wanted(service: Any) -> bool:
    return bool(service.place.jobs.mail_counts().get("wanted"))


class _Redis:
    """A Redis that keeps nothing, so that a kill takes all that it knows."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = _free_port(), folder
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Any:
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def _request(name: str = "photo") -> Any:
    from space.jobs.request import Request

    return Request("stand-in", {}, name, Image.new("RGB", (32, 24), (10, 20, 30)))


def _started(target: Callable[..., None], *arguments: Any) -> Any:
    process = _FORK.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def _end(process: Any) -> None:
    process.kill()
    process.wait() if isinstance(process, subprocess.Popen) else process.join()


def _wait(true: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not true():
        time.sleep(0.05)


def _note(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def _lines(path: Path) -> list[str]:
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        with suppress(ValueError):  # cut off by a kill
            found.append(json.loads(line))
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
