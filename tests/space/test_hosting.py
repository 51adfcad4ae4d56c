"""As a Hugging Face Space, for agents, on ZeroGPU, and where gradio is missing."""

import asyncio
import base64
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from PIL import Image

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client, handle_file

import hub
from hub.errors import StylehubError
from hub.files import example_photo
from hub.registry import list_models
from space import app, handlers, zero_gpu
from space.models import Models
from tests.support.app import FUSION, SINGLE
from tests.support.documents import blocks
from tests.support.paths import ROOT


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

    lent: list[Any] = []

    def lend(duration: int) -> Any:
        return lambda function: lambda *args: lent.append(args) or function(*args)

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=lend))
    try:
        importlib.reload(zero_gpu)
        entry = hub.info("cin-25styles")
        painted = handlers.Handlers(Models()).run(entry.name, photo, {"style": "udnie"}, None, lambda p: None)
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
