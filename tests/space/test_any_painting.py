"""The tabs for any painting: uploads, names, several with their shares."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client, handle_file

from hub.method import Style
from space import paintings
from tests.support.app import ANY, OUTSIDE, PAINTER, raw, refused


def test_any_painting(client: Client, photo_at: Any, painting_at: Any, photo_file: Path) -> None:
    (before, after), picture, command, python = client.predict(
        photo=photo_at, style=painting_at, iterations=2, size=64, api_name=ANY
    )
    assert Image.open(before).size == Image.open(after).size == Image.open(picture).size == Image.open(photo_file).size
    assert Image.open(picture).tobytes() != Image.open(photo_file).tobytes()
    assert command == "stylehub stylize gatys photo.png --size 64 --style red-stripes.png --iterations 2"
    assert "style='red-stripes.png'" in python


def test_a_painting_in_one_pass(client: Client, photo_at: Any, painting_at: Any) -> None:
    *_, picture, command, _python = client.predict(photo=photo_at, style=painting_at, stroke_size=0.7, api_name=PAINTER)
    assert command == "stylehub stylize adain photo.png --style red-stripes.png --stroke-size 0.7 --stroke medium"
    *_, by_name, command, _ = client.predict(photo=photo_at, style_name="great-wave", api_name=PAINTER)
    assert command == "stylehub stylize adain photo.png --style hokusai-great-wave --stroke medium"
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
    assert "Choose the painting first" in refused(client, PAINTER, photo=photo_at)
    for path in ("tests/data/space_api.json", "registry.yaml"):
        for place in ("style_name", "style_2_name"):
            assert "There is no style" in refused(client, PAINTER, photo=photo_at, **{place: path})
        for tab in ("/adain_single", "/adain_fusion"):
            style = {path: 1.0} if tab == "/adain_fusion" else path
            assert "There is no style" in refused(client, tab, photo=photo_at, style=style)
    assert "sum to zero" in refused(
        client, PAINTER, photo=photo_at, style=painting_at, style_share=0, style_2_name="great-wave", style_2_share=0
    )


def test_paintings_that_are_none(client: Client, photo_at: Any, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_bytes(b"hello")
    assert "Choose the painting first" in refused(client, ANY, photo=photo_at, style=None)
    assert "has an unknown format" in refused(client, ANY, photo=photo_at, style=handle_file(str(text)))


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
