"""The app through its own client: every tab and endpoint, what it refuses, what it keeps apart."""

import asyncio
import base64
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from packaging.specifiers import SpecifierSet
from PIL import Image
from pydantic import Field

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client, handle_file  # noqa: E402
from gradio_client.exceptions import AppError  # noqa: E402

import hub  # noqa: E402
from hub import registry  # noqa: E402
from hub.errors import Cancelled, StylehubError  # noqa: E402
from hub.files import example_photo  # noqa: E402
from hub.images import read_recipe  # noqa: E402
from hub.method import Style  # noqa: E402
from hub.parameters import FieldSpec, Parameters, Shares, field_specs, validate  # noqa: E402
from hub.progress import Progress  # noqa: E402
from hub.registry import list_models  # noqa: E402
from methods.parts.dense.segmentation.groups import GROUPS  # noqa: E402
from space import app, depth, handlers, mask_editor, paintings, preset, previews, realistic, zero_gpu  # noqa: E402
from space.controls import control, given  # noqa: E402
from space.models import Jobs, Models  # noqa: E402
from space.photo import read  # noqa: E402
from tests.test_documents import blocks  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "data" / "space_api.json"
SINGLE, FUSION, ANY = "/cin_25styles_single", "/cin_25styles_fusion", "/gatys_arbitrary"


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[Any, str]]:
    demo, address = app.serve(block=False)
    yield demo, address
    demo.close()


@pytest.fixture(scope="module")
def client(page: tuple[Any, str], tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(page[1], verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))


@pytest.fixture
def photo_at(photo_file: Path) -> Any:
    return handle_file(str(photo_file))


# --- Every endpoint


