"""The visitors of ``python -m benchmarks load``, for locust: each paints a small photo, looks at it, and paints again.

Run by locust in a process of its own; what it is to do and where its results go are in the variable LOAD, as JSON.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import gevent
from locust import HttpUser, between, events, task

ASKED: dict[str, Any] = json.loads(os.environ.get("LOAD", "{}"))
FOUND: dict[str, Any] = {"waits": {}, "errors": [], "full": [], "memory": []}
_EVERY = 2.0  # seconds between two looks at the memory


class Visitor(HttpUser):
    """Calls the endpoint of one model as a program does, and waits for each picture."""

    wait_time = between(*ASKED.get("looks", (0, 0)))
    number = 0

    def on_start(self) -> None:
        Visitor.number += 1
        self.name = str(Visitor.number)
        # The server closes a connection that rests for 5 s, perhaps as it is used again.
        self.client.headers["Connection"] = "close"
        self.client.headers["X-Forwarded-For"] = f"192.0.2.{self.name}"  # the site tells visitors apart by it
        described = self.client.get("/gradio_api/info", name="info").json()["named_endpoints"][ASKED["endpoint"]]
        with Path(ASKED["photo"]).open("rb") as file:
            path = self.client.post("/gradio_api/upload", files={"files": file}, name="upload").json()[0]
        given = {"photo": {"path": path, "meta": {"_type": "gradio.FileData"}}, **ASKED["values"]}
        names = [(each["parameter_name"], each.get("parameter_default")) for each in described["parameters"]]
        self.data = [given.get(name, default) for name, default in names]

    @task
    def paint(self) -> None:
        """From the call to the picture."""
        began = time.perf_counter()
        address = f"/gradio_api/call{ASKED['endpoint']}"
        with self.client.post(address, json={"data": self.data}, name="call", catch_response=True) as answer:
            if answer.status_code == 503 and "ueue" in answer.text:
                FOUND["full"].append(time.perf_counter() - began)
                answer.success()
                gevent.sleep(1.0)
                return
            if answer.status_code != 200:
                FOUND["errors"].append(f"{answer.status_code} {answer.text[:200]}")
                return
            event = answer.json()["event_id"]
        with self.client.get(f"{address}/{event}", name="answer", stream=True, catch_response=True) as stream:
            kinds = [line[7:] for line in stream.iter_lines(decode_unicode=True) if line.startswith("event: ")]
            stream.success()
        if kinds[-1:] == ["complete"]:
            FOUND["waits"].setdefault(self.name, []).append(time.perf_counter() - began)
        else:
            FOUND["errors"].append(f"the answer ended with {kinds[-1:]}")


def _watch_memory() -> None:
    while True:
        fields = Path(f"/proc/{ASKED['pid']}/statm").read_text().split()
        FOUND["memory"].append(int(fields[1]) * os.sysconf("SC_PAGE_SIZE"))
        gevent.sleep(_EVERY)


@events.test_start.add_listener
def _begin(environment: Any, **_: Any) -> None:
    gevent.spawn(_watch_memory)


@events.request.add_listener
def _requested(exception: Any, **_: Any) -> None:
    if exception is not None:
        FOUND["errors"].append(f"{type(exception).__name__}: {exception}"[:200])


@events.quitting.add_listener
def _end(environment: Any, **_: Any) -> None:
    Path(ASKED["out"]).write_text(json.dumps(FOUND))
