"""Styles that people share: kept, listed, shown, removed, pushed and taken from a repository; refused where they cannot be."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

import hub
from hub.errors import StylehubError, UnknownName, WeightsError
from hub.files import user_data
from hub.publishing.collection import add, collection, find
from hub.publishing.preview import preview_of
from hub.publishing.style_file import of_style
from hub.styles import AddedStyle, home, read_style
from hub.trainer.add_style import add_style
from hub.weights import read_metadata, read_safetensors, write_safetensors
from tests.support.command import call
from tests.support.loopback_hub import LoopbackHub

ABOUT = {
    "title": "Dots",
    "artist": "Nobody",
    "author": "A. Person",
    "license": "CC-BY-4.0",
    "source": "https://example.org",
}


@pytest.fixture(scope="module")
def dots(tiny_model: Path, material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A style that was learnt for a moment."""
    settings: dict[str, Any] = {"content": [material / "photos.tar"], "vgg": material / "vgg.safetensors", "steps": 1}
    settings |= {"crops": [32], "crop_starts": [0.0], "style_size": 64, "batch": 1, "bf16": False}
    path = tmp_path_factory.mktemp("shared") / "dots.safetensors"
    painting = material / "paintings" / "blue-dots.png"
    return add_style(tiny_model, painting, "dots", out=path, device="cpu", **ABOUT, **settings)


def test_a_file_carries_what_others_must_know(dots: Path) -> None:
    style, _, _ = read_style(dots)
    assert style == AddedStyle(name="dots", **ABOUT)
    picture = preview_of(dots)
    assert picture is not None
    assert 16 < max(picture.size) <= 240


def test_added_listed_shown_used_removed(dots: Path, tiny_model: Path, photo_file: Path, tmp_path: Path) -> None:
    assert "No styles are added" in call("styles").stdout
    result = call("styles", "add", dots, "--model", tiny_model)
    assert result.exit_code == 0, result.sentence
    assert Path(result.stdout.partition(";")[0]).is_file()
    assert call("stylize", tiny_model, photo_file, "--style", "dots", "-o", tmp_path / "a.png").exit_code == 0
    listed = call("styles", "list").stdout
    assert "A. Person" in listed
    assert "CC-BY-4.0" in listed
    (fact,) = json.loads(call("styles", "list", "--json").stdout)
    assert {name: fact[name] for name in ABOUT} == ABOUT
    assert "source   https://example.org" in call("styles", "show", "dots").stdout
    assert "exists; choose another name" in call("styles", "add", dots, "--model", tiny_model).sentence
    assert call("styles", "add", dots, "--model", tiny_model, "--overwrite").exit_code == 0
    assert "is removed" in call("styles", "remove", "dots").stdout
    assert list(collection()) == []
    assert "There is no added style 'dots'" in call("styles", "remove", "dots").sentence


