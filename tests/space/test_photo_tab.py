"""A photo in the look of another: the tab, its colour table, masks that are painted over."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client, handle_file

from hub.errors import StylehubError
from methods.parts.dense.segmentation.groups import GROUPS
from space import mask_editor, realistic


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
    monkeypatch.setattr(mask_editor, "read_reduced", lambda path: (Image.open(path), None))
    shown, _ = realistic._overlaid(str(photo_file))
    assert shown["layers"] == []
    assert realistic._overlaid(None) == (None, "")
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
