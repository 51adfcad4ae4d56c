"""A method that is installed appears by itself: no file of the app knows it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client, handle_file

from hub.errors import StylehubError
from hub.parameters import Parameters
from hub.registry import include, info, list_models
from hub.scaffold import new
from space import app
from space.plugins import leave_out_hanging
from tests.support.app import SINGLE
from tests.support.command import call
from tests.support.documents import blocks
from tests.support.paths import ROOT

PASTE = """
from PIL import Image
from pydantic import Field

from hub.images import to_tensor
from hub.method import Method
from hub.parameters import Parameters
from hub.pictures import Pictures


class PasteParameters(Parameters):
    style: Pictures = Field(title="Picture")


class MyMethod(Method):
    Parameters = PasteParameters

    def setup(self, config, tensors):
        pass

    def stylize(self, content, parameters, progress):
        [(picture, _)] = parameters.style.read()
        return to_tensor(picture.resize((content.shape[3], content.shape[2])))
"""
Install = Callable[..., Path]


def entry_in(package: str, task: str = "single") -> str:
    """The entry that CONTRIBUTING shows, for ``task``, with its code in the module ``method`` of ``package``."""
    entry = blocks("CONTRIBUTING.md", "yaml")[0].replace("method:MyMethod", f"{package}.method:MyMethod", 1)
    return entry.replace("[single]", f"[{task}]")


def test_a_fast_method_for_any_painting_appears_by_itself(
    install: Install, tmp_path: Path, photo_at: Any, material: Path
) -> None:
    install("painter", entry_in("painter", "arbitrary"), PASTE)
    demo, address = app.serve(block=False)
    try:
        own = Client(address, verbose=False, download_files=str(tmp_path))
        job = own.submit(
            photo=photo_at,
            style=handle_file(str(material / "paintings/blue-dots.png")),
            api_name="/my_method_arbitrary",
        )
        assert job.result()[2] == "stylehub stylize my-method photo.png --style blue-dots.png"
        assert len(job.outputs()) == 1
    finally:
        demo.close()


def test_a_new_method_appears_by_itself(install: Install, tmp_path: Path, photo_file: Path) -> None:
    """The method that CONTRIBUTING shows, in a package with an entry point: no file of the app knows it."""
    install("stranger", entry_in("stranger"), blocks("CONTRIBUTING.md", "python")[0])
    demo, address = app.serve(block=False)
    try:
        endpoints = demo.get_api_info()["named_endpoints"]
        names = {p["parameter_name"] for p in endpoints["/my_method_single"]["parameters"]}
        assert names == {"photo", *Parameters.model_fields, "levels", "sharpness"}
        assert SINGLE in endpoints
        assert "/my_method_fusion" not in endpoints
        own = Client(address, verbose=False, download_files=str(tmp_path))
        _, picture, command, _ = own.predict(
            photo=handle_file(str(photo_file)), levels=2, sharpness=100, api_name="/my_method_single"
        )
        assert Image.open(picture).size == Image.open(photo_file).size
        assert command == "stylehub stylize my-method photo.png --levels 2 --sharpness 100.0"
    finally:
        demo.close()


def test_a_plugin_that_does_not_load_leaves_the_others_alone(install: Install, tmp_path: Path) -> None:
    """Neither one whose entry is wrong, nor one without its code; and a folder that is added has its panel."""
    install("wrong", "methods: [")
    install("broken", entry_in("broken"))
    call("trust", new(tmp_path / "in-a-folder"))
    include(tmp_path / "in-a-folder")
    demo = app.build()
    endpoints = demo.get_api_info()["named_endpoints"]
    assert SINGLE in endpoints
    assert "/in_a_folder_single" in endpoints
    assert "broken.method:MyMethod, which does not load" in json.dumps(demo.get_config_file(), default=str)


def test_a_plugin_whose_import_hangs_does_not_keep_the_app(
    install: Install, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor one that ends the program: both are left out, each with one warning, and are unknown from then on."""
    two = "      second: {title: Second, summary: Hangs too.}\n"
    install("hanging", entry_in("hanging") + two, "import time; time.sleep(60)")
    rude = entry_in("rude").replace("  my-method:", "  rude:").replace("      my-method:", "      rude:")
    install("rude", rude, "raise KeyboardInterrupt")
    monkeypatch.setattr(app, "leave_out_hanging", lambda: leave_out_hanging(limit=0.5))
    demo, _ = app.serve(block=False)
    demo.close()
    assert SINGLE in demo.get_api_info()["named_endpoints"]
    assert not {"/my_method_single", "/second_single", "/rude_single"} & {*demo.get_api_info()["named_endpoints"]}
    assert [message for message in caplog.messages if "Left out" in message] == [
        "Left out: my-method, second. The import of hanging.method:MyMethod does not end within 0.5 s.",
        "Left out: rude. Its import raised KeyboardInterrupt().",
    ]
    with pytest.raises(StylehubError, match="There is no model 'second'"):
        info("second")


def test_no_file_of_the_app_names_a_model() -> None:
    names = {entry.name for entry in list_models()} | {entry.method_id for entry in list_models()}
    word = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    for path in [*(ROOT / "space").glob("*.py"), *(ROOT / "space").glob("*.js"), *(ROOT / "space").glob("*.css")]:
        assert not word.search(path.read_text()), path
