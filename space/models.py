"""The loaded models: each is loaded once, at its first use; the accelerator runs one call at a time."""

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

from PIL import Image

from hub.errors import Cancelled
from hub.loading import load
from hub.method import Method
from hub.progress import Progress, ProgressCallback


@dataclass(frozen=True)
class Painted:
    """A photo before and after, of the same size; ``recipe`` is the provenance metadata of the result."""

    before: Image.Image
    after: Image.Image

    @property
    def recipe(self) -> dict[str, Any]:
        recipe: dict[str, Any] = self.after.info["stylehub"]
        return recipe


class Models:
    """Models by registry name."""

    def __init__(self, load: Callable[[str], Method] = load) -> None:
        self._load = load
        self._loaded: dict[str, Method] = {}
        self._loading = Lock()
        self.accelerator = Lock()

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
    ) -> Painted:
        """``content`` stylised; ``photo`` is its file name, for the metadata. Raises ``StylehubError``."""
        method = self.get(name)
        # The queue runs one job at a time, but a cancelled job leaves it before its thread stops; hence the lock.
        with self.accelerator:
            report(Progress(0, 1))
            after = method(content, progress=report, **parameters)
            # At strength 0 a method returns the exact photo, cropped as the result.
            before = method(content, **{**parameters, "strength": 0.0})
        after.info["stylehub"]["photo"] = photo
        return Painted(before, after)

    def maps(self, name: str, content: Image.Image, place: Mapping[str, Any]) -> dict[str, Image.Image]:
        """The strength and depth maps of ``Method.maps``. Raises ``StylehubError``."""
        method = self.get(name)
        with self.accelerator:
            return method.maps(content, **place)


class Jobs:
    """The running work of each session, so that a session can stop only its own."""

    def __init__(self) -> None:
        self._stops: dict[str, set[Event]] = {}
        self._lock = Lock()

    @contextmanager
    def running(self, session: str | None) -> Any:
        """A context that yields a callback; the callback raises ``Cancelled`` after ``session`` asks to stop."""
        stop = Event()
        key = session or ""
        with self._lock:
            self._stops.setdefault(key, set()).add(stop)

        def check(_: Progress) -> None:
            if stop.is_set():
                raise Cancelled("Stopped.")

        try:
            yield check
        finally:
            with self._lock:
                self._stops[key].discard(stop)
                if not self._stops[key]:
                    del self._stops[key]

    def stop(self, session: str | None) -> None:
        """Ask the work of ``session`` to stop at its next step."""
        with self._lock:
            for event in self._stops.get(session or "", ()):
                event.set()
