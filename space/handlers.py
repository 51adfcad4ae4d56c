"""The event handlers: paint for the page or for a caller of the API, report progress, stop."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from hub.errors import Cancelled, StylehubError
from hub.files import example_photo
from hub.images import read_image
from hub.progress import Progress, ProgressCallback
from hub.registry import Entry
from methods.parts.pace import Pace
from space import paintings, previews, zero_gpu
from space.endpoint import description, with_names
from space.errors import one_sentence, said_on_the_page
from space.models import Jobs, Models, Painted
from space.photo import DISPLAY, SMALL, read_reduced
from space.result import Shown, download_of, filled, recipe_lines, shown
from space.stream import reports
from space.values import Reader, api_names, incomplete, parameters_of
from space.words import said

Handler = Callable[..., Any]
_PACE = 1.0  # seconds between two previews or reports of long work
_LATER = 2.5  # a photo that is this many times larger than its draft is shown as a draft first


class Handlers:
    """The handlers of the whole page. A session is known only while its work runs."""

    def __init__(self, models: Models, learns: bool = False) -> None:
        self.models, self.learns = models, learns
        self.jobs = Jobs()
        self.reader = Reader(models)
        # On ZeroGPU another process runs these, so they take and return plain data and report no progress.
        self._paint_on_gpu = zero_gpu.on_gpu(
            lambda name, content, parameters, photo: models.paint(name, content, parameters, silent, photo)
        )
        self._styles_on_gpu = zero_gpu.on_gpu(lambda name: previews.styles(models.get(name)))

    def paint(self, entry: Entry, task: str) -> Handler:
        """The endpoint that paints at full size; an iterative method shows previews."""

        def handler(request: gr.Request, progress: gr.Progress = gr.Progress(), /, **values: Any) -> Any:
            try:
                return filled(self._whole(entry, task, values, request, progress))
            except Cancelled:
                return gr.skip()  # the old result stays

        def steps(request: gr.Request, progress: gr.Progress = gr.Progress(), /, **values: Any) -> Iterator[Any]:
            for news in self._steps(entry, task, values, request, progress):
                if isinstance(news, Painted) and news.done:
                    yield filled(news)
                else:
                    slider = shown(news) if news else gr.skip()
                    yield slider, *[None if news else gr.skip()] * 3

        chosen: Any = steps if _streams(entry) else handler
        chosen.__name__ = f"{entry.slug}_{task}"  # agents see this name
        chosen.__doc__ = description(entry, parameters_of(entry))
        chosen.__signature__ = with_names(chosen, api_names(entry, task))
        return one_sentence(chosen)

    def show(self, entry: Entry, task: str, *, quiet: bool = True) -> Handler:
        """The handler for the page: the picture as large as a screen shows it, after a draft.

        Without a photo it paints the example. ``quiet``: do nothing while a choice is missing.
        """

        def handler(
            before: Shown | None, request: gr.Request, progress: gr.Progress = gr.Progress(), /, **values: Any
        ) -> Iterator[Any]:
            values["photo"] = values.get("photo") or str(example_photo())
            if quiet and before is not None and before.shows(entry.name, task, values):
                return  # a control was left without a change
            if quiet and _refused(values["photo"]):
                return
            if quiet and incomplete(entry, task, values):
                yield from _unpainted(values["photo"])
                return
            steps = self._steps if _streams(entry) else self._stages
            for news in steps(entry, task, values, request, progress):
                if not news:
                    yield (gr.skip(),) * 5
                    continue
                lines = recipe_lines(news, values) if news.done else ("", "")
                files = shown(news, news.full)
                yield files, *lines, Shown(entry.name, task, values, news, files=files), ""

        handler.__name__ = f"show_{entry.slug}_{task}"
        return said_on_the_page(handler, 5)

    def _stages(
        self, entry: Entry, task: str, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress
    ) -> Iterator[Painted]:
        """A draft of a large photo, and the picture at the size of a screen."""
        content, full, parameters, photo = self.reader.reduced(entry, task, values, DISPLAY)
        try:
            with self.jobs.running(request.session_hash, instead=(entry.name, task, dict(values))) as check:
                small, _, first = self.reader.draft(entry, task, values, SMALL)
                if content.width * content.height > _LATER * small.width * small.height:
                    draft = self.run(entry.name, small, first, photo, _report(request, progress, check))
                    check()
                    yield draft.of(full, done=False)
                painted = self.run(entry.name, content, parameters, photo, _report(request, progress, check))
                check()
                yield painted.of(full)
        except Cancelled:
            return  # the old result stays

    def _steps(
        self, entry: Entry, task: str, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress
    ) -> Iterator[Painted | None]:
        """Previews of work that takes minutes, and the picture at full size; None where there is no news."""
        content, parameters, photo = self.reader.asked(entry, task, values)

        def work(report: ProgressCallback) -> Painted:
            return self.run(entry.name, content, parameters, photo, report, lambda _: report(Progress(0, 1)))

        before = content.copy()
        before.thumbnail((DISPLAY, DISPLAY))
        preview: Image.Image | None = None
        pace = Pace()
        try:
            with (
                self.jobs.running(request.session_hash, instead=(entry.name, task, dict(values))) as check,
                closing(reports(work, _PACE)) as told,
            ):
                tell = _report(request, progress, check)
                for news in told:
                    if isinstance(news, Painted):
                        yield news.of(content.size)
                        return
                    tell(news)
                    preview = news.preview or preview
                    # Gradio can stop this only at a yield, so yield also without a preview.
                    if pace.due(_PACE):
                        yield Painted(before, preview, preview.size, done=False) if preview else None
                        preview = None
        except Cancelled:
            return  # the last preview stays

    def preview(self, entry: Entry) -> Handler:
        """The handler that paints a draft while a control is dragged."""

        def handler(painted: Shown | None, request: gr.Request, /, **values: Any) -> Any:
            values["photo"] = values.get("photo") or str(example_photo())
            # The last preview may come after the picture of the same values: keep that.
            same = painted is not None and values == painted.values
            if same or self.jobs.busy(request.session_hash) or incomplete(entry, "fusion", values):
                return gr.skip()
            content, full, parameters = self.reader.draft(entry, "fusion", values, SMALL)
            return shown(
                self.run(entry.name, content, parameters, None, silent),
                full if not parameters.get("center_crop") else None,
            )

        handler.__name__ = f"preview_{entry.slug}"
        return one_sentence(handler)

    def download(self, entries: Mapping[str, Entry]) -> Handler:
        """The handler that gives what is shown at the photo's full size, as a file; painted now where it is not yet."""

        def handler(
            painted: Shown | None, format: str, request: gr.Request, progress: gr.Progress = gr.Progress()
        ) -> Any:
            if painted is None:
                return None, said(request, "nothing yet")
            if painted.picture is None:
                try:
                    painted.keep(self._whole(entries[painted.model], painted.task, painted.values, request, progress))
                except Cancelled:
                    return None, ""
            return download_of(painted, format), ""

        return said_on_the_page(handler, 2)

    def first(self, entry: Entry) -> Handler:
        """The handler that fills the page before anybody has chosen anything: the example, painted and compared."""

        def handler() -> Any:
            after = previews.example(self.models.get(entry.name), self.models.accelerator.short)
            painted = Painted(read_image(example_photo()).image, after)
            style = after.info["stylehub"]["parameters"]["style"]
            values = {"photo": str(example_photo()), "style": style}
            lines = recipe_lines(painted, values)
            files = shown(painted)
            kept = Shown(entry.name, "single", values, painted, files=files, first=True)
            return files, *lines, kept, "", gr.update(value=style)

        handler.__name__ = f"first_{entry.slug}"
        return one_sentence(handler)

    def styles(self, entry: Entry, task: str) -> Handler:
        """The handler that fills the style control of ``task`` with pictures of the photo, or else of the example."""

        def handler(photo: str | None, request: gr.Request) -> Iterator[Any]:
            if zero_gpu.AVAILABLE:
                yield gr.update(styles=self._styles_on_gpu(entry.name))
                return
            method = self.models.get(entry.name)
            session = f"wall of {task} {request.session_hash}"  # another photo ends the wall of the one before
            with suppress(Cancelled), self.jobs.running(session, instead=(entry.name, photo)) as check:
                for styles in previews.growing(method, self.models.accelerator.small, photo):
                    check()
                    yield gr.update(styles=styles)

        handler.__name__ = f"fill_{entry.slug}"
        return one_sentence(handler)

    def look(self, entry: Entry) -> Callable[[str], str]:
        """The function that paints a style's strokes and colours alone, as a data URI; empty where it cannot."""

        def look(name: str) -> str:
            try:
                method = self.models.get(entry.name)
                return previews.swatch(method, name, self.models.accelerator.small) if name in method.styles else ""
            except StylehubError:
                return ""

        return look

    def names(self, entry: Entry, count: int) -> Handler:
        """The handler that fills ``count`` lists with the styles of ``entry``."""

        def handler() -> Any:
            return paintings.fill(self.reader.known(entry), count)

        handler.__name__ = f"names_{entry.slug}"
        return one_sentence(handler)

    def stop(self, request: gr.Request) -> None:
        """Stop this visitor's work."""
        self.jobs.stop(request.session_hash)

    def _whole(
        self, entry: Entry, task: str, values: Mapping[str, Any], request: gr.Request, progress: gr.Progress
    ) -> Painted:
        """The photo at its full size, painted as work that its session can stop; raises ``Cancelled`` then."""
        content, parameters, photo = self.reader.asked(entry, task, values)
        with self.jobs.running(request.session_hash) as check:
            waiting = waiting_line(request, progress, check, self.models.accelerator.about)
            return self.run(entry.name, content, parameters, photo, _report(request, progress, check), waiting)

    def run(
        self,
        name: str,
        content: Any,
        parameters: Mapping[str, Any],
        photo: str | None,
        report: ProgressCallback,
        waiting: Callable[[int], None] | None = None,
    ) -> Painted:
        """``content`` painted where the accelerator is; with ``waiting``, as long work. Raises ``StylehubError``."""
        if zero_gpu.AVAILABLE:
            painted: Painted = self._paint_on_gpu(name, content, dict(parameters), photo)
            return painted
        return self.models.paint(name, content, parameters, report, photo, waiting)


