"""A method in half precision, and on a GPU, which is simulated where there is none."""

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image

from hub.checking.calls import levels
from hub.checking.case import Case, LeftOut, require
from hub.method import Method

FLOAT32, HALF = 1.0, 5.0  # mean differences from float32 on the CPU that are allowed, in levels of 255
SIZE = (72, 64)  # of the photo on the simulated GPU, which is slow


def half_precision(case: Case) -> None:
    """With ``half: true``, the picture in bfloat16 is nearly the picture in float32."""
    if not case.method.entry.method.half:
        raise LeftOut("the entry says half: false")
    full, half = (
        case.load(device="cpu", dtype=dtype)(case.photo, **case.parameters) for dtype in ("float32", "bfloat16")
    )
    off = levels(full, half).mean()
    require(off < HALF, f"in bfloat16 the picture differs by {off:.1f} of 255 on average; say half: false")


def gpu(case: Case) -> None:
    """The picture on a GPU is nearly the picture on the CPU, and nothing is computed on the CPU."""
    half = case.method.entry.method.half
    dtype, photo = "float16" if half else "float32", case.photo.resize(SIZE)
    expected = case.load(device="cpu", dtype="float32")(photo, **case.parameters)
    with one_gpu() as loading_and_calling:
        found = loading_and_calling(lambda: case.load(device="cuda", dtype=dtype), photo, dict(case.parameters))
    off = np.asarray(levels(expected, found)).mean()
    require(off < (HALF if half else FLOAT32), f"in {dtype} the picture differs by {off:.1f} of 255 on average")


Paint = Callable[[Callable[[], Method], Image.Image, dict[str, Any]], Image.Image]


@contextmanager
def one_gpu() -> Any:
    """A function that loads a method on a GPU and calls it."""
    if torch.cuda.is_available():
        yield lambda load, photo, parameters: load()(photo, **parameters)
        return
    try:
        from hub.checking.simulated_gpu import simulated_gpu
    except ImportError as error:  # parts of PyTorch that other versions may not have
        raise LeftOut(f"there is no GPU here, and this PyTorch cannot simulate one ({error})") from None
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with simulated_gpu() as simulated:

            def paint(load: Callable[[], Method], photo: Image.Image, parameters: dict[str, Any]) -> Image.Image:
                with simulated:
                    simulated.watches_cpu = False  # a network is built on the CPU
                    method = load()
                    simulated.watches_cpu = True
                    picture: Image.Image = method(photo, **parameters)
                    return picture

            yield paint
    finally:
        torch.set_num_threads(threads)


DEVICES = (half_precision, gpu)
