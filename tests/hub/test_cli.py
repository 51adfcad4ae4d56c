"""The command line, as a person in a shell meets it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from hub.provenance import read_recipe
from hub.weights import write_safetensors
from tests.support.command import call
from tests.support.models import random_network
from tests.support.paths import ROOT
from tests.support.plugins import MIRROR, MIRROR_ENTRY


def test_list(tmp_path: Path) -> None:
    assert "cin-25styles" in call("list").stdout
    assert {"name", "tasks", "method", "title"} <= set(json.loads(call("list", "--task", "fusion", "--json").stdout)[0])
    assert "no task" in call("list", "--task", "x").sentence


def test_info_shows_styles_and_flags() -> None:
    text = call("info", "cin-25styles").stdout
    for word in (
        "van-gogh-starry-night",
        "Vincent van Gogh",
        "--strength",
        "--style",
        "1610.07629",
        "Apache-2.0",
        "bundled",
    ):
        assert word in text
    facts = json.loads(call("info", "cin-25styles", "--json").stdout)
    assert len(facts["styles"]) == 25
    assert facts["model"]["weights"]["sha256"]


def test_stylize_one_photo(tiny_model: Path, photo_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "out.jpg"
    result = call("stylize", tiny_model, photo_file, "--style", "great-wave", "--strength=0.5", "-o", out)
    assert result.exit_code == 0
    assert result.stdout.strip() == str(out)
    assert Image.open(out).size == Image.open(photo_file).size
    recipe = read_recipe(out)
    assert recipe is not None
    assert recipe["parameters"] == {"style": "hokusai-great-wave", "strength": 0.5, "stroke": "medium"}


def test_the_shown_command_makes_the_same_picture(
    tiny_model: Path, photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny").symlink_to(tiny_model)
    words = ["--style", "great-wave=.3", "--style", "senecio=.7", "--size", "64", "--keep-color", "-o", "a.png"]
    assert call("stylize", "./tiny", photo_file.name, *words).exit_code == 0
    facts = json.loads(call("show", "a.png", "--json").stdout)
    command = facts["command"].split()
    assert command[:2] == ["stylehub", "stylize"]
    assert call(*command[1:], "-o", "b.png").exit_code == 0
    assert np.array_equal(Image.open("a.png"), Image.open("b.png"))
    shown = call("show", "a.png").stdout
    assert facts["command"] in shown
    assert "hub.load(" in shown


def test_a_strength_map_is_part_of_the_command(
    tiny_model: Path, photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").save("map.png")
    Path("tiny").symlink_to(tiny_model)
    words = ["--style", "senecio", "--strength-map", "map.png", "-o", "a.png"]
    assert call("stylize", "./tiny", photo_file.name, *words).exit_code == 0
    command = json.loads(call("show", "a.png", "--json").stdout)["command"]
    assert call(*command.split()[1:], "-o", "b.png").exit_code == 0
    assert np.array_equal(Image.open("a.png"), Image.open("b.png"))
    assert call("stylize", "./tiny", photo_file.name, "--style", "senecio", "-o", "c.png").exit_code == 0
    assert not np.array_equal(Image.open("a.png"), Image.open("c.png"))


def test_batch_keeps_and_names_results_that_were_made_otherwise(
    tiny_model: Path, photo_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert call("batch", tiny_model, photo_file, "--style", "senecio", "-o", out).exit_code == 0
    before = (out / "photo.png").read_bytes()
    result = call("batch", tiny_model, photo_file, "--style", "great-wave", "-o", out, "--json")
    assert result.exit_code == 1
    assert "made differently" in json.loads(result.stdout)["failed"][str(photo_file)]
    assert (out / "photo.png").read_bytes() == before
    assert call("batch", tiny_model, photo_file, "--style", "great-wave", "-o", out, "--overwrite").exit_code == 0
    assert (out / "photo.png").read_bytes() != before


def test_a_folder_is_told_from_a_file(tiny_model: Path, photo_file: Path, tmp_path: Path) -> None:
    assert call("stylize", tiny_model, photo_file, "--style", "senecio", "-o", tmp_path / "folder").exit_code == 0
    assert (tmp_path / "folder" / "photo-klee-senecio.png").is_file()
    Image.open(photo_file).save(tmp_path / "other.png")
    several = call("stylize", tiny_model, photo_file, tmp_path / "other.png", "--style", "senecio", "-o", "x.jpg")
    assert "is one file for" in several.sentence
    (tmp_path / "file").write_text("")
    batch = call("batch", tiny_model, photo_file, "--style", "senecio", "-o", tmp_path / "file")
    assert "is a file" in batch.sentence


def test_names_of_styles_are_never_cut() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "hub", "info", "cin-25styles"], capture_output=True, text=True, check=True
    ).stdout
    assert "mondrian-composition-red-blue-yellow" in listed
    assert "\u2026" not in listed


def test_whatever_a_strangers_code_raises_is_one_sentence(photo_file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "registry.yaml").write_text(MIRROR_ENTRY)
    (tmp_path / "mine" / "parts.py").write_text("def turn(x):\n    raise ValueError('no turning')\n")
    (tmp_path / "mine" / "method.py").write_text(MIRROR)
    words = [sys.executable, "-m", "hub", "stylize", "./mine", str(photo_file), "--trust"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert result.returncode == 1
    where = "while ./mine/mirror was painting"
    assert result.stderr == f"stylehub: ValueError: no turning, {where}; set STYLEHUB_TRACEBACK=1 to see where.\n"
    report = call("batch", tmp_path / "mine", photo_file, "--trust", "-o", tmp_path / "out", "--json")
    assert "no turning" in json.loads(report.stdout)["failed"][str(photo_file)]


def test_nothing_is_overwritten_silently(tiny_model: Path, photo_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    result = call("stylize", tiny_model, photo_file, "--style", "senecio", "-o", out)
    assert "exists" in result.sentence
    assert out.read_bytes() == b"precious"
    assert call("stylize", tiny_model, photo_file, "--style", "senecio", "-o", out, "--overwrite").exit_code == 0
    assert Image.open(out).size == (96, 80)
    photo = photo_file.read_bytes()
    words = ["stylize", tiny_model, photo_file, "--style", "senecio", "-o", photo_file, "--overwrite"]
    assert "would replace the photo" in call(*words).sentence
    assert photo_file.read_bytes() == photo


def test_standard_input_and_output(tiny_model: Path, photo_file: Path) -> None:
    result = call("stylize", tiny_model, "-", "--style", "senecio", stdin=photo_file.read_bytes())
    assert Image.open(io.BytesIO(result.stdout_bytes)).size == (96, 80)
    result = call("stylize", tiny_model, photo_file, "--style", "senecio", "-o", "-")
    assert Image.open(io.BytesIO(result.stdout_bytes)).format == "PNG"


def test_folders_and_globs(tiny_model: Path, photo: Image.Image, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.jpg", "c.bmp"):
        photo.save(photos / name)
    (photos / "notes.txt").write_text("no picture")
    result = call("stylize", tiny_model, photos, "--style", "senecio", "-o", tmp_path / "out", "--json")
    assert [Path(job["output"]).name for job in json.loads(result.stdout)] == [
        "a-klee-senecio.png",
        "b-klee-senecio.jpg",
        "c-klee-senecio.png",
    ]
    assert (
        call("stylize", tiny_model, photos / "*.bmp", "--style", "senecio", "-o", tmp_path / "one.webp").exit_code == 0
    )
    assert "matches no picture" in call("stylize", tiny_model, photos / "*.gif", "--style", "senecio").sentence


def test_fuse(tiny_model: Path, photo_file: Path, tmp_path: Path) -> None:
    def made(verb: str, *flags: str) -> np.ndarray:
        out = tmp_path / "fused.png"
        assert call(verb, tiny_model, photo_file, *flags, "-o", out, "--overwrite").exit_code == 0
        return np.asarray(Image.open(out))

    single = made("stylize", "--style", "senecio")
    assert np.array_equal(single, made("fuse", "--style", "senecio"))
    assert np.array_equal(single, made("fuse", "--style", "senecio=2", "--style", "great-wave=0"))
    assert not np.array_equal(single, made("fuse", "--style", "senecio=.5", "--style", "great-wave=.5"))
    for flags in (["--style", "senecio=-1"], ["--style", "senecio=0"], ["--style", "senecio=nan"], []):
        assert call("fuse", tiny_model, photo_file, *flags).exit_code == 1


def test_batch_goes_on_where_it_stopped(tiny_model: Path, photo: Image.Image, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for index in range(4):
        photo.save(photos / f"{index}.png")
    (photos / "2.png").write_bytes(b"broken")
    result = call("batch", tiny_model, photos, "--style", "senecio", "-o", out, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1, "a failed picture must be seen in the exit status"
    assert [Path(p).name for p in report["written"]] == ["0.png", "1.png", "3.png"]
    assert [Path(p).name for p in report["failed"]] == ["2.png"]
    times = {p.name: p.stat().st_mtime_ns for p in out.glob("*.png")}
    photo.save(photos / "2.png")
    report = json.loads(call("batch", tiny_model, photos, "--style", "senecio", "-o", out, "--json").stdout)
    assert [Path(p).name for p in report["written"]] == ["2.png"]
    assert len(report["skipped"]) == 3
    assert all((out / name).stat().st_mtime_ns == time_ for name, time_ in times.items())
    assert "replace the photo" in call("batch", tiny_model, photos, "--style", "senecio", "-o", photos).sentence


def heed_interrupts() -> None:
    """What a shell starts in the background ignores them, and so does all that comes of it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


