"""Stylise many photos with one method: threads read and write, and photos of one size are stylised together.

The pipeline inspects a photo (does its result exist? how large is it?), collects others of its size, decodes, stylises
in the calling thread, encodes and writes. Each stage runs only some pictures ahead, so memory does not grow with the
number of photos. A failed photo carries its error to the end; the others continue.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hub.batch.job import Job, Outcome, Task
from hub.batch.manifest import SOURCE, same_recipe, source_of
from hub.errors import ImageError
from hub.images import PHOTO, read_image, read_size, save, to_image
from hub.provenance import read_recipe
from methods.parts.memory import out_of_memory

CHUNK = 16  # photos inspected at a time
LARGE = 2_000_000  # pixels; on the CPU a method gets a larger photo as an image, so that it can free the memory early


class Limits(NamedTuple):
    """How far the stages run ahead of one another."""

    window: int = 512  # photos inspected and not yet read; a larger window finds more photos of one size
    ahead: int = 64_000_000  # pixels read, or stylised and not yet written, before a stage waits: 0.2 GB each


@dataclass
class _Picture:
    """A photo in the pipeline; only one thread holds it at a time."""

    outcome: Outcome
    size: tuple[int, int] = (0, 0)  # from the file's header, before it is turned upright
    pixels: Tensor | None = None  # uint8 (H, W, 3), after reading
    metadata: Mapping[str, Any] = field(default_factory=dict)  # of the photo
    replaces: bool = False  # the target, which was made of another photo of the same name
    image: Image.Image | None = None  # after reading, instead of pixels, if it is stylised alone; later the result

    @property
    def weight(self) -> int:
        """Its pixels, with a minimum so that thousands of thumbnails do not pile up."""
        return max(self.size[0] * self.size[1], 250_000)


class Pipeline:
    """Stylise photos for ``job`` with ``threads`` threads for reading and as many for writing.

    ``note`` is called at once with every outcome, in the thread that finished it; ``run`` yields it later.
    """

    def __init__(
        self,
        job: Job,
        threads: int | None = None,
        note: Callable[[Outcome], None] = lambda _: None,
        limits: Limits = Limits(),
    ) -> None:
        self.job, self.note, self.limits = job, note, limits
        self.threads = threads or min(8, os.cpu_count() or 1)
        self._on_cpu = job.method.device.type == "cpu"
        # Copy a photo to the GPU on its own stream while the photo before is computed.
        self._upload: torch.cuda.Stream | None = None
        if job.method.device.type == "cuda":
            self._upload = torch.cuda.Stream(job.method.device)  # type: ignore[no-untyped-call]
        self._most = job.batch or (8 if self._on_cpu else 32)

    def run(self, tasks: Iterable[Task]) -> Generator[Outcome, None, None]:
        """The outcome of every task, in any order. If it ends early, stylised pictures are still written."""
        # Threads, not processes: Pillow releases the GIL while it decodes and encodes. With JPEG two processes were half
        # as fast as two threads, since every picture was copied between them.
        readers = ThreadPoolExecutor(self.threads, "stylehub-read")
        writers = ThreadPoolExecutor(self.threads, "stylehub-write")
        pictures = (_Picture(Outcome(task)) for task in tasks)
        chunks = iter(lambda: list(islice(pictures, CHUNK)), [])
        looked = _ahead(readers, self._stage("decode", self._look), chunks, lambda _: 1, self.limits.window)
        ahead = self.limits.ahead
        read = _ahead(readers, self._stage("decode", self._read), self._batches(looked), lambda p: p.weight, ahead)
        done = map(self._stylise, read)
        written = _ahead(writers, self._finish, done, lambda p: p.weight, ahead)
        try:
            for picture in chain.from_iterable(written):
                yield picture.outcome
        finally:
            readers.shutdown(cancel_futures=True)
            writers.shutdown()

    def _stage(
        self, name: Literal["decode", "encode"], work: Callable[[_Picture], None]
    ) -> Callable[[_Picture], _Picture]:
        """``work`` on unfinished pictures, with its time measured and its errors noted."""

        def timed(picture: _Picture) -> _Picture:
            outcome = picture.outcome
            if outcome.status == "pending":
                start = time.perf_counter()
                try:
                    work(picture)
                except Exception as error:
                    outcome.fail(error, str(outcome.task.photo))
                setattr(outcome, name, getattr(outcome, name) + time.perf_counter() - start)
            return picture

        return timed

    def _look(self, picture: _Picture) -> None:
        task = picture.outcome.task
        if not self.job.overwrite and os.path.lexists(task.target):
            made = self._made(task)
            if made is None:
                raise ImageError(f"{task.target} exists but was made differently; use another folder or --overwrite.")
            source = source_of(task.photo)
            if made.get(SOURCE, source[-1]) == source[-1]:
                picture.outcome.status, picture.outcome.source = "there", source if SOURCE in made else None
                return
            picture.replaces = True  # another photo had this name
        picture.size = read_size(task.photo)

    def _made(self, task: Task) -> dict[str, Any] | None:
        """The target's metadata if they match this photo's name and job, or None."""
        with suppress(ImageError):
            made = read_recipe(task.target)
            if made is not None and same_recipe(made, self.job.recipe_of(task.photo)):
                return made
        return None

    def _batches(self, looked: Iterable[list[_Picture]]) -> Iterator[list[_Picture]]:
        """Batches of pictures of one size; finished pictures are passed on at once."""
        buckets: dict[tuple[int, int], list[_Picture]] = {}
        for picture in chain.from_iterable(looked):
            if picture.outcome.status != "pending":
                yield [picture]
                continue
            bucket = buckets.setdefault(picture.size, [])
            bucket.append(picture)
            if len(bucket) >= self._together(picture):
                yield buckets.pop(picture.size)
            elif sum(map(len, buckets.values())) >= self.limits.window:
                yield buckets.pop(max(buckets, key=lambda size: len(buckets[size])))
        yield from buckets.values()

    def _together(self, picture: _Picture) -> int:
        """The batch size for pictures of this size.

        On two cores batches were faster up to 0.2 megapixels in all (thumbnails), then slower, since they outgrow the
        caches. On a GPU batches keep the cores busy with small pictures; the best size was not measured.
        """
        if self.job.batch:
            return self._most
        area = 200_000 if self._on_cpu else 8_000_000
        return max(1, min(self._most, area // max(1, picture.size[0] * picture.size[1])))

    def _read(self, picture: _Picture) -> None:
        picture.outcome.source = source_of(picture.outcome.task.photo)
        photo = read_image(picture.outcome.task.photo)
        picture.metadata = photo.metadata
        large = self._on_cpu and picture.weight > LARGE and self._together(picture) == 1
        if photo.alpha is None and not large:
            picture.pixels = self._uploaded(torch.from_numpy(np.array(photo.rgb)))
            return
        picture.image = photo.rgb
        if photo.alpha is not None:
            picture.image.putalpha(photo.alpha)

    def _uploaded(self, pixels: Tensor) -> Tensor:
        """``pixels`` on the method's device, copied from pinned memory in parallel with computation."""
        if self._upload is None:
            return pixels.to(self.job.method.device)
        with torch.cuda.stream(self._upload):
            copied = pixels.pin_memory().to(self.job.method.device, non_blocking=True)
        self._upload.synchronize()  # only this thread waits, not the computing one
        copied.record_stream(torch.cuda.default_stream(self.job.method.device))
        return copied

    def _stylise(self, pictures: list[_Picture]) -> list[_Picture]:
        """Stylise pictures of one shape together, transparent and large ones alone."""
        alike: dict[Any, list[_Picture]] = {}
        for picture in pictures:
            if picture.outcome.status == "pending":
                key = id(picture) if picture.pixels is None else picture.pixels.shape
                alike.setdefault(key, []).append(picture)
        for batch in alike.values():
            self._stylise_alike(batch)
        return pictures

    def _stylise_alike(self, batch: Sequence[_Picture]) -> None:
        start = time.perf_counter()
        failure = self._failure(batch)
        for picture in batch:
            picture.outcome.stylise += (time.perf_counter() - start) / len(batch)
        if failure is None:
            return
        if len(batch) == 1:
            batch[0].outcome.fail(failure, self.job.method.entry.name)
            return
        if out_of_memory(failure):
            self._most = max(1, len(batch) // 2)
        for picture in batch:  # one by one, so that only the bad picture fails
            self._stylise_alike([picture])

    def _failure(self, batch: Sequence[_Picture]) -> Exception | None:
        """Give every picture of ``batch`` its result; or give none and return the error, without its traceback."""
        try:
            results = self._results(batch)
        except Exception as error:  # a foreign method may raise anything; the other pictures continue
            return error.with_traceback(None)
        for picture, image in zip(batch, results, strict=True):
            picture.image, picture.pixels = image, None
        return None

    def _results(self, batch: Sequence[_Picture]) -> list[Image.Image]:
        job = self.job
        if batch[0].image is not None:
            alone, batch[0].image = [batch[0].image], None
            return [job.method(alone.pop(), strength_map=job.strength_map, **job.parameters)]
        pixels = [picture.pixels for picture in batch if picture.pixels is not None]
        content = torch.stack(pixels).permute(0, 3, 1, 2).contiguous().float().div_(255)
        result = job.method(content, strength_map=job.strength_map, **job.parameters)
        if len(result) != len(pixels):
            raise ValueError(f"{len(pixels)} pictures became {len(result)}")
        return [to_image(one) for one in result]

    def _finish(self, picture: _Picture) -> _Picture:
        self._stage("encode", self._write)(picture)
        self.note(picture.outcome)
        return picture

    def _write(self, picture: _Picture) -> None:
        outcome, image, job = picture.outcome, picture.image, self.job
        assert image is not None
        assert outcome.source is not None
        image.info["stylehub"] = job.recipe_of(outcome.task.photo) | {SOURCE: outcome.source[-1]}
        image.info[PHOTO] = picture.metadata
        overwrite = job.overwrite or picture.replaces
        try:
            save(image, outcome.task.target, overwrite=overwrite, quality=job.quality, keep_metadata=job.keep_metadata)
        except ImageError:  # perhaps another worker, believed dead, was first
            if overwrite or (self._made(outcome.task) or {}).get(SOURCE) != outcome.source[-1]:
                raise
        outcome.status, picture.image = "written", None


def _ahead(
    pool: Executor,
    work: Callable[[_Picture], _Picture],
    groups: Iterable[list[_Picture]],
    weight: Callable[[_Picture], int],
    most: int,
) -> Iterator[list[_Picture]]:
    """Do ``work`` on every picture of every group and yield the groups in order.

    The threads of ``pool`` work ahead of the consumer until they hold pictures of ``most`` weight.
    """
    pending: deque[tuple[int, list[Future[_Picture]]]] = deque()
    held = 0
    for group in groups:
        heavy = sum(map(weight, group))
        pending.append((heavy, [pool.submit(work, picture) for picture in group]))
        held += heavy
        while pending and ((held >= most and len(pending) > 1) or all(future.done() for future in pending[0][1])):
            heavy, futures = pending.popleft()
            held -= heavy
            yield [future.result() for future in futures]
    for _, futures in pending:
        yield [future.result() for future in futures]
