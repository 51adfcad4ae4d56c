"""Import the code of a method where it may hang: in a thread, or in a process, where it may also print or reach out.

python -m hub.checking.importing ENTRY.json RESULT.json SECONDS
"""

import faulthandler
import io
import json
import os
import re
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from hub.checking.case import require
from hub.entries import Entry
from hub.errors import StylehubError
from hub.loading import plugin_of
from hub.plugins import plugin_class

LIMIT = 60  # seconds that the import of a method may take
SLOW = 5.0  # seconds of the processor, without torch, from which on an import is slow
NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.sendto")


def imports(entry: Entry, limit: int = LIMIT) -> None:
    """Its code imports quickly, prints nothing, reaches for no network and no part of the app."""
    with TemporaryDirectory() as folder:
        given, result, told, errors = (Path(folder) / name for name in ("entry.json", "result.json", "out", "errors"))
        given.write_text(json.dumps(entry.model_dump(), default=str))
        # Into files: a process that the import starts and leaves behind would keep pipes open.
        with told.open("w") as out, errors.open("w") as err:
            status = subprocess.run(
                [sys.executable, "-m", "hub.checking.importing", given, result, str(limit)],
                env=os.environ
                | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                check=False,
            ).returncode
        printed = told.read_text(encoding="utf-8", errors="replace")
        if not result.is_file():
            raise StylehubError(_why(status, errors.read_text(encoding="utf-8", errors="replace"), limit))
        found = json.loads(result.read_text(encoding="utf-8"))
    if found["error"]:
        raise StylehubError(found["error"])
    printed = found["printed"] or printed
    require(not printed, f"it prints {printed[:60]!r}")
    require(not found["network"], "it uses the network; fetch what is needed in `setup`, by the hub")
    require("gradio" not in found["modules"], "it imports gradio, which takes seconds; the app is drawn by itself")
    require(found["seconds"] < SLOW, f"it takes {found['seconds']:.1f} s; do the work in `setup`")


def import_fault(entry: Entry, limit: float = LIMIT) -> BaseException | None:
    """What the import of the class of ``entry`` raises in this process; ``TimeoutError`` if it does not end in time."""
    found: list[BaseException | None] = []

    def look() -> None:
        try:
            plugin_of(entry)
            found.append(None)
        except BaseException as error:  # the code of others may raise anything, also to end the program
            found.append(error)

    thread = Thread(target=look, daemon=True)  # one that hangs does not keep the program
    thread.start()
    thread.join(limit)
    return found[0] if found else TimeoutError(f"The import of {entry.method.plugin} does not end within {limit:g} s.")


def _why(status: int, errors: str, limit: int) -> str:
    if "Timeout (" in errors:
        place = re.search(r'File "([^"]+)", line (\d+)', errors)
        where = f" ({Path(place[1]).name}, line {place[2]})" if place else ""
        return f"its import does not end within {limit} s{where}; do the work in `setup`."
    last = next(iter(reversed(errors.strip().splitlines())), "no reason given")
    return f"its import ends the process with status {status}: {last}"


def _import(entry: Entry, limit: float) -> dict[str, Any]:
    """Import every class that ``entry`` names, and note what happens meanwhile."""
    used: list[str] = []
    sys.addaudithook(lambda event, _: used.append(event) if event in NETWORK else None)
    import hub.method
    import hub.training  # noqa: F401 - what every method imports is not counted

    faulthandler.dump_traceback_later(limit, exit=True)
    error, printed, start = "", io.StringIO(), time.process_time()
    try:
        with redirect_stdout(printed):
            plugin_of(entry)
            for path in (entry.method.training, entry.method.adding):
                if path:
                    plugin_class(entry, path)
    except StylehubError as raised:
        error = str(raised)
    faulthandler.cancel_dump_traceback_later()
    return {
        "error": error,
        "seconds": time.process_time() - start,
        "printed": printed.getvalue(),
        "network": used,
        "modules": [name for name in ("gradio",) if name in sys.modules],
    }


if __name__ == "__main__":
    found = _import(Entry.model_validate(json.loads(Path(sys.argv[1]).read_text())), float(sys.argv[3]))
    Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # threads that the import has started do not keep this process
