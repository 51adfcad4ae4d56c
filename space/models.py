"""The loaded models: each is loaded once, at its first use; the accelerator runs one call at a time."""

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any

from PIL import Image

from hub.errors import Cancelled
from hub.loading import load
from hub.method import Method
from hub.progress import Progress, ProgressCallback
from methods.parts.pace import Pace
from space.accelerator import Accelerator
from space.arenas import give_back
from space.events import timed

_GIVE_BACK = 5.0  # seconds after which freed memory goes back to the system


@dataclass(frozen=True)
class Painted:
    """A photo before and after, of the same size; ``recipe`` is the provenance metadata of the result.

    ``full`` is the size of the whole photo, if these are smaller. Not ``done``: a draft or a preview.
    """

    before: Image.Image
    after: Image.Image
    full: tuple[int, int] | None = None
    done: bool = True

    @property
    def recipe(self) -> dict[str, Any]:
        recipe: dict[str, Any] = self.after.info["stylehub"]
        return recipe

    def of(self, photo: tuple[int, int], *, done: bool = True) -> "Painted":
        """The same as the picture of a whole ``photo`` of that size; a cropped one has its own size."""
        scale = max(photo) / max(self.before.size)
        ratio = photo[0] / photo[1], self.before.width / self.before.height
        whole = (
            photo if abs(ratio[0] - ratio[1]) < 0.02 * ratio[0] else tuple(round(n * scale) for n in self.before.size)
        )
        return replace(self, full=(whole[0], whole[1]), done=done)


class Models:
    """Models by registry name."""

    def __init__(self, load: Callable[[str], Method] = load) -> None:
        self._load = load
        self._loaded: dict[str, Method] = {}
        self._loading = Lock()
        self.accelerator = Accelerator()
        self._pace = Pace()

    def get(self, name: str) -> Method:
        """The model ``name``, loaded once even for parallel first users. Raises the errors of ``hub.load``."""
        if name not in self._loaded:
            with self._loading:
                if name not in self._loaded:
                    self._loaded[name] = self._load(name)
        return self._loaded[name]

    def paint(
        self,
        name: str,
        content: Image.Image,
        parameters: Mapping[str, Any],
        report: ProgressCallback,
        photo: str | None = None,
        waiting: Callable[[int], None] | None = None,
    ) -> Painted:
        """``content`` stylised; ``photo`` is its file name, for the metadata. Raises ``StylehubError``.

        With ``waiting`` it is long work: it waits in line and lets short work pass at every report.
        """
        method = self.get(name)
        # The queue of the page cannot do this: a cancelled job leaves it before its thread stops.
        turn = self.accelerator.long(waiting) if waiting else self.accelerator.short()
        with timed("painted", model=name), turn as give_way:

            def told(p: Progress) -> None:
                report(p)
                if give_way:
                    give_way()

            report(Progress(0, 1))
            after = method(content, progress=told, **parameters)
            # At strength 0 a method returns the exact photo, cropped as the result.
            before = method(content, **{**parameters, "strength": 0.0})
        if self._pace.due(_GIVE_BACK):
            give_back()
        after.info["stylehub"]["photo"] = photo
        return Painted(before, after)

    def maps(self, name: str, content: Image.Image, place: Mapping[str, Any]) -> dict[str, Image.Image]:
        """The strength and depth maps of ``Method.maps``. Raises ``StylehubError``."""
        method = self.get(name)
        with self.accelerator.short():
            return method.maps(content, **place)


class Jobs:
    """The running work of each session, so that a session can stop only its own."""

    def __init__(self) -> None:
        self._stops: dict[str, dict[Event, Any]] = {}
        self._lock = Lock()

    @contextmanager
    def running(self, session: str | None, instead: Any = None) -> Any:
        """A context that yields a callback; the callback raises ``Cancelled`` after ``session`` asks to stop.

        ``instead`` says what it paints: other work of ``session`` is stopped, since its picture would come too late.
        Raises ``Cancelled`` if the same runs already.
        """
        stop = Event()
        key = session or ""
        with self._lock:
            running = self._stops.setdefault(key, {})
            if instead is not None:
                if any(what == instead and not other.is_set() for other, what in running.items()):
                    raise Cancelled("This is being painted.")
                for other in running:
                    other.set()
            running[stop] = instead

        def check(_: Progress | None = None) -> None:
            if stop.is_set():
                raise Cancelled("Stopped.")

        try:
            yield check
        finally:
            with self._lock:
                del self._stops[key][stop]
                if not self._stops[key]:
                    del self._stops[key]

    def busy(self, session: str | None) -> bool:
        """Whether something runs for ``session``."""
        return bool(self._stops.get(session or ""))

    def stop(self, session: str | None) -> None:
        """Ask the work of ``session`` to stop at its next step."""
        with self._lock:
            for event in self._stops.get(session or "", ()):
                event.set()
