"""The event handlers: read the photo, paint, report progress, stop."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import gradio as gr
from PIL import Image

from hub.errors import Cancelled, ParameterError
from hub.method import Style
from hub.names import resolve
from hub.parameters import FieldSpec, field_of, field_specs
from hub.pictures import Pictures
from hub.progress import Pace, Progress, ProgressCallback
from hub.registry import Entry
from hub.revision import draft_of
from hub.spatial import Map, SpatialParameters
from space import paintings, previews, zero_gpu
from space.controls import given
from space.errors import one_sentence
from space.models import Jobs, Models, Painted
from space.photo import read, read_draft, read_small
from space.result import DISPLAY, filled, saved, shown
from space.stream import reports
from space.temporary import temporary_folder

Handler = Callable[..., Any]
_PACE = 1.0  # seconds between two previews of long work


class Handlers:
    """The handlers that all tabs share. A session is known only while its work runs."""

    def __init__(self, models: Models, learns: bool = False) -> None:
        self.models, self.learns = models, learns
        self.jobs = Jobs()
        # On ZeroGPU another process runs these, so they take and return plain data and report no progress.
        self._paint_on_gpu = zero_gpu.on_gpu(
            lambda name, content, parameters, photo: models.paint(name, content, parameters, _silent, photo)
        )
        self._styles_on_gpu = zero_gpu.on_gpu(lambda name: previews.styles(models.get(name)))

    def paint(self, entry: Entry, task: str, *, quiet: bool = False, remember: bool = True) -> Handler:
        """The handler that paints at full size and fills the result; an iterative method shows previews.

        ``quiet``: do nothing while an input is missing. ``remember``: return the inputs too, for a state.
        """

        def handler(request: gr.Request, progress: gr.Progress = gr.Progress(), /, **values: Any) -> Any:
            if quiet and self._incomplete(entry, task, values):
                return gr.skip()
            content, parameters, photo = self._asked(entry, task, values)
            try:
                with self.jobs.running(request.session_hash) as check:
                    painted = self._run(entry.name, content, parameters, photo, _report(progress, check))
            except Cancelled:
                return gr.skip()  # the old result stays
            return *filled(painted), *([values] if remember else [])

        def steps(request: gr.Request, progress: gr.Progress = gr.Progress(), /, **values: Any) -> Iterator[Any]:
            if quiet and self._incomplete(entry, task, values):
                return
            content, parameters, photo = self._asked(entry, task, values)

            def work(report: ProgressCallback) -> Painted:
                return self._run(entry.name, content, parameters, photo, report)

            before = content.copy()
            before.thumbnail((DISPLAY, DISPLAY))
            preview: Image.Image | None = None
            pace = Pace()
            try:
                with self.jobs.running(request.session_hash) as check, closing(reports(work, _PACE)) as told:
                    tell = _report(progress, check)
                    for news in told:
                        if isinstance(news, Painted):
                            yield *filled(news), *([values] if remember else [])
                            return
                        tell(news)
                        preview = news.preview or preview
                        # Gradio can stop this only at a yield, so yield also without a preview.
                        if pace.due(_PACE):
                            slider = shown(Painted(before, preview)) if preview else gr.skip()
                            yield slider, *[None if preview else gr.skip()] * 3, *([gr.skip()] if remember else [])
                            preview = None
            except Cancelled:
                return  # the last preview stays

        chosen: Any = steps if entry.method.iterative and not zero_gpu.AVAILABLE else handler
        chosen.__name__ = ("paint_" if remember else "") + f"{entry.slug}_{task}"  # agents see this name
        chosen.__doc__ = _description(entry, self.parameters(entry))
        chosen.__signature__ = _with_names(chosen, self._api(entry, task))
        return one_sentence(chosen)

    def preview(self, entry: Entry) -> Handler:
        """The handler that paints a small preview while a control is dragged."""

        def handler(painted: dict[str, Any] | None, /, **values: Any) -> Any:
            # The last preview may come after the full picture of the same values: keep the full picture.
            if self._incomplete(entry, "fusion", values) or values == painted:
                return gr.skip()
            path, parameters = _split(values)
            content, full = self._small(entry, path, parameters)
            self._open_pictures(entry, "fusion", parameters)
            painted_small = self._run(entry.name, content, parameters, None, _silent)
            return shown(painted_small, full if not parameters.get("center_crop") else None)

        handler.__name__ = f"preview_{entry.slug}"
        return one_sentence(handler)

    def _small(self, entry: Entry, path: str | None, parameters: dict[str, Any]) -> tuple[Image.Image, tuple[int, int]]:
        """The photo for a preview, and its full size: the draft that the large painting begins with, if it has one.

        ``parameters`` are changed to suit: the working size is in pixels of the photo.
        """
        draft = draft_of(self.parameters(entry), parameters)
        content, full = read_draft(path, draft) if draft else read_small(path)
        if str(size := parameters.get("size", "")).isdecimal():
            same = int(size) if draft else round(int(size) * min(content.size) / min(full))
            parameters["size"] = max(32, min(same, min(content.size)))
        return content, full

    def maps(self, entry: Entry) -> Handler:
        """The handler that shows the depth map and the strength map of a photo."""

        def handler(**values: Any) -> Any:
            path, parameters = _split(values)
            if path is None:
                return None, None
            content, _ = read_small(path)
            known = {name for name in SpatialParameters.model_fields if name in parameters}
            place = {name: parameters[name] for name in known}
            self._open_pictures(entry, "depth", place)
            if self._needs_map(place):
                return None, None
            planes = self.models.maps(entry.name, content, place)
            return tuple(
                saved(planes[name], f"{name}.png") if name in planes else None for name in ("depth", "strength")
            )

        handler.__name__ = f"{entry.slug}_maps"
        handler.__doc__ = f"The depth map of the photo, and the strength map of the style for {entry.name}."
        handler.__signature__ = _with_names(handler, self._api(entry, "depth"))  # type: ignore[attr-defined]
        return one_sentence(handler)

    def table(self, entry: Entry, task: str) -> Handler:
        """The handler that offers the colour table, for a method that can write one."""

        def handler(**values: Any) -> Any:
            if self._incomplete(entry, task, values):
                return gr.update(value=None, interactive=False)
            _, parameters, _ = self._asked(entry, task, values)
            content, _ = read_small(values["photo"])  # a thumbnail is enough for a table
            path = temporary_folder() / "look.cube"
            self._run(
                entry.name, content, parameters | {str(field_of(self.parameters(entry), "table")): path}, None, _silent
            )
            return gr.update(value=str(path), interactive=True)

        handler.__name__ = f"{entry.slug}_table"
        handler.__doc__ = f"The look that {entry.name} gives a photo as a .cube colour table for any editor."
        handler.__signature__ = _with_names(handler, self._api(entry, task))  # type: ignore[attr-defined]
        return one_sentence(handler)

    def styles(self, entry: Entry) -> Handler:
        """The handler that fills a style control with pictures; new ones are painted first."""

        def handler(progress: gr.Progress = gr.Progress()) -> Any:
            if zero_gpu.AVAILABLE:
                return gr.update(styles=self._styles_on_gpu(entry.name))
            method = self.models.get(entry.name)
            return gr.update(styles=previews.styles(method, lambda done, of: progress((done, of), desc="Hanging")))

        handler.__name__ = f"fill_{entry.slug}"
        return one_sentence(handler)

    def stop(self, request: gr.Request) -> None:
        """Stop this visitor's work."""
        self.jobs.stop(request.session_hash)

    def parameters(self, entry: Entry) -> Any:
        """The ``Parameters`` class of ``entry``'s method, without loading weights. Raises ``RegistryError``."""
        from hub.plugins import plugin_class

        return plugin_class(entry).Parameters

    def _api(self, entry: Entry, task: str) -> dict[str, bool]:
        """The parameters of an endpoint after the photo, and whether each is required."""
        names: dict[str, bool] = {}
        for field in field_specs(self.parameters(entry)):
            if field.kind == "pictures" and not by_name(entry, task, field):
                names |= dict.fromkeys(paintings.api_names(entry, field), False)
                # If the method knows styles by name, a name may replace the first picture.
                names[field.name] = field.required and not paintings.by_name_too(entry, field)
            else:
                names[field.name] = field.required
        return names

    def names(self, entry: Entry, count: int) -> Handler:
        """The handler that fills ``count`` lists with the styles of ``entry``."""

        def handler() -> Any:
            return paintings.fill(self._known(entry), count)

        handler.__name__ = f"names_{entry.slug}"
        return one_sentence(handler)

    def _run(
        self, name: str, content: Any, parameters: Mapping[str, Any], photo: str | None, report: ProgressCallback
    ) -> Painted:
        if zero_gpu.AVAILABLE:
            painted: Painted = self._paint_on_gpu(name, content, dict(parameters), photo)
            return painted
        return self.models.paint(name, content, parameters, report, photo)

    def _asked(
        self, entry: Entry, task: str, values: Mapping[str, Any]
    ) -> tuple[Image.Image, dict[str, Any], str | None]:
        """The photo, the parameters and the photo's name. Raises ``ImageError``, ``ParameterError``."""
        path, parameters = _split(values)
        content = read(path)
        if missing := self._missing(entry, task, parameters):
            raise ParameterError(f"Choose the {missing.lower()} first.")
        self._open_pictures(entry, task, parameters)
        return content, parameters, _file_name(path) if path else None

    def _open_pictures(self, entry: Entry, task: str, parameters: dict[str, Any]) -> None:
        """Open the pictures among ``parameters``: uploads, or styles by name on a tab for names.

        A visitor's text is never used as a path on the server.
        """
        for field in field_specs(self.parameters(entry)):
            if field.kind == "map" and field.name in parameters:
                path = parameters[field.name]
                parameters[field.name] = Map(read(path, field.title.lower()), _file_name(path))
            if field.kind != "pictures":
                continue
            if not by_name(entry, task, field):
                names = paintings.api_names(entry, field)
                slots = {name: parameters.pop(name) for name in names if name in parameters}
                if paintings.any_chosen(entry, field, slots):
                    parameters[field.name] = paintings.chosen(entry, field, slots, lambda: self._known(entry))
            elif (value := parameters.get(field.name)) is not None:
                shares = value if isinstance(value, Mapping) else {value: 1.0}
                try:
                    parameters[field.name] = Pictures(
                        [resolve(str(name), self._known(entry), "style") for name in shares], list(shares.values())
                    )
                except (TypeError, ValueError) as error:
                    raise ParameterError(f"The parameter {field.name!r} {error}.") from None

    def _known(self, entry: Entry) -> Mapping[str, Style]:
        return self.models.get(entry.name).styles

    def _incomplete(self, entry: Entry, task: str, values: Mapping[str, Any]) -> bool:
        path, parameters = _split(values)
        return path is None or self._needs_map(parameters) or self._missing(entry, task, parameters) is not None

    def _needs_map(self, parameters: Mapping[str, Any]) -> bool:
        """Whether the visitor chose ``where="mask"`` but has not given a mask yet."""
        return parameters.get("where") == "mask" and "map" not in parameters

    def _missing(self, entry: Entry, task: str, parameters: Mapping[str, Any]) -> str | None:
        for field in field_specs(self.parameters(entry)):
            slots = field.kind == "pictures" and not by_name(entry, task, field)
            there = paintings.any_chosen(entry, field, parameters) if slots else field.name in parameters
            if field.required and not there:
                return field.title
        return None