def test_single_style(client: Client, photo_at: Any, photo_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (before, after), picture, command, python = client.predict(
        photo=photo_at, style="starry-night", strength=0.8, api_name=SINGLE
    )
    assert Image.open(before).size == Image.open(after).size == Image.open(picture).size == Image.open(photo_file).size
    assert read_recipe(Path(picture))["parameters"] == {"strength": 0.8, "style": "van-gogh-starry-night"}  # type: ignore[index]
    assert command == "stylehub stylize cin-25styles photo.png --strength 0.8 --style van-gogh-starry-night"
    monkeypatch.chdir(photo_file.parent)
    exec(python)
    assert Image.open("painted.png").tobytes() == Image.open(picture).tobytes(), "the Python line makes another picture"


def test_fusion(client: Client, photo_at: Any) -> None:
    shares = {"starry-night": 0.6, "great-wave": 0.4}
    *_, picture, command, _ = client.predict(photo=photo_at, style=shares, api_name=FUSION)
    assert "--style van-gogh-starry-night=0.6 --style hokusai-great-wave=0.4" in command
    _, alone, _, _ = client.predict(photo=photo_at, style={"starry-night": 1}, api_name=FUSION)
    assert Image.open(alone).tobytes() != Image.open(picture).tobytes(), "the shares make no difference"


def test_the_styles_of_a_model(client: Client) -> None:
    listed = client.predict(api_name="/cin_25styles_styles")
    assert [style["name"] for style in listed] == list(hub.load("cin-25styles", device="cpu").styles)
    assert all(style["artist"] and style["title"] for style in listed)


def test_every_model_and_task_has_its_endpoint(page: tuple[Any, str]) -> None:
    endpoints = page[0].get_api_info()["named_endpoints"]
    for entry in list_models():
        if not entry.model.offered:
            assert not any(name.startswith(f"/{entry.slug}") for name in endpoints)
            continue
        method = hub.load(entry.name, device="cpu")
        for task in set(entry.tasks) & set(app.TABS):
            parameters = endpoints[f"/{entry.name.replace('-', '_')}_{task}"]["parameters"]
            wanted = {"photo"} | {f.name for f in field_specs(method.Parameters) if f.kind != "path"}
            more = {f"style{n}{part}" for n in ("", "_2", "_3") for part in ("", "_name", "_share")} | {"other_name"}
            names = {p["parameter_name"] for p in parameters}
            assert wanted <= names <= wanted | more
            assert ("style_2" in names) == (task in ("arbitrary", "depth", "photo"))


def test_the_api_is_the_one_that_was_promised(page: tuple[Any, str]) -> None:
    """Names, defaults and types of every endpoint. Written anew by `python -m tests.test_space`."""
    assert promised(page[0]) == json.loads(GOLDEN.read_text()), "run `python -m tests.test_space` and look at the diff"


def promised(demo: Any) -> dict[str, Any]:
    def facts(parameter: dict[str, Any]) -> dict[str, Any]:
        found = {"label": parameter["label"], "type": parameter["python_type"]["type"]}
        if "parameter_name" in parameter:
            found["name"] = parameter["parameter_name"]
            if parameter["parameter_has_default"]:
                found["default"] = parameter["parameter_default"]
        return found

    endpoints = demo.get_api_info()["named_endpoints"]
    return {
        name: {
            "parameters": [facts(p) for p in endpoint["parameters"]],
            "returns": [facts(r) for r in endpoint["returns"]],
            "description": endpoint["description"],
        }
        for name, endpoint in endpoints.items()
    }


# --- Any painting


@pytest.fixture
def painting_at(material: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A painting, and a perceptual network of random weights for the methods that look at it."""
    monkeypatch.setenv("STYLEHUB_VGG", str(material / "vgg.safetensors"))
    return handle_file(str(material / "paintings" / "red-stripes.png"))


def test_any_painting(client: Client, photo_at: Any, painting_at: Any, photo_file: Path) -> None:
    (before, after), picture, command, python = client.predict(
        photo=photo_at, style=painting_at, iterations=2, size=64, api_name=ANY
    )
    assert Image.open(before).size == Image.open(after).size == Image.open(picture).size == Image.open(photo_file).size
    assert Image.open(picture).tobytes() != Image.open(photo_file).tobytes()
    assert command == "stylehub stylize gatys photo.png --size 64 --style red-stripes.png --iterations 2"
    assert "style='red-stripes.png'" in python


PAINTER = "/adain_arbitrary"


def test_a_painting_in_one_pass(client: Client, photo_at: Any, painting_at: Any) -> None:
    *_, picture, command, _python = client.predict(photo=photo_at, style=painting_at, stroke_size=0.7, api_name=PAINTER)
    assert command == "stylehub stylize adain photo.png --style red-stripes.png --stroke-size 0.7"
    *_, by_name, command, _ = client.predict(photo=photo_at, style_name="great-wave", api_name=PAINTER)
    assert command == "stylehub stylize adain photo.png --style hokusai-great-wave"
    assert Image.open(by_name).tobytes() != Image.open(picture).tobytes()


def test_several_paintings_with_their_shares(client: Client, photo_at: Any, painting_at: Any) -> None:
    *_, both, command, _python = client.predict(
        photo=photo_at,
        style=painting_at,
        style_share=0.75,
        style_2_name="starry-night",
        style_2_share=0.25,
        api_name=PAINTER,
    )
    assert "--style red-stripes.png=0.75 --style van-gogh-starry-night=0.25" in command
    *_, one, _, _ = client.predict(
        photo=photo_at, style=painting_at, style_2_name="starry-night", style_2_share=0, api_name=PAINTER
    )
    *_, alone, _, _ = client.predict(photo=photo_at, style=painting_at, api_name=PAINTER)
    assert Image.open(one).tobytes() == Image.open(alone).tobytes() != Image.open(both).tobytes()


def test_lists_of_names_are_filled() -> None:
    """Of a single output Gradio takes a list for its value: a list of one update became the visitor's choice."""
    style = Style(name="great-wave", title="The Great Wave", artist="Hokusai")
    one = paintings.fill({"great-wave": style}, 1)
    assert one["choices"] == [("The Great Wave, Hokusai", "great-wave")]
    assert paintings.fill({"great-wave": style}, 3) == [one] * 3


def test_paintings_by_names_that_are_none(client: Client, photo_at: Any, painting_at: Any) -> None:
    assert "Choose first: painting" in refused(client, PAINTER, photo=photo_at)
    for path in ("tests/data/space_api.json", "registry.yaml"):
        for place in ("style_name", "style_2_name"):
            assert "There is no style" in refused(client, PAINTER, photo=photo_at, **{place: path})
        for tab in ("/adain_single", "/adain_fusion"):
            style = {path: 1.0} if tab == "/adain_fusion" else path
            assert "There is no style" in refused(client, tab, photo=photo_at, style=style)
    assert "sum to zero" in refused(
        client, PAINTER, photo=photo_at, style=painting_at, style_share=0, style_2_name="great-wave", style_2_share=0
    )


NEAR_AND_FAR = "/depth_adain_depth"


def test_near_and_far(client: Client, photo_at: Any, tmp_path: Path) -> None:
    *_, picture, command, _ = client.predict(
        photo=photo_at, style_name="great-wave", where="layer", layer=0.2, api_name=NEAR_AND_FAR
    )
    assert command.endswith("--where layer --layer 0.2 --style hokusai-great-wave")
    *_, met, command, _ = client.predict(
        photo=photo_at, style_name="great-wave", other_name="starry-night", where="across", api_name=NEAR_AND_FAR
    )
    assert "--other van-gogh-starry-night" in command
    assert Image.open(met).tobytes() != Image.open(picture).tobytes()
    mask = Image.new("L", (40, 30))
    mask.save(tmp_path / "nothing.png")
    *_, same, command, _ = client.predict(
        photo=photo_at,
        style_name="great-wave",
        where="mask",
        map=handle_file(str(tmp_path / "nothing.png")),
        api_name=NEAR_AND_FAR,
    )
    assert "--where mask --map nothing.png" in command
    assert (
        np.abs(np.asarray(Image.open(same), np.int16) - np.asarray(Image.open(photo_at["path"]), np.int16)).max() <= 1
    )
    assert "A mask is needed" in refused(client, NEAR_AND_FAR, photo=photo_at, style_name="udnie", where="mask")


def test_the_maps_of_a_photo(client: Client, photo_at: Any) -> None:
    depth, strength = client.predict(photo=photo_at, where="near", api_name="/depth_adain_maps")
    far, near = (np.asarray(Image.open(path), np.int16) for path in (depth, strength))
    assert np.abs(255 - far - near).max() <= 1
    assert client.predict(photo=photo_at, where="mask", api_name="/depth_adain_maps") == (None, None)


def test_a_click_on_the_depth_and_a_drawn_mask(tmp_path: Path) -> None:
    ramp = Image.linear_gradient("L")
    ramp.save(tmp_path / "depth.png")
    assert depth._layer(str(tmp_path / "depth.png"), SimpleNamespace(index=(10, 51))) == ("layer", 0.2)
    drawing = Image.new("RGBA", (30, 20))
    drawing.paste((255, 0, 0, 255), (0, 0, 10, 20))
    drawing.save(tmp_path / "drawing.png")
    path, place = depth._mask([str(tmp_path / "drawing.png")])
    mask = Image.open(path)
    assert (place, mask.getpixel((5, 5)), mask.getpixel((25, 5))) == ("mask", 255, 0)
    Image.new("RGBA", (30, 20)).save(tmp_path / "empty.png")
    for layers in ([], [str(tmp_path / "empty.png")]):
        with pytest.raises(StylehubError, match="Nothing is painted"):
            depth._mask(layers)
    for path in OUTSIDE:
        with pytest.raises(gr.Error, match="not uploaded here"):
            mask_editor._strokes(SimpleNamespace(layers=[SimpleNamespace(path=path)]))


def test_a_photo_in_the_look_of_another(client: Client, photo_at: Any, painting_at: Any, tmp_path: Path) -> None:
    mask = Image.new("RGB", (60, 40), GROUPS[0].color)
    mask.save(tmp_path / "mask.png")
    *_, picture, command, _ = client.predict(
        photo=photo_at,
        style=painting_at,
        photo_mask=handle_file(str(tmp_path / "mask.png")),
        iterations=2,
        size=64,
        api_name="/deep_photo_photo",
    )
    assert Image.open(picture).size == Image.open(photo_at["path"]).size
    assert "--photo-mask mask.png" in command


def test_a_look_as_a_colour_table(client: Client, photo_at: Any, painting_at: Any) -> None:
    answer = client.predict(photo=photo_at, style=painting_at, api_name="/fast_photo_table")
    path = answer["value"] if isinstance(answer, dict) else answer
    assert "LUT_3D_SIZE 33" in Path(path).read_text()[:200]


def test_masks_that_are_painted_over(photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_editor, "read_small", lambda path: (Image.open(path), None))
    shown = realistic._overlaid(str(photo_file))
    assert shown["layers"] == []
    assert realistic._overlaid(None) is None
    water = next(group for group in GROUPS if group.name == "water")
    drawing = Image.new("RGBA", (48, 40))
    drawing.paste((*water.color, 255), (0, 0, 24, 40))
    drawing.save(tmp_path / "drawing.png")
    files = realistic._painted_over(str(photo_file), str(photo_file), [str(tmp_path / "drawing.png")], [])
    ours, theirs = (Image.open(path).convert("RGB") for path in files)
    assert ours.getpixel((10, 30)) == water.color
    assert ours.getpixel((80, 30)) == theirs.getpixel((80, 30))
    colors = {color for _, color in theirs.getcolors(10000)}
    assert colors <= {group.color for group in GROUPS}
    with pytest.raises(StylehubError, match="Nothing is painted"):
        realistic._painted_over(str(photo_file), str(photo_file), [], [])
    with pytest.raises(StylehubError, match="both pictures"):
        realistic._painted_over(str(photo_file), None, [], [])


def test_previews_come_before_the_picture(
    client: Client, photo_at: Any, painting_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "_PACE", 0.001)
    job = client.submit(photo=photo_at, style=painting_at, iterations=21, patience=0, size=64, api_name=ANY)
    last = job.result()
    *previews, finished = [outputs for outputs in job.outputs() if isinstance(outputs[0], tuple | list)]
    assert finished[1] == last[1]
    assert previews
    assert all(picture is None for _, picture, _, _ in previews), "an earlier result could be taken for this one"
    assert Image.open(previews[0][0][1]).tobytes() != Image.open(finished[0][1]).tobytes()


def test_a_cancelled_painting_gives_way_to_the_next(client: Client, photo_at: Any, painting_at: Any) -> None:
    long = client.submit(photo=photo_at, style=painting_at, iterations=20000, patience=0, size=64, api_name=ANY)
    while not long.outputs():
        threading.Event().wait(0.05)
    long.cancel()
    assert client.predict(photo=photo_at, style=painting_at, iterations=1, size=64, api_name=ANY)[1]


def test_paintings_that_are_none(client: Client, photo_at: Any, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_bytes(b"hello")
    assert "Choose first: painting" in refused(client, ANY, photo=photo_at, style=None)
    assert "is of no known format" in refused(client, ANY, photo=photo_at, style=handle_file(str(text)))


def raw(page: tuple[Any, str], api_name: str, **values: Any) -> str:
    """The events that answer a call by hand, which need not keep to what Gradio's client would send."""
    parameters = page[0].get_api_info()["named_endpoints"][api_name]["parameters"]
    data = [values.get(p["parameter_name"], p["parameter_default"]) for p in parameters]
    address = f"{page[1]}gradio_api/call{api_name}"
    call = httpx.post(address, json={"data": data}, timeout=30)
    return httpx.get(f"{address}/{call.json()['event_id']}", timeout=30).text


@pytest.fixture
def uploaded(page: tuple[Any, str], photo_file: Path) -> dict[str, Any]:
    with photo_file.open("rb") as file:
        path = httpx.post(page[1] + "gradio_api/upload", files={"files": file}, timeout=30).json()[0]
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


OUTSIDE = [str(ROOT / "examples" / "valley.jpg"), "/etc/hostname", "/dev/zero", "/nowhere.jpg"]


@pytest.mark.parametrize(
    ("api_name", "picture", "rest"),
    [
        (ANY, "style", {"iterations": 1, "size": "64"}),
        ("/adain_arbitrary", "style_2", {}),
        ("/cin_25styles_single", "map", {"style": "udnie", "where": "mask"}),
        ("/depth_adain_depth", "other", {"style_name": "udnie"}),
        ("/depth_adain_maps", "map", {"where": "far"}),
    ],
)
def test_no_file_of_the_server_is_a_painting(
    page: tuple[Any, str], uploaded: Any, painting_at: Any, api_name: str, picture: str, rest: dict[str, Any]
) -> None:
    assert "event: complete" in raw(page, api_name, photo=uploaded, **{picture: uploaded}, **rest)
    for path in OUTSIDE:
        answer = raw(page, api_name, photo=uploaded, **{picture: uploaded | {"path": path}}, **rest)
        assert "event: error" in answer, f"{path} was opened"
        assert "complete" not in answer


class Endless:
    """Stands for a method that works until it is stopped."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def __call__(self, content: Image.Image, *, progress: Any, **_: Any) -> Any:
        try:
            while True:
                progress(Progress(1, 100, {"loss": 0.5}, content))
                threading.Event().wait(0.001)
        finally:
            self.ended.set()


@pytest.mark.parametrize("end", ["stop", "close"])
def test_what_is_stopped_keeps_its_preview_and_gives_back_the_accelerator(
    end: str, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the visitor's Stop, or because nobody listens any more."""
    monkeypatch.setattr(handlers, "_PACE", 0.001)
    endless, told = Endless(), []
    whole = handlers.Handlers(Models(lambda name: endless))
    request = SimpleNamespace(session_hash="someone")
    values = {"photo": str(photo_file), "style": str(photo_file)}
    handler = whole.paint(hub.info("gatys"), "arbitrary")
    steps = handler(request, lambda step, desc: told.append((step, desc)), **values)
    while not isinstance((outputs := next(steps))[0], tuple):
        assert outputs[0] == gr.skip()
    assert outputs[1:4] == (None, None, None)
    assert told[-1] == (0.01, "Step 1 of 100, loss 0.5")
    if end == "stop":
        whole.stop(request)
        after = list(steps)
        assert all(outputs[0] == gr.skip() or Path(outputs[0][1]).is_file() for outputs in after)
    else:
        steps.close()
    assert endless.ended.wait(30), "it works on for nobody"
    assert whole.models.accelerator.acquire(timeout=30)


def test_what_breaks_on_the_way_is_one_sentence_and_gives_back_the_accelerator(photo_file: Path) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise StylehubError("No such luck.")

    whole = handlers.Handlers(Models(lambda name: broken))
    values = {"photo": str(photo_file), "style": str(photo_file)}
    steps = whole.paint(hub.info("gatys"), "arbitrary")(
        SimpleNamespace(session_hash="x"), lambda *_, **__: None, **values
    )
    with pytest.raises(gr.Error, match="No such luck"):
        list(steps)
    assert whole.models.accelerator.acquire(timeout=30)


def test_only_what_takes_minutes_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = handlers.Handlers(Models())
    slow, fast = hub.info("gatys"), hub.info("cin-25styles")
    assert inspect.isgeneratorfunction(whole.paint(slow, "arbitrary"))
    assert not inspect.isgeneratorfunction(whole.paint(fast, "single"))
    monkeypatch.setattr(handlers.zero_gpu, "AVAILABLE", True)
    assert not inspect.isgeneratorfunction(whole.paint(slow, "arbitrary")), "another process cannot report"


PASTE = """
from PIL import Image
from pydantic import Field

from hub.images import to_tensor
from hub.method import Method
from hub.parameters import Parameters
from hub.pictures import Pictures


class PasteParameters(Parameters):
    style: Pictures = Field(title="Picture")


class Posterize(Method):
    Parameters = PasteParameters

    def setup(self, config, tensors):
        pass

    def stylize(self, content, parameters, progress):
        [(picture, _)] = parameters.style.read()
        return to_tensor(picture.resize((content.shape[3], content.shape[2])))
"""


Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package with the entry that CONTRIBUTING shows, for ``task``; its module ``method`` holds ``code``."""
    names = []

    def one(name: str, code: str, task: str = "single") -> None:
        names.append(name)
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        if code:
            (folder / "method.py").write_text(code)
        catalogue = blocks("CONTRIBUTING.md", "yaml")[0].replace("method:Posterize", f"{name}.method:Posterize", 1)
        (folder / "registry.yaml").write_text(catalogue.replace("[single]", f"[{task}]"))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint(name, name, group)])
        registry._catalogue.cache_clear()

    yield one
    registry._catalogue.cache_clear()
    for name in names:
        sys.modules.pop(f"{name}.method", None)


def test_a_fast_method_for_any_painting_appears_by_itself(
    install: Install, tmp_path: Path, photo_at: Any, material: Path
) -> None:
    install("painter", PASTE, "arbitrary")
    demo, address = app.serve(block=False)
    try:
        own = Client(address, verbose=False, download_files=str(tmp_path))
        job = own.submit(
            photo=photo_at,
            style=handle_file(str(material / "paintings/blue-dots.png")),
            api_name="/posterize_arbitrary",
        )
        assert job.result()[2] == "stylehub stylize posterize photo.png --style blue-dots.png"
        assert len(job.outputs()) == 1
    finally:
        demo.close()


# --- What it refuses, in one sentence, and goes on


def refused(client: Client, api_name: str = SINGLE, **arguments: Any) -> str:
    with pytest.raises(AppError) as error:
        client.predict(api_name=api_name, **arguments)
    message = str(error.value)
    assert "\n" not in message
    assert "Traceback" not in message
    assert "/tmp" not in message
    return message


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.jpg", b"", "is empty"),
        ("text.jpg", b"hello", "is of no known format"),
        ("page.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is of no known format"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "damaged or cut off"),
    ],
)
def test_files_that_are_no_pictures(client: Client, tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert sentence in refused(client, photo=handle_file(str(path)), style="starry-night")


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}, {"meta": {"_type": "other"}}])
def test_no_file_of_the_server_is_a_photo(page: tuple[Any, str], uploaded: Any, meta: dict[str, Any]) -> None:
    """Whatever path a caller of the API names, only what was uploaded is opened; not even its absence is told."""
    assert "event: complete" in raw(page, SINGLE, photo=uploaded, style="udnie")
    for path in OUTSIDE:
        answer = raw(page, SINGLE, photo={"path": path, **meta}, style="udnie")
        assert "event: error" in answer, f"{path} was opened"
        assert "complete" not in answer


def test_a_picture_with_too_many_pixels(client: Client, tmp_path: Path) -> None:
    Image.new("1", (8000, 5001)).save(tmp_path / "vast.png")
    assert "40,000,000" in refused(client, photo=handle_file(str(tmp_path / "vast.png")), style="starry-night")


def test_choices_that_are_missing_or_wrong(client: Client, photo_at: Any) -> None:
    assert "Choose a photo first" in refused(client, photo=None, style="starry-night")
    assert "Choose first: style" in refused(client, photo=photo_at, style=None)
    assert "Choose first: style" in refused(client, FUSION, photo=photo_at, style={})
    assert "There is no style 'moon'" in refused(client, photo=photo_at, style="moon")
    assert "sum to zero" in refused(client, FUSION, photo=photo_at, style={"starry-night": 0})
    assert "zero or more" in refused(client, FUSION, photo=photo_at, style={"starry-night": -1})
    assert "'size' cannot be" in refused(client, photo=photo_at, style="starry-night", size="large")
    assert "maximum" in refused(client, photo=photo_at, style="starry-night", strength=3)
    client.predict(photo=photo_at, style="starry-night", api_name=SINGLE)  # and it goes on


def test_a_file_over_the_limit(page: tuple[Any, str], tmp_path: Path) -> None:
    import httpx

    big = tmp_path / "big.jpg"
    with big.open("wb") as file:
        file.truncate(43_000_000)
    with big.open("rb") as file:
        answer = httpx.post(page[1] + "gradio_api/upload", files={"files": file}, timeout=60)
    assert answer.status_code == 413


def test_a_photo_that_has_vanished(tmp_path: Path) -> None:
    with pytest.raises(StylehubError, match="no longer on the server; choose it again") as error:
        read(str(tmp_path / "gone.jpg"))
    assert str(tmp_path) not in str(error.value)


def test_surprises_are_logged_and_told_in_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    from space.errors import one_sentence

    def broken() -> None:
        raise RuntimeError("secret detail")

    with pytest.raises(gr.Error, match="Something went wrong here") as error:
        one_sentence(broken)()
    assert "secret detail" not in str(error.value)
    assert "secret detail" in caplog.text


# --- Many users


def test_two_first_users_load_a_model_once() -> None:
    loads = []
    both = threading.Barrier(2)

    def load(name: str) -> Any:
        loads.append(name)
        threading.Event().wait(0.05)
        return object()

    models = Models(load)

    def user() -> None:
        both.wait()
        models.get("m")

    users = [threading.Thread(target=user) for _ in range(2)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    assert loads == ["m"]


def test_users_get_their_own_pictures(page: tuple[Any, str], tmp_path: Path) -> None:
    """Four at once, each with a photo of one colour, kept by strength 0."""
    answers: dict[int, Any] = {}

    def user(number: int) -> None:
        path = tmp_path / f"user{number}.png"
        Image.new("RGB", (64, 48), (60 * number, 0, 0)).save(path)
        own = Client(page[1], verbose=False, download_files=str(tmp_path / f"downloads{number}"))
        answers[number] = own.predict(photo=handle_file(str(path)), style="starry-night", strength=0, api_name=SINGLE)

    users = [threading.Thread(target=user, args=(n,)) for n in range(4)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    for number in range(4):
        _, picture, command, _ = answers[number]
        assert Image.open(picture).getpixel((5, 5)) == (60 * number, 0, 0)
        assert f"user{number}.png" in command


def test_a_session_stops_its_own_work_only() -> None:
    jobs = Jobs()
    with jobs.running("a") as a, jobs.running("b") as b:
        jobs.stop("a")
        jobs.stop("nobody")
        b(Progress(1, 2))
        with pytest.raises(Cancelled):
            a(Progress(1, 2))
    with jobs.running("a") as again:
        again(Progress(1, 2))  # the next job of the same session is not stopped


def test_stopping_ends_the_computation(photo: Image.Image) -> None:
    jobs = Jobs()
    with jobs.running("a") as check:
        jobs.stop("a")
        with pytest.raises(Cancelled):
            Models().paint("cin-25styles", photo, {"style": "starry-night"}, check)


# --- Built from declarations


class Everything(Parameters):
    word: str = "a"
    many: list[str] = ["x", "y"]
    secret: Path | None = None
    count: int = 3


@pytest.mark.parametrize("field", list(field_specs(Everything)), ids=lambda f: f.name)
def test_every_kind_of_parameter_has_a_control(field: FieldSpec) -> None:
    made = control(field)
    if field.kind == "path":
        assert made is None, "a visitor could name files of the server"
        return
    assert made is not None
    assert made.label == field.title
    assert made.value == field.default


class Ranges(Parameters):
    share: float = Field(0.5, ge=0, le=1)
    scale: float = Field(1.0, gt=0.05, le=8)
    rate: float = Field(1.0, gt=0, le=100)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    layers: Shares = {"a": 0.5, "b": 1.0}


def test_ranges_that_no_slider_can_serve_get_a_box() -> None:
    made = {field.name: control(field) for field in field_specs(Ranges)}
    assert isinstance(made["share"], gr.Slider)
    assert made["share"].step == made["scale"].step == 0.01
    assert isinstance(made["rate"], gr.Number)
    assert isinstance(made["seed"], gr.Number)


def test_shares_are_text_that_is_read_back() -> None:
    field = next(f for f in field_specs(Ranges) if f.name == "layers")
    text = control(field).value  # type: ignore[union-attr]
    assert text == "a=0.5, b=1"
    assert Ranges(layers=text) == Ranges()
    with pytest.raises(StylehubError, match="names with shares, such as"):
        validate(Ranges, {"layers": "a=b"})


def test_a_control_may_start_elsewhere_than_at_the_default() -> None:
    size = next(f for f in field_specs(Parameters) if f.name == "size")
    assert control(size, 384).value == "384"  # type: ignore[union-attr]
    assert control(size).value is None  # type: ignore[union-attr]


def test_what_is_left_empty_is_not_passed_on() -> None:
    assert given({"size": "", "style": None, "shares": {}, "other": [], "strength": 0.0, "keep_color": False}) == {
        "strength": 0.0,
        "keep_color": False,
    }


def test_a_new_method_appears_by_itself(install: Install, tmp_path: Path, photo_file: Path) -> None:
    """The method that CONTRIBUTING shows, in a package with an entry point: no file of the app knows it."""
    install("stranger", blocks("CONTRIBUTING.md", "python")[0])
    demo, address = app.serve(block=False)
    try:
        endpoints = demo.get_api_info()["named_endpoints"]
        names = {p["parameter_name"] for p in endpoints["/posterize_single"]["parameters"]}
        assert names == {"photo", *Parameters.model_fields, "levels"}
        assert SINGLE in endpoints
        assert "/posterize_fusion" not in endpoints
        own = Client(address, verbose=False, download_files=str(tmp_path))
        _, picture, command, _ = own.predict(photo=handle_file(str(photo_file)), levels=2, api_name="/posterize_single")
        assert set(Image.open(picture).tobytes()) == {0, 255}
        assert command == "stylehub stylize posterize photo.png --levels 2"
    finally:
        demo.close()


def test_a_plugin_that_does_not_load_leaves_the_others_alone(install: Install) -> None:
    install("broken", "")
    demo = app.build()
    assert SINGLE in demo.get_api_info()["named_endpoints"]
    assert "broken.method:Posterize, which does not load" in json.dumps(demo.get_config_file(), default=str)


def test_no_file_of_the_app_names_a_model() -> None:
    names = {entry.name for entry in list_models()} | {entry.method_id for entry in list_models()}
    word = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    for path in [*(ROOT / "space").glob("*.py"), *(ROOT / "space").glob("*.js"), *(ROOT / "space").glob("*.css")]:
        assert not word.search(path.read_text()), path


# --- Previews and presets


def test_previews_are_painted_once_a_set_of_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    method = hub.load("cin-25styles", device="cpu")
    first = previews.styles(method)
    assert len({style["picture"] for style in first}) == len(first) == len(method.styles)
    files = sorted(tmp_path.rglob("*.jpg"))
    assert len(files) == len(first)
    files[0].write_bytes(b"damaged")
    with pytest.MonkeyPatch.context() as patch:
        calls = []
        whole = type(method).__call__
        patch.setattr(type(method), "__call__", lambda self, *a, **k: calls.append(k["style"]) or whole(self, *a, **k))
        assert previews.styles(method) == first
    assert calls == [files[0].stem], "only the damaged one is painted again"


def test_a_blend_is_kept_and_opened_again() -> None:
    method = hub.load("cin-25styles", device="cpu")
    offered = preset.offer(method.entry, {"starry-night": 0.25, "great-wave": 0.75})
    assert preset.read(method, offered["value"]) == {"van-gogh-starry-night": 0.25, "hokusai-great-wave": 0.75}
    assert preset.offer(method.entry, {})["interactive"] is False


GOOD = {"stylehub_preset": 1, "model": "cin-25styles", "style": {"udnie": 1}}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "holds no blend"),
        ("[" * 50_000, "holds no blend"),
        ("x" * 70_000, "too long"),
        (json.dumps(GOOD | {"stylehub_preset": 2}), "holds no blend"),
        (json.dumps(GOOD | {"more": 1}), "holds no blend"),
        (json.dumps(GOOD | {"style": {}}), "holds no blend"),
        (json.dumps(GOOD | {"style": {"udnie": float("nan")}}), "holds no blend"),
        (json.dumps(GOOD | {"style": {"udnie": -1}}), "holds no blend"),
        (json.dumps(GOOD | {"style": {"udnie": 0}}), "sum to zero"),
        (json.dumps(GOOD | {"style": {"<script>": 1}}), "There is no style"),
        (json.dumps(GOOD | {"model": "other"}), "for 'other'"),
    ],
)
def test_files_that_are_no_blend(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "blend.json"
    path.write_text(content)
    with pytest.raises(StylehubError, match=sentence):
        preset.read(hub.load("cin-25styles", device="cpu"), str(path))


def test_the_other_formats_keep_the_recipe(client: Client, photo_at: Any) -> None:
    from space.result import as_format

    _, picture, _, _ = client.predict(photo=photo_at, style="starry-night", api_name=SINGLE)
    for format, suffix in (("PNG", ".png"), ("JPEG", ".jpg"), ("WebP", ".webp")):
        path = Path(as_format(picture, format)["value"])
        assert path.suffix == suffix
        assert read_recipe(path) == read_recipe(Path(picture))
    assert as_format(None, "PNG")["interactive"] is False


# --- Nothing leaves the machine


def test_the_page_asks_nobody_else(page: tuple[Any, str]) -> None:
    """What a browser really asks for is in test_space_browser.py; this needs none."""
    from space.theme import Gallery

    assert page[0].analytics_enabled is False
    assert Gallery()._stylesheets == [], "a font from somewhere else"
    for path in [*(ROOT / "space").glob("*.js"), ROOT / "space" / "style.css"]:
        assert not re.search(r"https?:|@import|//[a-z]+\.", path.read_text()), path


def test_the_example_photo_is_served_wherever_the_package_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo_file: Path
) -> None:
    """Gradio serves files of the working folder and of its own uploads only."""
    from gradio.utils import get_upload_folder

    from space import photo as module

    monkeypatch.setattr(module, "example_photo", lambda: photo_file)
    copy = Path(module.example_upload())
    assert copy.is_relative_to(get_upload_folder())
    assert copy.read_bytes() == photo_file.read_bytes()


def test_the_example_photo_is_found_installed_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub import files

    assert example_photo().is_file()
    installed = tmp_path / "space" / "valley.jpg"
    installed.parent.mkdir()
    installed.write_bytes(b"x")
    monkeypatch.setattr(files, "__file__", str(tmp_path / "hub" / "files.py"))
    assert example_photo() == installed


# --- A visitor's own painting


def test_a_painting_is_learnt_and_hung(
    tiny_model: Path, material: Path, monkeypatch: pytest.MonkeyPatch, photo_file: Path
) -> None:
    from space import learn, scratch
    from space.handlers import Handlers

    tiny = {"content": [material / "photos.tar"], "vgg": material / "vgg.safetensors", "crops": [32]}
    tiny |= {"crop_starts": [0.0], "style_size": 64, "batch": 2, "steps": 2}
    real = learn.add_style
    monkeypatch.setattr(learn, "add_style", lambda _, *words, **more: real(tiny_model, *words, **more, **tiny))
    studio = Handlers(Models(lambda name: hub.load(tiny_model, device="cpu")))
    handler = learn._learn(studio, hub.info("cin-25styles"))
    request = SimpleNamespace(session_hash="someone")
    upload = str(shutil.copy(photo_file, scratch.scratch()))

    update = handler(upload, " My Own ", request, lambda *_, **__: None)
    assert update["value"] == "my-own"
    assert update["styles"][-1]["name"] == "my-own"
    assert update["styles"][-1]["title"] == "My Own"
    assert "my-own" in hub.load(tiny_model, device="cpu").styles, "it is gone at the next start"
    for arguments, message in (
        ((None, "x"), "Choose a painting"),
        ((upload, ""), "is no name"),
        ((upload, "my own"), "already; choose another name"),
    ):
        with pytest.raises(gr.Error, match=message):
            handler(*arguments, request, lambda *_, **__: None)

    def stop(*_: Any, **__: Any) -> None:
        handlers.stop(request)

    assert handler(upload, "other", request, stop) == gr.skip()
    assert "other" not in hub.load(tiny_model, device="cpu").styles


@pytest.mark.parametrize(
    ("host", "share", "offered"), [(None, False, True), ("0.0.0.0", False, False), (None, True, False)]
)
def test_learning_is_offered_to_the_owner_alone(
    monkeypatch: pytest.MonkeyPatch, host: str | None, share: bool, offered: bool
) -> None:
    asked: list[bool] = []

    def build(models: Any, *, learns: bool) -> Any:
        asked.append(learns)
        raise StylehubError("far enough")

    monkeypatch.setattr(app, "build", build)
    with pytest.raises(StylehubError, match="far enough"):
        app.serve(host, share=share)
    assert asked == [offered]


# --- As a Hugging Face Space


def test_the_space_card_says_what_is_true() -> None:
    from huggingface_hub import SpaceCard

    text = (ROOT / "space" / "README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert SpaceCard(text).data.sdk == front["sdk"] == "gradio"
    assert (ROOT / front["app_file"]).is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert front["python_version"] in SpecifierSet(project["requires-python"])
    assert gr.__version__.split(".")[0] == front["sdk_version"].split(".")[0]
    repositories = {e.model.weights.repo_id for e in list_models() if e.model.weights and e.model.weights.revision}
    assert set(front.get("models", [])) == repositories
    requirements = (ROOT / "space" / "requirements.txt").read_text().splitlines()
    assert [line for line in requirements if not line.startswith("#")] == [
        *project["dependencies"],
        *project["optional-dependencies"]["photo"],
    ]


@pytest.mark.slow
def test_it_starts_in_the_layout_of_a_space(tmp_path: Path) -> None:
    """The files that space/README.md says to copy, started as a Space starts them, answer."""
    copies = blocks("space/README.md", "sh")[0].split("hf upload")[0]
    subprocess.run(["bash", "-euc", copies.replace("my-space", str(tmp_path / "my-space"))], cwd=ROOT, check=True)
    copy = tmp_path / "my-space"
    front = yaml.safe_load((copy / "README.md").read_text().split("---")[1])
    process = subprocess.Popen(
        [sys.executable, front["app_file"]],
        cwd=copy,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = line.split()[3]
        own = Client(address, verbose=False, download_files=str(tmp_path))
        picture = own.predict(photo=handle_file(str(example_photo())), style="udnie", size=64, api_name=SINGLE)[1]
        assert Image.open(picture).size == Image.open(example_photo()).size
    finally:
        process.terminate()
        process.wait()


def test_agents_find_the_models_and_can_use_them(photo_file: Path) -> None:
    """Through a real MCP client: every endpoint is a tool by its own name, and painting answers with pictures."""
    mcp = pytest.importorskip("mcp", reason="needs the extra stylehub[mcp]")
    http = pytest.importorskip("mcp.client.streamable_http")
    demo, address = app.serve(mcp=True, block=False)

    async def visit() -> tuple[set[str], Any]:
        async with (
            http.streamable_http_client(address + "gradio_api/mcp/") as streams,
            mcp.ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            tools = {tool.name for tool in (await session.list_tools()).tools}
            photo = "data:image/png;base64," + base64.b64encode(photo_file.read_bytes()).decode("ascii")
            return tools, await session.call_tool(SINGLE[1:], {"photo": photo, "style": "udnie"})

    try:
        tools, answer = asyncio.run(visit())
        assert {SINGLE[1:], FUSION[1:], "cin_25styles_styles"} <= tools
        assert not answer.isError, answer
        assert "--style picabia-udnie" in answer.content[0].text
    finally:
        demo.close()


def test_it_uses_zero_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, photo: Image.Image) -> None:
    """With a stand-in for the `spaces` package, every painting goes through its decorator."""
    import importlib
    import types

    from space import handlers

    lent: list[Any] = []

    def lend(duration: int) -> Any:
        return lambda function: lambda *args: lent.append(args) or function(*args)

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=lend))
    try:
        importlib.reload(zero_gpu)
        entry = hub.info("cin-25styles")
        painted = handlers.Handlers(Models())._run(entry.name, photo, {"style": "udnie"}, None, lambda p: None)
        assert painted.after.size == photo.size
        assert len(lent) == 1
    finally:
        monkeypatch.undo()
        importlib.reload(zero_gpu)


def test_without_gradio_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.cli.space import space as command

    for name in [n for n in sys.modules if n == "space.app"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(StylehubError, match=r"stylehub\[space\]"):
        command()


if __name__ == "__main__":
    demo = app.build()
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(promised(demo), indent=2) + "\n")
