"""The result as a file."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client
from PIL import Image

from hub.provenance import read_recipe
from tests.support.app import SINGLE

SMALL = Image.new("RGB", (3, 2))


def test_the_other_formats_keep_the_recipe(client: Client, photo_at: Any) -> None:
    from space.models import Painted
    from space.result import Shown, download_of

    _, picture, _, _ = client.predict(photo=photo_at, style="starry-night", api_name=SINGLE)
    for format, suffix in (("PNG", ".png"), ("JPEG", ".jpg"), ("WebP", ".webp")):
        path = Path(download_of(Shown("m", "single", {}, Painted(SMALL, SMALL), picture), format))
        assert path.suffix == suffix
        assert read_recipe(path) == read_recipe(Path(picture))