def test_a_file_is_a_style_on_the_command_line(dots: Path, tiny_model: Path, photo_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    assert call("stylize", tiny_model, photo_file, "--style", dots, "-o", out).exit_code == 0
    blend = ["--style", f"{dots}=0.5", "--style", "senecio=0.5"]
    assert call("fuse", tiny_model, photo_file, *blend, "-o", tmp_path / "b.png").exit_code == 0
    style = hub.load(tiny_model, device="cpu", styles=[dots])
    assert Image.open(out).tobytes() == style(photo_file, style="dots").tobytes()


def test_a_style_for_other_weights_is_refused(dots: Path, tmp_path: Path) -> None:
    config = json.loads(read_metadata(dots)["config"]) | {"model": "cin-25styles-lite"}
    write_safetensors(tmp_path / "other.safetensors", read_safetensors(dots), {"config": json.dumps(config)})
    with pytest.raises(WeightsError, match="was learnt on other weights of cin-25styles-lite"):
        add(tmp_path / "other.safetensors")
    assert list(collection()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "./somewhere"}, "which is not installed; name"),
        ({"model": "hf://a/b@" + "0" * 40}, "which is not installed; name"),
        ({"style": {"name": "../../evil"}}, "a name has lower-case letters"),
        ({"style": {"name": "x", "surprise": 1}}, "holds no style"),
        ({"style": 3}, "holds no style"),
    ],
)
def test_what_a_file_may_not_say(dots: Path, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """It may come from anywhere: no path from a name, nothing loaded that it names."""
    config = json.loads(read_metadata(dots)["config"]) | changes
    write_safetensors(tmp_path / "bad.safetensors", read_safetensors(dots), {"config": json.dumps(config)})
    with pytest.raises(StylehubError, match=message):
        add(tmp_path / "bad.safetensors")
    assert not list((user_data() / "styles").rglob("*.safetensors"))


def with_style(dots: Path, target: Path, **texts: str) -> Path:
    """``dots`` with other texts."""
    config = json.loads(read_metadata(dots)["config"])
    config["style"] |= texts
    write_safetensors(target, read_safetensors(dots), {"config": json.dumps(config)})
    return target


def test_texts_of_a_file_are_shown_as_they_are(dots: Path, tiny_model: Path, tmp_path: Path) -> None:
    """It may come from anywhere: no markup, nothing that controls the terminal, no book."""
    loud = with_style(dots, tmp_path / "loud.safetensors", title="[/red] [bold]\n*x* " + "y" * 900)
    assert call("styles", "add", loud, "--model", tiny_model).exit_code == 0
    assert "[/red] [bold] *x*" in call("styles").stdout
    assert len(find("dots").style.title) == 500
    with pytest.raises(WeightsError, match="holds no style"):
        add(with_style(dots, tmp_path / "x.safetensors", title="\x1b]0;owned\x07"), str(tiny_model))


def test_no_style_takes_the_place_of_another(dots: Path, tiny_model: Path, tmp_path: Path) -> None:
    """The end of a name is enough to choose one of ours, so nobody else's may have that name."""
    taken = with_style(dots, tmp_path / "x.safetensors", name="starry-night")
    with pytest.raises(WeightsError, match="already has a style 'van-gogh-starry-night', so 'starry-night' is taken"):
        add(taken, str(tiny_model))


def test_only_a_whole_name_removes_a_style(dots: Path, tiny_model: Path, tmp_path: Path) -> None:
    add(with_style(dots, tmp_path / "x.safetensors", name="blue-dots"), str(tiny_model))
    assert find("dots").style.name == "blue-dots"
    assert "did you mean blue-dots" in call("styles", "remove", "dots").sentence
    assert [one.style.name for one in collection()] == ["blue-dots"]


def test_a_folder_of_styles_that_cannot_be_written(
    dots: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("hub.publishing.collection.write_whole", full)
        refused = call("styles", "add", dots, "--model", tiny_model).sentence
    assert "cannot be written (No space left on device); XDG_DATA_HOME moves your folder" in refused
    add(dots, str(tiny_model))
    monkeypatch.setattr(Path, "unlink", full)
    assert "cannot be deleted (No space left on device)" in call("styles", "remove", "dots").sentence


def test_the_painting_is_not_overwritten_by_the_picture_of_its_style(
    tiny_model: Path, material: Path, tmp_path: Path
) -> None:
    painting = tmp_path / "mine.jpg"
    Image.open(material / "paintings" / "red-stripes.png").save(painting)
    before = painting.read_bytes()
    words: list[object] = ["--steps", 1, "--vgg", material / "vgg.safetensors", "--content", material / "photos.tar"]
    words += ["--workers", 0, "--crops", 32, "--crop-starts", 0, "--style-size", 64, "--batch", 1, "--no-bf16"]
    result = call(
        *("add-style", painting, "--name", "mine", "--model", tiny_model, "--device", "cpu"),
        *("-o", tmp_path / "mine.safetensors", *words),
    )
    assert result.exit_code == 0, result.output
    assert painting.read_bytes() == before
    assert Image.open(tmp_path / "mine2.jpg").width > 16
    assert "title" in call("add-style", painting, "--name", "x", "--model", tiny_model, "--title", "\x1b").sentence


def test_the_folder_of_a_model_is_one_below_that_of_all_styles(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model)
    for name in (".", "./"):
        assert home(hub.load(name, device="cpu", styles=[])).parent == user_data() / "styles"


def test_the_card_of_a_style_is_yaml_whatever_its_texts_are(dots: Path, tmp_path: Path) -> None:
    files = of_style(with_style(dots, tmp_path / "x.safetensors", title="a: [b"), "a/b").files
    card = files["README.md"]
    assert isinstance(card, bytes)
    _, front, text = card.decode().split("---\n")
    assert yaml.safe_load(front)["license"] == "cc-by-4.0"
    assert "\n# a: [b\n" in text
    with pytest.raises(StylehubError, match="has the licence 'mine: all', which SPDX does not know"):
        of_style(with_style(dots, tmp_path / "x.safetensors", license="mine: all"), "a/b")


def test_a_preview_that_is_none(dots: Path, tmp_path: Path) -> None:
    metadata = read_metadata(dots)
    for preview in ("", "no base64!", "aGVsbG8="):
        write_safetensors(tmp_path / "x.safetensors", read_safetensors(dots), metadata | {"preview": preview})
        assert preview_of(tmp_path / "x.safetensors") is None


@pytest.mark.usefixtures("quick_client")
def test_pushed_and_taken(dots: Path, tiny_model: Path, photo: Image.Image, tmp_path: Path) -> None:
    with LoopbackHub() as server:
        server.token = "hf_someToken"
        words = ["--token", server.token, "--endpoint", server.url]
        result = call("push", dots, "--to", "someone/dots", *words)
        assert result.exit_code == 0, result.sentence
        commit, files = server.newest("someone/dots")
        assert set(files) == {"style.safetensors", "README.md", "preview.jpg"}
        assert yaml.safe_load(files["README.md"].decode().split("---")[1])["license"] == "cc-by-4.0"
        address = f"hf://someone/dots@{commit}"
        assert address in result.stdout
        options = {"endpoint": server.url, "token": server.token, "cache_dir": tmp_path, "device": "cpu"}
        there = hub.load(tiny_model, styles=[address], **options)(photo, style="dots")
        here = hub.load(tiny_model, styles=[dots], device="cpu")(photo, style="dots")
        assert there.tobytes() == here.tobytes()
        assert call("styles", "add", address, "--model", tiny_model, *words).exit_code == 0
        assert find("dots").style.author == "A. Person"
    with pytest.raises(UnknownName, match="has no full commit"):
        add("hf://someone/dots@main")
    config = json.loads(read_metadata(dots)["config"])
    config["style"]["license"] = ""
    write_safetensors(tmp_path / "free.safetensors", read_safetensors(dots), {"config": json.dumps(config)})
    assert "has no licence" in call("push", tmp_path / "free.safetensors", "--to", "a/b").sentence


@pytest.mark.usefixtures("quick_client")
def test_a_huge_file_is_refused_before_it_is_fetched(
    dots: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.styles.LARGEST", 100)
    with LoopbackHub() as server:
        server.add("someone/dots", "0" * 40, {"style.safetensors": dots.read_bytes()})
        with pytest.raises(WeightsError, match=r"has [\d,]+ bytes, more than 100; it is refused"):
            add(f"hf://someone/dots@{'0' * 40}", str(tiny_model), endpoint=server.url, cache_dir=tmp_path)
        assert server.count("GET") == 0


def test_a_vector_is_shared_alike(material: Path, photo_file: Path, tmp_path: Path) -> None:
    """It becomes one more preset, by its name."""
    vector, painting = tmp_path / "stripes.safetensors", material / "paintings" / "red-stripes.png"
    words = ["--license", "CC0-1.0", "--title", "Stripes", "--author", "A. Person"]
    assert call("vector", "adain", painting, "-o", vector, *words).exit_code == 0
    assert preview_of(vector) is not None
    assert call("styles", "add", vector).exit_code == 0
    assert find("stripes").model == "adain"
    method = hub.load("adain", device="cpu")
    assert method.styles["stripes"].title == "Stripes"
    by_name, by_file = (method(photo_file, style=style).tobytes() for style in ("stripes", vector))
    assert by_name == by_file


@pytest.mark.usefixtures("quick_client", "small_paintings")
def test_a_vector_is_pushed_and_taken(material: Path, photo: Image.Image, tmp_path: Path) -> None:
    vector, painting = tmp_path / "stripes.safetensors", material / "paintings" / "red-stripes.png"
    assert call("vector", "adain", painting, "-o", vector, "--license", "CC0-1.0", "--title", "Stripes").exit_code == 0
    here = hub.load("adain", device="cpu")(photo, style=vector)
    with LoopbackHub() as server:
        result = call("push", vector, "--to", "someone/stripes", "--token", "hf_x", "--endpoint", server.url)
        assert result.exit_code == 0, result.sentence
        commit, files = server.newest("someone/stripes")
        assert files["style.safetensors"] == vector.read_bytes()
        assert "# Stripes" in files["README.md"].decode()
        address = f"hf://someone/stripes@{commit}"
        assert address in result.stdout
        options = {"endpoint": server.url, "cache_dir": tmp_path / "cache", "device": "cpu"}
        there = hub.load("adain", styles=[address], **options)(photo, style="stripes")
        assert there.tobytes() == here.tobytes()
        assert call("styles", "add", address, "--endpoint", server.url).exit_code == 0
    assert find("stripes").style.title == "Stripes"
    assert hub.load("adain", device="cpu")(photo, style="stripes").tobytes() == here.tobytes()


def test_listing_styles_does_not_import_torch(dots: Path, tiny_model: Path) -> None:
    add(dots, str(tiny_model))
    code = (
        "import sys; from typer.testing import CliRunner; from hub.cli import app;"
        "print(CliRunner().invoke(app, ['styles', 'list']).stdout);"
        "print(CliRunner().invoke(app, ['styles', 'show', 'dots']).stdout); assert 'torch' not in sys.modules"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told.count("CC-BY-4.0") == 2
