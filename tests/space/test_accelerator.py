"""Turns on the accelerator: short work passes long work, which is served in the order in which it came."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from hub.errors import Cancelled
from space.accelerator import Accelerator


def in_a_thread(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def until(true: Callable[[], Any]) -> None:
    for _ in range(3000):
        if true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never became true")


def test_short_work_passes_long_work_between_its_steps() -> None:
    accelerator, done = Accelerator(), []

    def short() -> None:
        with accelerator.short():
            done.append("short")

    with accelerator.long() as give_way:
        give_way()  # nobody waits
        waits = in_a_thread(short)
        until(lambda: accelerator._short == 1)
        assert done == [], "two work at once"
        give_way()
        done.append("long")
    waits.join(30)
    assert done == ["short", "long"]


def test_long_work_waits_in_line_and_is_told_how_many_are_before_it() -> None:
    accelerator, order = Accelerator(), []
    told: dict[str, list[int]] = {"second": [], "third": []}

    def wait(name: str) -> None:
        with accelerator.long(told[name].append):
            order.append(name)

    with accelerator.long():
        second = in_a_thread(lambda: wait("second"))
        until(lambda: len(accelerator._line) == 2)
        third = in_a_thread(lambda: wait("third"))
        until(lambda: told["second"] and told["third"])
    second.join(30), third.join(30)
    assert order == ["second", "third"]
    assert (set(told["second"]), max(told["third"])) == ({1}, 2)


def test_who_gives_up_waiting_leaves_the_line() -> None:
    accelerator = Accelerator()

    def gives_up(_: int) -> None:
        raise Cancelled("Stopped.")

    with accelerator.long():
        with pytest.raises(Cancelled), accelerator.long(gives_up):
            raise AssertionError("it was not its turn")
        assert len(accelerator._line) == 1
    with accelerator.short():
        pass


def test_a_wall_waits_for_what_somebody_has_asked_for() -> None:
    accelerator, order = Accelerator(), []

    def work(kind: str) -> None:
        with getattr(accelerator, kind)():
            order.append(kind)

    with accelerator.short():
        threads = [in_a_thread(lambda kind=kind: work(kind)) for kind in ("small", "long", "short")]
        until(lambda: accelerator._small == accelerator._short == len(accelerator._line) == 1)
    for thread in threads:
        thread.join(10)
    assert order == ["short", "small", "long"]


def test_short_work_without_end_does_not_keep_long_work_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("space.accelerator._LONGEST", 0.2)
    monkeypatch.setattr("space.accelerator._PATIENCE", 0.05)
    accelerator, ended = Accelerator(), threading.Event()

    def paints(kind: str) -> None:
        while not ended.is_set():
            with getattr(accelerator, kind)():
                ended.wait(0.01)

    def waits() -> None:
        with accelerator.long():
            ended.set()

    threads = [in_a_thread(lambda kind=kind: paints(kind)) for kind in ("short", "short", "short", "small")]
    until(lambda: accelerator._short >= 2)
    threads.append(in_a_thread(waits))
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
