"""What the server keeps of visitors and of calls."""

import subprocess
import sys
import textwrap
from typing import Any

import pytest

from space.memory import CALLS, MOST, Sessions
from tests.support.app import SINGLE, raw
from tests.support.paths import ROOT


def test_a_call_leaves_little_behind(page: tuple[Any, str], uploaded: dict[str, Any]) -> None:
    demo = page[0]
    holder = demo.app.state_holder
    before = set(holder.session_data)
    for strength in (0.5, 1.0):
        assert "event: complete" in raw(page, SINGLE, photo=uploaded, style="udnie", strength=strength, size=32)
    left = [holder.session_data[name] for name in set(holder.session_data) - before]
    assert len(left) == 2
    # The components of the endpoint, of all that the page has.
    assert all(0 < len(session.config_values) < len(demo.default_config.blocks) / 20 for session in left)


def test_their_number_is_bounded(page: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    demo = page[0]
    monkeypatch.setattr(demo, "state_holder", demo.app.state_holder)  # the one below takes its place for this test
    holder = Sessions(demo)
    assert demo.app.state_holder.capacity == holder.capacity == MOST
    first = holder["visitor 0"]
    for number in range(CALLS + MOST):
        holder[f"{number:032x}"], holder[f"visitor {number}"]
    assert len(holder.session_data) == len(holder.time_last_used) == MOST
    assert sum(len(name) == 32 for name in holder.session_data) <= CALLS
    assert holder["visitor 0"] is not first


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
@pytest.mark.parametrize(("call", "most"), [("share_freed()", 2), ("None", 16)])
def test_threads_share_what_is_freed(call: str, most: int) -> None:
    """glibc's arenas of threads lie in heaps that begin at a multiple of 64 MB."""
    program = f"""
        import ctypes, os, threading
        from space.arenas import share_freed
        {call}
        malloc = ctypes.CDLL("libc.so.6").malloc
        malloc.restype = ctypes.c_size_t
        found, all_there = set(), threading.Barrier(6)

        def take():
            found.add(malloc(2000) >> 26)
            all_there.wait()

        threads = [threading.Thread(target=take) for _ in range(6)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(len(found))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heaps = int(done.stdout)
    assert heaps <= most
    assert (heaps > 2) == (most > 2)


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
def test_freed_memory_goes_back() -> None:
    program = """
        import ctypes, re
        from space.arenas import give_back
        libc = ctypes.CDLL("libc.so.6")
        libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

        def resident():
            return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024

        pieces = [libc.malloc(60_000) for _ in range(1000)]
        for piece in pieces:
            ctypes.memset(piece, 1, 60_000)
        for piece in pieces[:-1]:  # the last one lies behind them all
            libc.free(piece)
        before = resident()
        give_back()
        print(before - resident())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 40
