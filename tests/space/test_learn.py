"""A visitor's own painting."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")


import hub
from hub.errors import StylehubError
from hub.weights import write_safetensors
from space import app
from space.models import Models


def test_a_painting_is_learnt_and_hung(
    tiny_model: Path, material: Path, monkeypatch: pytest.MonkeyPatch, photo_file: Path
) -> None:
    from space import learn
    from space.handlers import Handlers
    from space.temporary import temporary_folder

    tiny = {"content": [material / "photos.tar"], "vgg": material / "vgg.safetensors", "crops": [32]}
    tiny |= {"crop_starts": [0.0], "style_size": 64, "batch": 2, "steps": 2}
    real = learn.add_style
    monkeypatch.setattr(learn, "add_style", lambda _, *words, **more: real(tiny_model, *words, **more, **tiny))
    studio = Handlers(Models(lambda name: hub.load(tiny_model, device="cpu")))
    handler = learn._learn(studio, hub.info("cin-25styles"))
    request = SimpleNamespace(session_hash="someone")
    upload = str(shutil.copy(photo_file, temporary_folder()))

    update = handler(upload, " My Own ", request, lambda *_, **__: None)
    assert update["value"] == "my-own"
    assert update["styles"][-1]["name"] == "my-own"
    assert update["styles"][-1]["title"] == "My Own"
    assert "my-own" in hub.load(tiny_model, device="cpu").styles, "it is gone at the next start"
    for arguments, message in (
        ((None, "x"), "Choose a painting"),
        ((upload, ""), "cannot be a style name"),
        ((upload, "my own"), "exists already; choose another name"),
    ):
        with pytest.raises(gr.Error, match=message):
            handler(*arguments, request, lambda *_, **__: None)

    def stop(*_: Any, **__: Any) -> None:
        studio.stop(request)

    assert handler(upload, "other", request, stop) == gr.skip()
    assert "other" not in hub.load(tiny_model, device="cpu").styles


def test_a_style_is_added_from_a_file(tiny_model: Path, tmp_path: Path) -> None:
    """What somebody else has learnt appears in the gallery, set apart from ours."""
    from space import learn
    from space.handlers import Handlers

    base = hub.load(tiny_model, device="cpu")
    row = {name: tensor[:1] for name, tensor in base.network.state_dict().items() if ".norm." in name}
    style = {"name": "shared", "title": "Shared", "author": "A. Person", "license": "CC0-1.0"}
    config = {"model": base.entry.name, "adds_to": base.weights_sha256, "style": style}
    write_safetensors(tmp_path / "shared.safetensors", row, {"config": json.dumps(config)})
    studio = Handlers(Models(lambda name: hub.load(tiny_model, device="cpu")))
    handler = learn._add(studio, hub.info("cin-25styles"))
    update = handler(str(tmp_path / "shared.safetensors"))
    assert update["value"] == "shared"
    assert [shown["name"] for shown in update["styles"] if shown["added"]] == ["shared"]
    assert update["styles"][-1]["author"] == "A. Person"
    assert "shared" in hub.load(tiny_model, device="cpu").styles, "it is gone at the next start"
    (tmp_path / "none.safetensors").write_bytes(b"none")
    for path, message in ((None, "Choose a file"), (str(tmp_path / "none.safetensors"), "none.safetensors")):
        with pytest.raises(gr.Error, match=message):
            handler(path)


@pytest.mark.parametrize(
    ("host", "share", "offered"), [(None, False, True), ("0.0.0.0", False, False), (None, True, False)]
)
def test_learning_is_offered_to_the_owner_alone(
    monkeypatch: pytest.MonkeyPatch, host: str | None, share: bool, offered: bool
) -> None:
    asked: list[bool] = []

    def build(models: Any, *, learns: bool, **others: Any) -> Any:
        asked.append(learns)
        raise StylehubError("far enough")

    monkeypatch.setattr(app, "build", build)
    with pytest.raises(StylehubError, match="far enough"):
        app.serve(host, share=share)
    assert asked == [offered]
