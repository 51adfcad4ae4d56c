"""The app, served once for all tests of this folder, and what is sent to it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="package")
def page() -> Iterator[tuple[Any, str]]:
    from space import app

    demo, address = app.serve(block=False)
    yield demo, address
    demo.close()


@pytest.fixture(scope="package")
def client(page: tuple[Any, str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    from gradio_client import Client

    return Client(page[1], verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))


@pytest.fixture
def photo_at(photo_file: Path) -> Any:
    from gradio_client import handle_file

    return handle_file(str(photo_file))


@pytest.fixture
def uploaded(page: tuple[Any, str], photo_file: Path) -> dict[str, Any]:
    import httpx

    with photo_file.open("rb") as file:
        path = httpx.post(page[1] + "gradio_api/upload", files={"files": file}, timeout=30).json()[0]
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def painting_at(material: Path, small_paintings: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A painting, and a perceptual network of random weights for the methods that look at it; all is small."""
    from gradio_client import handle_file

    monkeypatch.setenv("STYLEHUB_VGG", str(material / "vgg.safetensors"))
    return handle_file(str(material / "paintings" / "red-stripes.png"))