def by_name(entry: Entry, task: str, field: FieldSpec) -> bool:
    """Whether the tab for ``task`` offers styles by name, even if the method takes pictures too."""
    return field.role == "style" and task in ("single", "fusion") and "style-names" in entry.method.inputs


def _split(values: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    return values.get("photo"), given({name: value for name, value in values.items() if name != "photo"})


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _report(progress: gr.Progress, check: ProgressCallback) -> ProgressCallback:
    def report(p: Progress) -> None:
        check(p)
        if "loss" in p.losses:
            progress(p.step / p.of, desc=f"Step {p.step} of {p.of}, loss {p.losses['loss']:.3g}")
        elif p.of > 1:
            progress((p.step, p.of), desc="Painting", unit="parts")
        else:
            progress(float(p.step), desc="Painting")

    return report


def _silent(_: Progress) -> None:
    pass


def _with_names(handler: Handler, names: Mapping[str, bool]) -> inspect.Signature:
    """The signature of ``handler`` with explicit keywords: ``names``, and whether each is required."""
    own = [p for p in inspect.signature(handler).parameters.values() if p.kind is not p.VAR_KEYWORD]
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=inspect.Parameter.empty if required else None)
        for name, required in ({"photo": True} | {**names}).items()
    ]
    return inspect.Signature(own + named)


def _description(entry: Entry, parameters: Any) -> str:
    """The description of an endpoint, for people and agents, from the declared parameters."""
    lines = [entry.model.summary, "", "Args:", "    photo: The picture to paint, of any size."]
    lines += [f"    {field.name}: {field.description}" for field in field_specs(parameters)]
    lines += ["", "Returns:", "    Before and after for the page; the picture as PNG at full size, with provenance"]
    lines += ["    metadata; the shell command and the line of Python that make it again."]
    return "\n".join(lines)
