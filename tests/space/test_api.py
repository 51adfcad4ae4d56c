"""Every endpoint: its name, what it takes and gives, and that it paints."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client

import hub
from hub.parameters import field_specs
from hub.provenance import read_recipe
from hub.registry import list_models
from space import app
from tests.support.app import FUSION, SINGLE
from tests.support.paths import DATA

GOLDEN = DATA / "space_api.json"


def test_single_style(client: Client, photo_at: Any, photo_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (before, after), picture, command, python = client.predict(
        photo=photo_at, style="starry-night", strength=0.8, api_name=SINGLE
    )
    assert Image.open(before).size == Image.open(after).size == Image.open(picture).size == Image.open(photo_file).size
    painted = {"strength": 0.8, "style": "van-gogh-starry-night", "stroke": "medium"}
    assert read_recipe(Path(picture))["parameters"] == painted  # type: ignore[index]
    assert (
        command
        == "stylehub stylize cin-25styles photo.png --strength 0.8 --style van-gogh-starry-night --stroke medium"
    )
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
        for task in set(entry.tasks) & set(app.TASKS):
            parameters = endpoints[f"/{entry.name.replace('-', '_')}_{task}"]["parameters"]
            wanted = {"photo"} | {f.name for f in field_specs(method.Parameters) if f.kind != "path"}
            more = {f"style{n}{part}" for n in ("", "_2", "_3") for part in ("", "_name", "_share")} | {"other_name"}
            names = {p["parameter_name"] for p in parameters}
            assert wanted <= names <= wanted | more
            assert ("style_2" in names) == (task in ("arbitrary", "depth", "photo"))


def test_the_api_is_the_one_that_was_promised(page: tuple[Any, str]) -> None:
    """Names, defaults and types of every endpoint. Written anew by `python -m tests.space.test_api`."""
    assert promised(page[0]) == json.loads(GOLDEN.read_text()), (
        "run `python -m tests.space.test_api` and look at the diff"
    )


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


if __name__ == "__main__":
    demo = app.build()
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(promised(demo), indent=2) + "\n")
