"""A link that reopens the settings: what it says, and what it refuses."""

import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

import hub
from hub.errors import StylehubError
from hub.registry import list_models
from space.link import opened, settings_of
from space.models import Models
from space.values import Reader

OFFERED = {task: list_models(task) for task in ("single", "fusion", "arbitrary", "depth", "photo")}
READER = Reader(Models())
CIN = {"task": "single", "model": "cin-25styles"}


@pytest.mark.parametrize(
    ("model", "task", "values", "words"),
    [
        ("cin-25styles", "single", {"style": "picabia-udnie", "strength": 0.5, "keep_color": True, "size": None},
         {"style": "picabia-udnie", "strength": "0.5", "keep_color": "true"}),
        ("cin-25styles", "fusion", {"style": {"picabia-udnie": 0.75, "klee-senecio": 0.25}},
         {"style": "picabia-udnie=0.75,klee-senecio=0.25"}),
        ("adain", "arbitrary", {"style": "/tmp/mine.jpg", "style_name": "picabia-udnie", "style_share": 0.5,
                                "style_2_share": 1}, {"style_name": "picabia-udnie", "style_share": "0.5"}),
        ("depth-adain", "depth", {"style_name": "picabia-udnie", "where": "layer", "layer": 0.25, "map": "/tmp/m.png"},
         {"style_name": "picabia-udnie", "where": "layer", "layer": "0.25"}),
    ],
)  # fmt: skip
def test_settings_go_through_a_link_and_back(
    model: str, task: str, values: dict[str, Any], words: dict[str, str]
) -> None:
    """Without pictures, and without what is the default."""
    said = settings_of(hub.info(model), task, {"photo": "/tmp/photo.jpg", "strength": 1, **values})
    assert said == {"task": task, "model": model, **words}
    entry, again, back = opened(READER, OFFERED, said)
    assert (entry.name, again) == (model, task)
    assert back == {name: values[name] for name in words}


def test_a_short_name_is_found() -> None:
    assert opened(READER, OFFERED, CIN | {"style": "starry-night"})[2] == {"style": "van-gogh-starry-night"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({}, "does not say"),
        ({"task": "single"}, "does not say"),
        ({"task": "single", "model": "nobody"}, "'nobody', which this page does not have"),
        ({"task": "photo", "model": "cin-25styles"}, "does not have"),
        (CIN | {"style": "nobody"}, "no style 'nobody'"),
        (CIN | {"style": "udnie", "strength": "7"}, "'strength'='7', which is not possible"),
        (CIN | {"style": "udnie", "strength": "nan"}, "'strength'='nan'"),
        (CIN | {"style": "udnie", "keep_color": "perhaps"}, "'keep_color'='perhaps'"),
        (CIN | {"style": "udnie", "stroke": "<img src=x>"}, "'stroke'"),
        (CIN | {"map": "/etc/passwd"}, "'map' that cin-25styles does not know"),
        (CIN | {"colour": "red"}, "'colour' that cin-25styles does not know"),
        (CIN | {"style": "x" * 9000}, "does not say"),
        (CIN | {"style": ["udnie"]}, "does not say"),
        (CIN | {"task": "fusion", "style": "udnie=-1"}, "'style'='udnie=-1'"),
        (CIN | {"task": "fusion", "style": "udnie=inf"}, "'style'='udnie=inf'"),
        ({"task": "arbitrary", "model": "adain", "style": "/etc/passwd"}, "'style' that adain does not know"),
        ({"task": "arbitrary", "model": "adain", "style_share": "-1"}, "'style_share'='-1'"),
    ],
)
def test_a_bad_link_is_named_in_one_sentence(words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StylehubError) as error:
        opened(READER, OFFERED, words)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_all_of_mine_in_one_zip_of_what_was_uploaded() -> None:
    from gradio.utils import get_upload_folder

    from space.reopening import _packed

    folder = Path(get_upload_folder()) / "mine"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("01-senecio.jpg", "links.txt"):
        (folder / name).write_text(name)
    event = SimpleNamespace(_data={"files": [str(folder / "01-senecio.jpg"), str(folder / "links.txt")]})
    archive, said = _packed(event)  # type: ignore[arg-type]
    with zipfile.ZipFile(str(archive)) as packed:
        assert packed.namelist() == ["01-senecio.jpg", "links.txt"]
    assert (Path(str(archive)).name, said) == ("stylehub.zip", "")


@pytest.mark.parametrize(
    "data", [None, {}, {"files": []}, {"files": "x"}, {"files": ["/etc/hostname"]}, {"files": [None]}]
)
def test_no_other_file_goes_into_a_zip(data: Any) -> None:
    from space.reopening import _packed

    with pytest.raises((StylehubError, gr.Error)):
        _packed(SimpleNamespace(_data=data))  # type: ignore[arg-type]