MANY = 2000  # so many photos that the signal comes before the last


def test_control_c_in_a_batch_leaves_whole_files(tiny_model: Path, photo: Image.Image, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    photo.resize((400, 300)).save(photos / "0000.png")
    for index in range(1, MANY):
        os.link(photos / "0000.png", photos / f"{index:04}.png")
    words = [sys.executable, "-m", "hub", "batch", str(tiny_model), str(photos), "--style", "senecio", "-o", str(out)]
    process = subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=heed_interrupts,
    )
    limit = time.monotonic() + 120
    while not out.exists() or len(list(out.glob("[0-9]*.png"))) < 2:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < limit
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert b"to continue in" in errors
    files = sorted(path for path in out.iterdir() if path.name != "manifest.jsonl")
    assert 2 <= len(files) < MANY
    for file in files:
        Image.open(file).load()


def test_one_bad_photo_among_several_does_not_stop_the_others(
    tiny_model: Path, photo_file: Path, tmp_path: Path
) -> None:
    bad, out = tmp_path / "a-text.jpg", tmp_path / "out"
    bad.write_text("not a picture")
    result = call("stylize", tiny_model, bad, photo_file, "--style", "senecio", "-o", out)
    assert result.exit_code == 1
    assert str(bad) in result.stderr
    assert [path.name for path in out.iterdir()] == ["photo-klee-senecio.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stylize", "MODEL", "PHOTO", "--style", "stary-night"], "did you mean van-gogh-starry-night"),
        (["stylize", "MODEL", "PHOTO", "--style", "senecio", "--strenght", "1"], "did you mean strength"),
        (["stylize", "MODEL", "PHOTO", "--style", "senecio", "--strength", "x"], "'strength' cannot be 'x'"),
        (["stylize", "MODEL", "PHOTO"], "Give the parameter 'style'"),
        (["stylize", "MODEL", "--style", "senecio"], "at least one photo"),
        (["stylize", "MODEL", "nowhere.jpg", "--style", "senecio"], "nowhere.jpg"),
        (["stylize", "MODEL", "-", "PHOTO", "--style", "senecio"], "one picture"),
        (["stylize", "MODEL", "PHOTO", "--style", "senecio", "-o", "x.xyz"], "xyz"),
        (["stylize", "MODEL", "PHOTO", "--style", "senecio", "--device", "abacus"], "no device 'abacus'"),
        (["stylize", "MODEL", "PHOTO", "--style", "senecio", "--dtype", "int4"], "dtype 'int4' is not supported"),
        (["stylize", "cin-25", "PHOTO", "--style", "senecio"], "cin-25styles"),
        (["show", "PHOTO"], "has no provenance metadata"),
        (["train", "nothing"], "There is no method to train 'nothing'; there are adain"),
        (["train", "cin", "--steps", "5"], "Give the parameter 'content'"),
        (["train", "cin", "--stepps", "5"], "did you mean steps"),
    ],
)
def test_mistakes_are_one_sentence(
    words: list[str], message: str, tiny_model: Path, photo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"MODEL": str(tiny_model), "PHOTO": str(photo_file)}
    before = sorted(tmp_path.iterdir())
    result = call(*(places.get(word, word) for word in words))
    assert result.exit_code == 1
    assert message in result.sentence
    assert sorted(tmp_path.iterdir()) == before, "something was left behind"


