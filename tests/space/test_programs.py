"""The examples in each tab: there is one for each endpoint that paints, and one of each kind runs as it stands."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from hub.files import example_photo
from hub.provenance import read_recipe
from space.programs import ADDRESS


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Any, str]]:
    from space import app

    demo, address = app.serve(block=False)
    yield demo, address
    demo.close()


def examples(demo: Any) -> dict[str, str]:
    """Label and first endpoint of each example, and its text."""
    found = {}
    for block in demo.blocks.values():
        text = getattr(block, "value", None)
        if getattr(block, "label", None) in ("Python", "curl") and isinstance(text, str):
            name = (
                text.split('api_name="/')[-1].split('"')[0]
                if block.label == "Python"
                else text.split("call ")[-1].split()[0]
            )
            found[f"{block.label} {name}"] = text
    return found


def test_each_tab_has_its_own(site: tuple[Any, str]) -> None:
    painting = [
        name
        for name in site[0].get_api_info()["named_endpoints"]
        if name.endswith(("_single", "_fusion", "_arbitrary", "_depth", "_photo"))
    ]
    shown = examples(site[0])
    assert set(shown) == {f"{kind} {name[1:]}" for name in painting for kind in ("Python", "curl")}
    for name in painting:
        known = {p["parameter_name"] for p in site[0].get_api_info()["named_endpoints"][name]["parameters"]}
        call = shown[f"Python {name[1:]}"].split("app.predict(")[-1]
        given = {part.split("=")[0] for part in call.replace("{", "").split(", ") if "=" in part} - {"api_name"}
        assert given <= known
        assert "photo" in given


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("photo", "style"):
        Image.open(example_photo()).resize((96, 64)).save(tmp_path / f"{name}.jpg")
    return tmp_path


@pytest.mark.parametrize("name", ["cin_25styles_lite_single", "cin_25styles_fusion", "adain_arbitrary"])
def test_python(site: tuple[Any, str], folder: Path, name: str) -> None:
    program = examples(site[0])[f"Python {name}"].replace(ADDRESS, site[1])
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    recipe = read_recipe(Path(done.stdout.splitlines()[-1]))
    assert recipe is not None
    assert recipe["model"].replace("-", "_") in name


@pytest.mark.parametrize("name", ["cin_25styles_lite_single", "cin_25styles_fusion", "adain_arbitrary"])
def test_curl(site: tuple[Any, str], folder: Path, name: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    program = examples(site[0])[f"curl {name}"].replace(ADDRESS, site[1])
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    recipe = read_recipe(folder / "painted.png")
    assert recipe is not None
    assert recipe["photo"] == "photo.jpg"
    assert recipe["model"].replace("-", "_") in name