def _streams(entry: Entry) -> bool:
    return entry.method.iterative and not zero_gpu.AVAILABLE


def _refused(path: str) -> bool:
    """Whether the page refuses or reduces this photo, which is said beside it; a smaller one or none follows."""
    try:
        read_reduced(path, DISPLAY)
    except StylehubError:
        return Path(path).is_file()
    return False


def _unpainted(path: str) -> Iterator[Any]:
    """The photo alone, until a style is chosen for it."""
    photo, _ = read_reduced(path, DISPLAY)
    yield shown(Painted(photo, photo, photo.size)), "", "", None, ""


def _report(request: gr.Request, progress: gr.Progress, check: ProgressCallback) -> ProgressCallback:
    """Tell how far the work is; rarely, since Gradio's script needs a tenth of a second for each word of it."""
    pace = Pace()
    pace.due(0)  # the work of a moment says nothing

    def report(p: Progress) -> None:
        check(p)
        if not pace.due(_PACE):
            return
        if "loss" in p.losses:
            progress(p.step / p.of, desc=said(request, "step", p.step, p.of, f"{p.losses['loss']:.3g}"))
        else:
            progress(p.step / max(p.of, 1), desc=said(request, "painting"))

    return report


def waiting_line(
    request: gr.Request,
    progress: gr.Progress,
    check: Callable[[], None],
    about: Callable[[int], int | None] = lambda before: None,
) -> Callable[[int], None]:
    """Tell how many others are served before this visitor, and ``about`` how many seconds they take."""

    def waiting(before: int) -> None:
        check()
        seconds = about(before)
        if not before:
            told = said(request, "starting")
        elif seconds:
            told = said(request, "before you about", before, seconds)
        else:
            told = said(request, "before you", before)
        progress(0.0, desc=told)

    return waiting


def silent(_: Progress) -> None:
    """For work without a bar."""
