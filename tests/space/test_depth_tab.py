"""Near and far: the tab, its maps, a click on the depth, a mask by hand."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client, handle_file

from hub.errors import StylehubError
from space import depth, mask_editor
from tests.support.app import NEAR_AND_FAR, OUTSIDE, refused


def test_near_and_far(client: Client, photo_at: Any, tmp_path: Path) -> None:
    *_, picture, command, _ = client.predict(
        photo=photo_at, style_name="great-wave", where="layer", layer=0.2, api_name=NEAR_AND_FAR
    )
    assert command.endswith("--where layer --layer 0.2 --style hokusai-great-wave --stroke medium")
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
    assert "Give a mask" in refused(client, NEAR_AND_FAR, photo=photo_at, style_name="udnie", where="mask")


def test_the_maps_of_a_photo(client: Client, photo_at: Any) -> None:
    depth, strength = client.predict(photo=photo_at, where="near", api_name="/depth_adain_maps")
    far, near = (np.asarray(Image.open(path), np.int16) for path in (depth, strength))
    assert np.abs(255 - far - near).max() <= 1
    assert client.predict(photo=photo_at, where="mask", api_name="/depth_adain_maps") == (None, None)


def test_a_click_on_the_depth_and_a_drawn_mask(tmp_path: Path) -> None:
    ramp = Image.linear_gradient("L")
    ramp.save(tmp_path / "depth.png")
    assert depth._layer(str(tmp_path / "depth.png"), SimpleNamespace(index=(10, 51))) == ("layer", 0.2, "")
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
        with pytest.raises(gr.Error, match="was not uploaded"):
            mask_editor.build_mask_editor("Mask", ["#ff0000"], 100).preprocess(
                SimpleNamespace(layers=[SimpleNamespace(path=path)])
            )
