"""The loaded models: each loaded once, at its first use, and one call at a time on the accelerator."""

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
    """A photo before and after, both of one size; ``recipe`` says how the second was made."""

    before: Image.Image
    after: Image.Image

    @property
    def recipe(self) -> dict[str, Any]:
        recipe: dict[str, Any] = self.after.info["stylehub"]
        return recipe


class Models:
    """Models by their names in the registry."""

    def __init__(self, load: Callable[[str], Method] = load) -> None:
        self._load = load
        self._loaded: dict[str, Method] = {}
        self._loading = Lock()
        self.accelerator = Lock()

    def get(self, name: str) -> Method:
        """The model ``name``. Two first users at once load it once. Raises what ``hub.load`` raises."""
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
        """``content`` stylised; ``photo`` is its file name, for the recipe. Raises ``StylehubError``."""
        method = self.get(name)
        # The queue already takes one job at a time; a cancelled one, however, gives up its place before its thread
        # has noticed, so the accelerator has a lock of its own.
        with self.accelerator:
            report(Progress(0, 1))
            after = method(content, progress=report, **parameters)
            # At strength 0 a method returns the photo to the bit, cropped as it crops: what to compare with.
            before = method(content, **{**parameters, "strength": 0.0})
        after.info["stylehub"]["photo"] = photo
        return Painted(before, after)

    def maps(self, name: str, content: Image.Image, place: Mapping[str, Any]) -> dict[str, Image.Image]:
        """What decides where the model's style applies: see ``Method.maps``. Raises ``StylehubError``."""
        method = self.get(name)
        with self.accelerator:
            return method.maps(content, **place)


class Jobs:
    """Which sessions have work going on, so that a session can stop its own and nobody else's."""

    def __init__(self) -> None:
        self._stops: dict[str, set[Event]] = {}
        self._lock = Lock()

    @contextmanager
    def running(self, session: str | None) -> Any:
        """A context whose value is a callback that raises ``Cancelled`` once ``session`` has asked to stop."""
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
        """Ask the work of ``session`` to stop; it does at its next step."""
        with self._lock:
            for event in self._stops.get(session or "", ()):
                event.set()
