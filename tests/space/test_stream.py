"""What takes minutes: previews, stopping, and what breaks on the way."""

import inspect
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client

import hub
from hub.errors import StylehubError
from hub.progress import Progress
from space import handlers
from space.models import Models
from tests.support.app import ANY


def test_previews_come_before_the_picture(
    client: Client, photo_at: Any, painting_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "_PACE", 0.001)
    job = client.submit(photo=photo_at, style=painting_at, iterations=21, patience=0, size=64, api_name=ANY)
    last = job.result()
    *previews, finished = [outputs for outputs in job.outputs() if isinstance(outputs[0], tuple | list)]
    assert finished[1] == last[1]
    assert previews
    assert all(picture is None for _, picture, _, _ in previews), "an earlier result could be taken for this one"
    assert Image.open(previews[0][0][1]).tobytes() != Image.open(finished[0][1]).tobytes()


def test_a_cancelled_painting_gives_way_to_the_next(client: Client, photo_at: Any, painting_at: Any) -> None:
    long = client.submit(photo=photo_at, style=painting_at, iterations=20000, patience=0, size=64, api_name=ANY)
    while not long.outputs():
        threading.Event().wait(0.05)
    long.cancel()
    assert client.predict(photo=photo_at, style=painting_at, iterations=1, size=64, api_name=ANY)[1]


class Endless:
    """Stands for a method that works until it is stopped."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def __call__(self, content: Image.Image, *, progress: Any, **_: Any) -> Any:
        try:
            while True:
                progress(Progress(1, 100, {"loss": 0.5}, content))
                threading.Event().wait(0.001)
        finally:
            self.ended.set()


@pytest.mark.parametrize("end", ["stop", "close"])
def test_what_is_stopped_keeps_its_preview_and_gives_back_the_accelerator(
    end: str, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the visitor's Stop, or because nobody listens any more."""
    monkeypatch.setattr(handlers, "_PACE", 0.001)
    endless, told = Endless(), []
    whole = handlers.Handlers(Models(lambda name: endless))
    request = SimpleNamespace(session_hash="someone")
    values = {"photo": str(photo_file), "style": str(photo_file)}
    handler = whole.paint(hub.info("gatys"), "arbitrary")
    steps = handler(request, lambda step, desc: told.append((step, desc)), **values)
    while not isinstance((outputs := next(steps))[0], tuple):
        assert outputs[0] == gr.skip()
    assert outputs[1:4] == (None, None, None)
    assert told[-1] == (0.01, "Step 1 of 100, loss 0.5")
    if end == "stop":
        whole.stop(request)
        after = list(steps)
        assert all(outputs[0] == gr.skip() or Path(outputs[0][1]).is_file() for outputs in after)
    else:
        steps.close()
    assert endless.ended.wait(30), "it works on for nobody"
    with whole.models.accelerator.short():
        pass


def test_what_breaks_on_the_way_is_one_sentence_and_gives_back_the_accelerator(photo_file: Path) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise StylehubError("No such luck.")

    whole = handlers.Handlers(Models(lambda name: broken))
    values = {"photo": str(photo_file), "style": str(photo_file)}
    steps = whole.paint(hub.info("gatys"), "arbitrary")(
        SimpleNamespace(session_hash="x"), lambda *_, **__: None, **values
    )
    with pytest.raises(gr.Error, match="No such luck"):
        list(steps)
    with whole.models.accelerator.short():
        pass


def test_only_what_takes_minutes_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = handlers.Handlers(Models())
    slow, fast = hub.info("gatys"), hub.info("cin-25styles")
    assert inspect.isgeneratorfunction(whole.paint(slow, "arbitrary"))
    assert not inspect.isgeneratorfunction(whole.paint(fast, "single"))
    monkeypatch.setattr(handlers.zero_gpu, "AVAILABLE", True)
    assert not inspect.isgeneratorfunction(whole.paint(slow, "arbitrary")), "another process cannot report"


def test_long_work_tells_of_itself_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each word of it keeps the visitor's browser busy; but it can be stopped at every step."""
    from methods.parts import pace

    now = [100.0]
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: now[0]))
    told: list[float] = []
    checked: list[Progress] = []
    report = handlers._report(None, lambda share, desc: told.append(share), checked.append)  # type: ignore[arg-type]
    for step in range(50):
        report(Progress(step, 50))
        now[0] += 0.1
    assert len(told) == 4
    assert len(checked) == 50
