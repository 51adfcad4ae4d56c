"""The recipes of the weights that ship, and the command that follows them."""

import json
import shlex
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from pydantic import BaseModel

from hub.cli import app
from hub.cli.flags import parse
from hub.errors import RegistryError
from hub.parameters import validate
from hub.plugins import named_class
from hub.registry import PACKAGE_ROOT, method_entry, parts
from hub.training import facts
from hub.weights import read_metadata, read_safetensors
from methods.fast_photo_affine import matrices
from tools import remake
from tools.recipes import RECIPES, Recipe, read_recipe, recipes, shipped

DATA, WEIGHTS = Path("data"), Path("weights")
# What a run may choose for its machine, and what a recipe gives otherwise than the weights say: its note tells why.
MACHINE = {"workers", "bf16", "compile", "checkpoint_every", "sheet_every"}
DIFFERENT = {
    "cin-25styles": {"steps", "crop_starts", "style_weights"},
    "adain": {"crop_starts", "reconstruction"},
    "vgg-slim": {"paintings"},
    "fast-photo-affine/lake-at-dusk": {"content"},
}


def recipe(name: str) -> Recipe:
    return read_recipe(recipes()[name])


def each_recipe() -> Any:
    return pytest.mark.parametrize("name", recipes())


def remade(*words: str | Path) -> str | int | None:
    """Call the command; what it exits with, which is a sentence when something is wrong."""
    with pytest.raises(SystemExit) as stopped:
        remake.main([str(word) for word in words])
    return stopped.value.code


def training(words: list[str]) -> BaseModel:
    """The settings of `stylehub train ...` as the command line itself understands them."""
    command = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    given = command.make_context("train", words[2:]).params
    method = given["method"]
    dotted = parts()[method].training if method in parts() else method_entry(method).method.training
    settings = named_class(dotted).Settings
    values, rest = parse(settings, given["words"] or [])
    assert not rest
    return validate(settings, values)


def test_every_file_of_weights_has_a_recipe_and_every_recipe_a_file() -> None:
    assert set(recipes()) == set(shipped())
    files = {PACKAGE_ROOT / str(spec.folder) / spec.filename for spec in shipped().values()}
    assert files == set(PACKAGE_ROOT.glob("methods/**/*.safetensors"))


@each_recipe()
def test_a_recipe_names_what_exists(name: str) -> None:
    made = recipe(name)
    assert made.makes == name
    assert set(made.models) <= set(shipped())
    assert name not in made.models


