"""How threads wait is said before torch is loaded, in our own processes, and never over what the user says."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from hub.threads import KNOWN
from tests.support.paths import ROOT

# Ends the process where torch would be loaded, and prints what OpenMP would find then.
WATCH = """
import os, runpy, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"), file=sys.__stdout__, flush=True)
            os._exit(0)

sys.meta_path.insert(0, Watch())
"""
HUB = "runpy.run_module('hub', run_name='__main__')"


def run(code: str, *words: str, **variables: str) -> str:
    """What ``code`` prints in a fresh process, whose environment says of threads what ``variables`` do and no more."""
    environment = {name: value for name, value in os.environ.items() if name not in KNOWN} | variables
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (HUB, "stylize cin-25styles photo.jpg --style udnie"),
        (HUB, "train cin --help"),
        ("runpy.run_module('benchmarks', run_name='__main__')", "peer -o nowhere"),
        ("import tests.conftest", ""),
        pytest.param(
            "runpy.run_path('space/app.py', run_name='__main__')",
            "",
            marks=pytest.mark.skipif(find_spec("gradio") is None, reason="the app needs stylehub[space]"),
        ),
        pytest.param(
            "import hub.batch.ray_engine",
            "",
            marks=pytest.mark.skipif(find_spec("ray") is None, reason="needs stylehub[scale]"),
        ),
    ],
)
def test_our_processes_say_it_before_torch_is_loaded(code: str, words: str) -> None:
    assert run(WATCH + code, *words.split()) == "passive"


def test_a_program_that_imports_hub_decides_for_itself() -> None:
    assert run(f"{WATCH}import hub; hub.load('cin-25styles')") == "None"


@pytest.mark.parametrize("name", KNOWN)
def test_what_the_user_says_stays(name: str) -> None:
    code = f"import os; from hub.threads import *; give_way(); print([os.environ.get(name) for name in {KNOWN}])"
    assert run(code, **{name: "7"}) == str(["7" if name == known else None for known in KNOWN])


def test_the_command_leaves_the_users_setting() -> None:
    assert run(WATCH + HUB, "stylize", "cin-25styles", "photo.jpg", OMP_WAIT_POLICY="active") == "active"


def test_where_torch_is_loaded_nothing_changes() -> None:
    code = "import os, sys; sys.modules['torch'] = sys; from hub.threads import *; give_way(); print(os.environ.get(WAIT[0]))"
    assert run(code) == "None"


@pytest.mark.skipif(not hasattr(os, "nice"), reason="there are no nice values here")
@pytest.mark.parametrize("own_session", [True, False])
def test_a_background_run_has_the_lowest_priority_in_its_session_and_lowers_its_own_session(own_session: bool) -> None:
    code = (
        "import os, pathlib; from hub.threads import give_way_to_all; give_way_to_all()\n"
        "group = pathlib.Path('/proc/self/autogroup')\n"
        "print(os.nice(0), group.read_text() if group.is_file() else '')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, start_new_session=own_session
    )
    nice, _, group = done.stdout.strip().partition(" ")
    assert nice == "19"
    if group:
        assert group.endswith("nice 19") is own_session