def test_weights_that_cannot_be(tmp_path: Path, photo_file: Path) -> None:
    """Missing metadata, another shape, not finite, truncated: each one sentence."""
    state = random_network().state_dict()
    config = {"config": json.dumps({"method": "cin", "width": 4, "styles": [{"name": s} for s in "abc"]})}
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.safetensors"
    write_safetensors(good, state, config)
    for content, message in [
        (lambda: save_file(state, bad), "not written by stylehub"),
        (lambda: write_safetensors(bad, {**state, "extra": state["layers.0.norm.scale"]}, config), "extra"),
        (lambda: write_safetensors(bad, {k: v * float("nan") for k, v in state.items()}, config), "NaN or infinity"),
        (lambda: write_safetensors(bad, random_network(width=5).state_dict(), config), "shape"),
        (lambda: bad.write_bytes(good.read_bytes()[:-9]), "bad.safetensors"),
        (lambda: write_safetensors(bad, state, {"config": json.dumps({"method": "magic"})}), "no method 'magic'"),
    ]:
        content()
        assert message in call("stylize", bad, photo_file, "--style", "a").sentence
    assert call("stylize", good, photo_file, "--style", "a", "-o", tmp_path / "x.png").exit_code == 0


def test_main_prints_one_sentence_and_no_traceback(photo_file: Path) -> None:
    words = [sys.executable, "-m", "hub", "stylize", "cin-25styles", str(photo_file), "--style", "stary-night"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == "stylehub: There is no style 'stary-night'; did you mean van-gogh-starry-night?\n"


def test_train_help_lists_the_recipes_settings() -> None:
    text = call("train", "cin", "--help").stdout
    for flag in ("--content", "--styles", "--vgg", "--steps", "--style-weight", "--out"):
        assert flag in text


def test_a_shell_completes_commands_flags_and_models() -> None:
    def offered(words: str) -> list[str]:
        place = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_STYLEHUB_COMPLETE": "complete_bash"}
        program = [sys.executable, "-c", "import sys; sys.argv = ['stylehub']; from hub.cli import app; app()"]
        return subprocess.run(
            program, env=os.environ | place, capture_output=True, text=True, check=True
        ).stdout.split()

    assert offered("stylehub sty") == ["stylize", "styles"]
    assert "--task" in offered("stylehub list --")
    assert offered("stylehub stylize cin") == ["cin-25styles", "cin-25styles-lite"]
