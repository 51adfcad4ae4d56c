"""Models as people use them in Python: arrays, many photos, saving, pickles, threads, memory, mistakes."""

import gc
import pickle
import re
import subprocess
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub import folders
from hub.errors import ImageError, ParameterError, StylehubError
from hub.method import Method
from tests.support.models import STYLES
from tests.support.paths import ROOT
from tests.support.plugins import MIRROR, MIRROR_ENTRY


@pytest.fixture(scope="module")
def style(tiny_model: Path) -> Method:
    return hub.load(tiny_model, device="cpu", styles=[])


def test_an_array_comes_back_as_an_array(style: Method, photo: Image.Image) -> None:
    array = np.asarray(photo)
    result = style(array, style="senecio")
    assert (result.dtype, result.shape) == (np.uint8, array.shape)
    assert np.array_equal(result, style(photo, style="senecio"))
    result[:] = 0  # it can be written
    bgr = array[..., ::-1]
    assert np.array_equal(style(bgr[..., ::-1], style="senecio"), style(photo, style="senecio"))


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (3, 4, 4), (0, 4, 3)])
def test_arrays_that_are_no_picture(style: Method, shape: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError, match=r"must be uint8 \(H, W, 3\) in RGB.*BGR"):
        style(np.zeros(shape, np.uint8), style="senecio")
    with pytest.raises(ParameterError, match="this one is float64"):
        style(np.zeros((4, 4, 3)), style="senecio")


def test_many_photos(style: Method, photo: Image.Image, photo_file: Path) -> None:
    one = style(photo, style="senecio")
    results = style.batch(iter([photo, photo_file, np.asarray(photo)]), style="senecio")
    assert [np.array_equal(result, one) for result in results] == [True, True, True]
    with pytest.raises(StylehubError, match="There is no style 'x'"):
        style.batch([photo], style="x")
    results = style.batch([photo, "nowhere.png", photo], style="senecio")
    next(results)
    with pytest.raises(ImageError, match=r"nowhere\.png"):
        next(results)


def test_whatever_comes_back_is_saved(style: Method, photo: Image.Image, tmp_path: Path) -> None:
    tensor = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1)[None] / 255
    for number, picture in enumerate((photo, np.asarray(photo), tensor)):
        path = hub.save(style(picture, style="senecio"), tmp_path / f"{number}.png")
        assert Image.open(path).size == photo.size
    for wrong in (torch.zeros(2, 3, 4, 4), np.zeros((4, 4)), "photo.jpg", None):
        with pytest.raises(ImageError, match="cannot be saved; give a PIL image"):
            hub.save(wrong, tmp_path / "x.png")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda style, photo: style(photo, "senecio"), "Give everything but the photo by its name"),
        (lambda style, photo: style([photo, photo], style="senecio"), r"style\.batch\(photos"),
        (lambda style, photo: style(photo, style=["senecio", "great-wave"]), "one style, or several with their shares"),
        (lambda style, photo: style("https://example.org/a.jpg", style="senecio"), "is an address"),
    ],
)
def test_mistakes_have_a_sentence(style: Method, photo: Image.Image, call: Callable[..., Any], message: str) -> None:
    with pytest.raises(StylehubError, match=message) as error:
        call(style, photo)
    assert "\n" not in str(error.value)


def test_no_gradient_goes_through(style: Method) -> None:
    photo = torch.rand(1, 3, 16, 16, requires_grad=True)
    assert not style(photo, style="senecio").requires_grad


def test_a_model_says_what_it_is(style: Method) -> None:
    assert repr(style).startswith("<Cin './") or repr(style).startswith("<Cin '/")
    assert " on cpu in " in repr(style)


def test_help_tells_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    help(hub)
    told = capsys.readouterr().out
    for word in ("hub.load(", "style.batch(", "StylehubError", "class Method", "pickled"):
        assert word in told


def test_a_pickle_paints_the_same(style: Method, photo: Image.Image) -> None:
    again = pickle.loads(pickle.dumps(style))
    assert np.array_equal(again(photo, style="senecio"), style(photo, style="senecio"))


def test_a_pickle_of_a_folder_loads_where_its_code_is_unknown(tmp_path: Path, photo: Image.Image) -> None:
    """As in another process, which has imported nothing of it."""
    (tmp_path / "registry.yaml").write_text(MIRROR_ENTRY)
    code = MIRROR.replace("assert not config and not tensors", "self.own = Own()") + "\nclass Own: ...\n"
    (tmp_path / "method.py").write_text(code)
    (tmp_path / "parts.py").write_text("def turn(x):\n    return x.flip(3)\n")
    method = hub.load(tmp_path, trust=True, device="cpu")
    turned, data = method(photo), pickle.dumps(method)
    for name in [name for name in sys.modules if name.startswith(folders.PREFIX)]:
        del sys.modules[name]
    sys.meta_path.remove(folders._Finder)
    assert np.array_equal(pickle.loads(data)(photo), turned)


def test_threads_do_not_mix(style: Method, photo: Image.Image) -> None:
    names = [*style.styles] * 3
    expected = [np.asarray(style(photo, style=name)) for name in names]
    with ThreadPoolExecutor(4) as pool:
        for result, wanted in zip(pool.map(lambda name: style(photo, style=name), names), expected, strict=True):
            assert np.array_equal(result, wanted)


def test_memory_is_free_when_nothing_refers_to_it(tiny_model: Path, photo: Image.Image) -> None:
    style = hub.load(tiny_model, device="cpu")
    style(photo, style="senecio")
    network = weakref.ref(style.network)  # type: ignore[attr-defined]
    del style
    gc.collect()
    assert network() is None


TYPES = """
import numpy, torch
import hub

style = hub.load("cin-25styles")
reveal_type(style("photo.jpg", style="udnie"))
reveal_type(style(torch.zeros(1, 3, 8, 8)))
reveal_type(style(numpy.zeros((8, 8, 3), numpy.uint8)))
reveal_type(style.batch(["a.jpg", "b.jpg"]))
reveal_type(hub.list()[0])
"""


@pytest.mark.slow
def test_a_type_checker_understands_what_users_write(tmp_path: Path) -> None:
    """Also in its strict mode, which takes what is exported alone."""
    (tmp_path / "user.py").write_text(TYPES)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path, tmp_path / "user.py"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    kinds = re.findall(r'Revealed type is "([\w.\[]+)', told)
    assert kinds == [
        "PIL.Image.Image",
        "torch._tensor.Tensor",
        "numpy.ndarray[Any",
        "typing.Iterator[PIL.Image.Image",
        "hub.entries.Entry",
    ]


@pytest.mark.parametrize("photos", ["photo.jpg", Path("photo.jpg"), b"photo"])
def test_a_batch_is_a_list(tiny_model: Path, photos: Any) -> None:
    with pytest.raises(ParameterError, match=r"put a single one in brackets"):
        hub.load(tiny_model, device="cpu").batch(photos, style=STYLES[0])