@each_recipe()
def test_the_command_line_accepts_every_command(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prepared: list[object] = []
    monkeypatch.setattr(matrices, "prepare", lambda *given, **_: prepared.append(given))
    for words in recipe(name).filled(DATA, WEIGHTS, tmp_path):
        if words[:2] == ["stylehub", "train"]:
            training(words)
        elif words[:3] == ["python", "-m", "tools.soup"]:
            first, second, share, mean = words[3:]
            assert 0 < float(share) < 1
            assert len({first, second, mean}) == 3
        elif words[:3] == ["python", "-m", "tools.task_vector"]:
            assert len(set(words[3:])) == 4
        else:
            assert words[:3] == ["python", "-m", "methods.fast_photo_affine.matrices"]
            matrices.main(words[3:])
            assert prepared


def written_by(words: list[str]) -> set[Path]:
    """The folders that a command writes."""
    out = Path(words[words.index("--out") + 1] if "--out" in words else words[-1])
    return {out, out / "weights"} if words[1] == "train" else {out}


@each_recipe()
def test_commands_read_what_those_before_them_wrote(name: str) -> None:
    run = Path("run")
    written = {run / file for file in recipe(name).files}
    for words in recipe(name).filled(DATA, WEIGHTS, run):
        writes = written_by(words)
        for path in map(Path, words):
            if path.is_relative_to(run) and path not in writes:
                assert any(path == made or path.is_relative_to(made) for made in written), f"nothing wrote {path}"
        written |= writes
    assert run / "weights" in written


def test_what_a_recipe_takes_of_another_ones_run_is_written_there() -> None:
    taken = {Path(file) for name in recipes() for file in recipe(name).runs.values()}
    assert taken
    for file in taken:
        run = Path(file.parts[0])
        commands = recipe(run.name).filled(DATA, WEIGHTS, run)
        assert file.parent in {folder for words in commands for folder in written_by(words)}


@each_recipe()
def test_nothing_held_out_is_trained_on(name: str) -> None:
    """Shards by name, since the validation shard lies in the folder of the others."""
    made = recipe(name)
    files = [file for option, file in made.needed() if option == "data"]
    assert all((file.endswith(".tar") and "-train-" in file) or file.startswith("styles") for file in files)
    for words in made.filled(DATA, WEIGHTS, Path("run")):
        below = [Path(word).relative_to(DATA).as_posix() for word in words if Path(word).is_relative_to(DATA)]
        assert set(below) <= set(files)
        assert "val" not in shlex.join(words)


@each_recipe()
def test_a_recipe_gives_what_the_weights_say_of_their_training(name: str) -> None:
    """Every setting in the metadata, also those that a command leaves to the defaults, which may change one day."""
    made, spec = recipe(name), shipped()[name]
    weights = PACKAGE_ROOT / str(spec.folder) / spec.filename
    told = json.loads(read_metadata(weights)["config"])["training"]
    commands = made.filled(DATA, WEIGHTS, Path("run"))
    start = told.get("start", told)
    if "mean_of" in start:
        (soup,) = (words for words in commands if "tools.soup" in words)
        assert float(soup[5]) == start["share_of_the_second"]
    trained = [*start.get("mean_of", [start]), *told.get("then", [])]
    runs = [facts(training(words)) for words in commands if words[1] == "train"][-len(trained) :]  # type: ignore[arg-type]
    for settings, was in zip(runs, trained, strict=True):
        compared = (set(settings) & set(was)) - MACHINE
        assert set(was) - set(settings) <= {"perceptual_network", "steps_done"}
        different = {key for key in compared if settings[key] != was[key]} - told_as_pattern(settings, was)
        assert different <= DIFFERENT.get(name, set())
        assert not different or made.note


def told_as_pattern(settings: dict[str, Any], was: dict[str, Any]) -> set[str]:
    """One file says photos-train-*.tar for what a recipe lists."""
    pattern = was.get("content") == ["photos-train-*.tar"]
    return {"content"} if pattern and all(Path(f).match(was["content"][0]) for f in settings["content"]) else set()


def test_dry_run_prints_the_commands_with_their_folders(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    assert remade("fast-photo", "--data", folder, "--weights", "nets", "--out", tmp_path / "run", "--dry-run") == 0
    note, first, second, mean = capsys.readouterr().out.splitlines()
    assert note.startswith("# The first run was planned over 3,500")
    assert first.startswith(f"stylehub train fast-photo --content '{folder}/content/photos-train-000.tar' --content ")
    assert "--vgg nets/vgg16_features.safetensors --steps 2400" in first
    assert f"--initial {tmp_path}/run/synthetic/weights/model.safetensors" in second
    assert mean.endswith(f"{tmp_path}/run/real/weights 0.7 {tmp_path}/run/weights")
    assert not (tmp_path / "run").exists()
    assert remade("fast-photo", "--steps", "9", "--dry-run") == 0
    trial = capsys.readouterr().out
    assert trial.count("--steps 9 ") == 2
    assert "runs/fast-photo-9-steps/weights" in trial


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert remade("--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(recipes())
    assert "from content, styles, vgg, cin" in next(line for line in lines if "lite" in line)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cin-25-styles"], "There is no recipe 'cin-25-styles'; did you mean cin-25styles or "),
        (["depth"], "nowhere has no depth/depth-train-000.tar, which depth is made from; say where it is with --data."),
        (["depth", "--steps", "2", "--bundle"], "does not ship; leave out --steps or --bundle."),
    ],
)
def test_what_is_wrong_is_one_sentence(words: list[str], sentence: str) -> None:
    answer = remade(*words, "--data", "nowhere")
    assert isinstance(answer, str)
    assert sentence in answer
    assert "\n" not in answer


def test_a_run_of_another_recipe_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = recipe("fast-art/munch-the-scream")
    for option, file in made.needed():
        path = tmp_path / option / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    answer = remade(made.makes, "--data", tmp_path / "data", "--weights", tmp_path / "weights")
    assert answer == (
        "remake: fast-art/munch-the-scream goes on from runs/cin-25styles/mean/model.safetensors; make that first, with "
        "`python -m tools.remake cin-25styles`."
    )


def test_missing_weights_and_samples_are_named(tmp_path: Path) -> None:
    name = "fast-photo-affine/lake-at-dusk"
    (tmp_path / "content").mkdir()
    for number in (0, 1):
        tarfile.open(tmp_path / "content" / f"photos-train-00{number}.tar", "w").close()
    words = [name, "--data", tmp_path, "--weights", tmp_path, "--out", tmp_path / "run"]
    answer = f"{tmp_path} has no vgg16_features.safetensors, which {name} is made from; say where it is with --weights."
    assert remade(*words) == f"remake: {answer}"
    (tmp_path / "vgg16_features.safetensors").touch()
    assert "photos-train-001.tar gives no 000057.jpg" in str(remade(*words))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"data": {"content": ["content/photos-val.tar"]}},
            "data.content.0 is wrong: content/photos-val.tar is held out",
        ),
        (
            {"commands": ["stylehub train cin --content {photos}"]},
            "name {photos}, which is neither data, weights, a",
        ),
        ({"commands": ["rm -r {run}"]}, "'rm -r {run}' is no command of stylehub or python"),
        ({"step": 3}, "step is wrong: Extra inputs are not permitted"),
    ],
)
def test_a_recipe_that_is_wrong(change: dict[str, object], sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    good = {"makes": "mine", "data": {}, "commands": ["stylehub train cin"]}
    path.write_text(json.dumps(good | change))
    with pytest.raises(RegistryError) as error:
        read_recipe(path)
    assert sentence in str(error.value)
    assert str(path) in str(error.value)


def test_it_goes_on_from_the_command_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for needed in ("content/photos-train-000.tar", "content/photos-train-001.tar", "vgg16_features.safetensors"):
        (tmp_path / needed).parent.mkdir(exist_ok=True)
        (tmp_path / needed).touch()
    started: list[list[str]] = []
    failing = {"real"}

    def start(words: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        started.append(words)
        return subprocess.CompletedProcess(words, 3 if Path(words[-1]).name in failing else 0)

    monkeypatch.setattr(subprocess, "run", start)
    bundled: list[tuple[Path, str]] = []
    monkeypatch.setattr(remake, "put_into_the_package", lambda source, name: bundled.append((source, name)))
    out = tmp_path / "run"
    words = ["fast-photo", "--data", tmp_path, "--weights", tmp_path, "--out", out, "--bundle"]
    assert "Command 2 of 3 (`stylehub train fast-photo ...`) ended with status 3" in str(remade(*words))
    assert [words[:4] for words in started] == [[sys.executable, "-m", "hub", "train"]] * 2
    assert not bundled
    failing.clear()
    capsys.readouterr()
    assert remade(*words) == 0
    assert [words[-1] for words in started[2:]] == [str(out / "real"), str(out / "weights")]
    assert capsys.readouterr().out.splitlines()[1].startswith("# done: stylehub train fast-photo")
    assert bundled == [(out / "weights", "fast-photo")]
    assert "was begun with other commands" in str(remade(*words[:-1], "--steps", "5"))


def test_two_steps_make_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way, of the one model that learns from labelled photos alone; a second call has nothing left to do."""
    cheap = (
        recipes()["segmentation"].read_text().replace("--batch 4 --rare 2", "--batch 1 --rare 1 --workers 0 --no-bf16")
    )
    (tmp_path / "segmentation.yaml").write_text(cheap)
    monkeypatch.setattr("tools.recipes.RECIPES", tmp_path)
    rng = np.random.default_rng(0)
    (tmp_path / "segmentation").mkdir()
    with tarfile.open(tmp_path / "segmentation" / "segmentation-train-000.tar", "w") as tar:
        for index in range(3):
            photo = Image.fromarray(rng.integers(0, 255, (72, 96, 3), dtype=np.uint8))
            labels = Image.fromarray(rng.integers(0, 3, (72, 96), dtype=np.uint8))
            for picture, name, kind in ((photo, "jpg", "JPEG"), (labels, "label.png", "PNG")):
                data = BytesIO()
                picture.save(data, kind)
                member = tarfile.TarInfo(f"{index:06d}.{name}")
                member.size = data.tell()
                data.seek(0)
                tar.addfile(member, data)
    words = ["segmentation", "--data", tmp_path, "--out", tmp_path / "run", "--steps", "2"]
    assert remade(*words) == 0
    weights = tmp_path / "run" / "weights" / "model.safetensors"
    assert json.loads(read_metadata(weights)["config"])["training"]["steps"] == 2
    shipping = read_safetensors(PACKAGE_ROOT / "methods/parts/weights/segmentation/model.safetensors")
    assert {name: t.shape for name, t in read_safetensors(weights).items()} == {n: t.shape for n, t in shipping.items()}
    made_at = weights.stat().st_mtime_ns
    assert remade(*words) == 0
    assert weights.stat().st_mtime_ns == made_at


def test_recipes_are_written_alike() -> None:
    """A reader finds the same fields in the same order in each."""
    order = list(Recipe.model_fields)
    for path in RECIPES.rglob("*.yaml"):
        fields = [line.partition(":")[0] for line in path.read_text().splitlines() if line and line[0] not in " #-"]
        assert fields == sorted(fields, key=order.index), path.name
