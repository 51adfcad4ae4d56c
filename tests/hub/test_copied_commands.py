"""Every command that the program prints works when it is copied, also with spaces and quotes in names and paths."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

import hub
from hub.checking.case import Broken
from hub.checking.description import figures
from hub.errors import ConsentError
from hub.publishing.collection import find
from hub.publishing.style_file import of_style
from hub.scaffold import new
from hub.weights import write_safetensors
from methods.metanet.style_file import read_code
from tests.support.command import call
from tests.support.plugins import write_mirror

AWKWARD = 'it\'s "a" place'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Image.Image) -> Path:
    """The current folder, which has a photo and an awkward folder."""
    monkeypatch.chdir(tmp_path)
    photo.save("PHOTO", "PNG")
    photo.save("photo.jpg")
    (tmp_path / AWKWARD).mkdir()
    return tmp_path


def copied(text: str, program: str = "stylehub") -> list[list[str]]:
    """The words of each command in ``text``: in backticks, or to the end of its line."""
    return [shlex.split(command) for command in re.findall(rf"(?<![\w/]){program} [^`\n]*", text)]


def run(words: list[str], *more: str) -> None:
    result = call(*words[1:], *more)
    assert result.exit_code == 0, getattr(result, "sentence", result.output)


def test_what_new_says(place: Path) -> None:
    told = call("new", f"{AWKWARD}/red-shift").stdout
    attempt, check = copied(told)
    run(attempt, "-o", "a.png")
    assert check == ["stylehub", "check", f"./{AWKWARD}/red-shift", "--trust"]
    told = call("new", f"{AWKWARD}/boxed", "--package").stdout
    assert copied(told, "pip") == [["pip", "install", "-e", f"./{AWKWARD}/boxed"]]


def test_what_trust_and_a_missing_consent_say(place: Path) -> None:
    folder = write_mirror(place / AWKWARD / "mirror")
    with pytest.raises(ConsentError) as refused:
        hub.load(folder)
    (remember,) = copied(str(refused.value))
    (withdraw,) = copied(call(*remember[1:]).stdout)
    assert hub.load(folder, device="cpu")
    run(withdraw)
    with pytest.raises(ConsentError):
        hub.load(folder)


def test_what_add_style_and_vector_say(place: Path, tiny_model: Path, material: Path) -> None:
    model, painting = f"./{AWKWARD}/tiny", material / "paintings" / "red-stripes.png"
    shutil.copytree(tiny_model, model)
    flags = ["--steps", 1, "--vgg", material / "vgg.safetensors", "--content", material / "photos.tar", "--workers", 0]
    flags += ["--crops", 32, "--crop-starts", 0, "--style-size", 64, "--batch", 1, "--no-bf16", "--device", "cpu"]
    learn = ["add-style", painting, "--model", model, *flags, "--license", "MIT"]
    for words in (["--name", "one"], ["--name", "two", "-o", f"{AWKWARD}/two.safetensors"]):
        (use,) = copied(call(*learn, *words).stdout)
        run(use, "-o", f"{words[1]}.png")
    (use,) = copied(call("styles", "add", f"{AWKWARD}/two.safetensors", "--model", model).stdout)
    run(use, "-o", "again.png")
    assert Image.open("two.png").tobytes() == Image.open("again.png").tobytes()
    card = of_style(find("two").path, "a/b").files["README.md"]
    assert isinstance(card, bytes)
    run(copied(card.decode())[-1], "-o", "by-card.png")
    show = call("show", "two.png").stdout.splitlines()[0]
    assert copied(show)[0][2] == model


@pytest.mark.usefixtures("small_paintings")
def test_what_vector_says(place: Path, material: Path) -> None:
    painting = material / "paintings" / "red-stripes.png"
    (use,) = copied(call("vector", "adain", painting, "-o", f"{AWKWARD}/mine.safetensors").stdout)
    run(use, "-o", "a.png")


def test_what_train_says(place: Path, material: Path) -> None:
    folder = new(Path(AWKWARD, "ink"), weights=True)
    words = ["--data", material / "photos.tar", "--width", 4, "--crop", 16, "--batch", 1, "--workers", 0, "--steps", 1]
    told = call("train", f"./{folder}", *words, "--out", f"{AWKWARD}/run", "--no-bf16", "--trust").stdout
    (bundle,) = copied(told)
    run(bundle)
    assert copied(told, "tensorboard") == [["tensorboard", "--logdir", f"{AWKWARD}/run"]]
    assert hub.load(folder, device="cpu", trust=True)


def test_what_a_card_without_figures_is_told(place: Path) -> None:
    entry = hub.info("cin-25styles").model_copy(update={"root": place / AWKWARD})
    card = place / AWKWARD / "methods/cin/weights/cin-25styles/README.md"
    card.parent.mkdir(parents=True)
    card.write_text("")
    with pytest.raises(Broken) as refused:
        figures(entry)
    (words,) = copied(str(refused.value))
    assert words[words.index("-o") + 1] == str(card.with_name("eval.json"))


def test_what_the_network_of_a_painting_is_told(place: Path) -> None:
    config = {"method": "fast-art", "written_by": "0" * 64, "code": [0.0]}
    file = place / "my painting's.safetensors"
    write_safetensors(file, {}, {"config": json.dumps(config)})
    with pytest.raises(hub.StylehubError, match="by another meta network") as refused:
        read_code(file, "1" * 64, 1)
    assert copied(str(refused.value)) == [["stylehub", "stylize", "./my painting's.safetensors"]]
