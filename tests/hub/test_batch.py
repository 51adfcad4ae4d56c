"""Thousands of photos at once: the results of one by one, whatever is broken, killed or run again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hub
import hub.batch.pipeline
from hub.batch import Report, run_folder
from hub.batch.job import Job, Task
from hub.batch.manifest import Manifest
from hub.batch.pipeline import Limits, Pipeline
from hub.errors import ImageError, ParameterError, UnknownName
from hub.images import read_image
from hub.method import Method
from hub.provenance import read_recipe
from methods.parts.pace import Pace
from tests.support.command import call
from tests.support.plugins import MIRROR_ENTRY
from tests.support.profiles import ADOBE_RGB, rgb_profile

STYLE = "klee-senecio"
RECIPE = {"stylehub": "1", "model": "tiny", "weights": "abc", "parameters": {"style": STYLE}, "photo": "0.png"}


@pytest.fixture
def method(tiny_model: Path) -> Method:
    return hub.load(tiny_model, device="cpu", dtype="float32")


@pytest.fixture
def photos(photo: Image.Image, tmp_path: Path) -> Callable[..., Path]:
    """A folder of so many photos, no two alike, of the sizes given in turn."""

    def make(number: int, *sizes: tuple[int, int]) -> Path:
        folder = tmp_path / "photos"
        folder.mkdir()
        for index in range(number):
            size = sizes[index % len(sizes)] if sizes else (32, 24)
            photo.rotate(7 * index).resize(size).save(folder / f"{index:03}.png")
        return folder

    return make


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path), np.int16)


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def recording(method: Method, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes that ``method.stylize`` gets from now on."""
    shapes: list[tuple[int, ...]] = []
    original = method.stylize

    def stylize(content: torch.Tensor, parameters: Any, progress: Any) -> torch.Tensor:
        shapes.append(tuple(content.shape))
        return original(content, parameters, progress)

    monkeypatch.setattr(method, "stylize", stylize)
    return shapes


def piped(
    method: Method, folder: Path, out: Path, limits: Limits, batch: int | None = None, threads: int | None = None
) -> list[str]:
    """What became of every photo of ``folder``, when the stages run no further ahead than ``limits`` say."""
    recipe = method.describe(method.checked({"style": STYLE}))
    job = Job(method, {"style": STYLE}, recipe, batch=batch)
    tasks = [Task(photo, out / photo.name) for photo in sorted(folder.iterdir())]
    return [outcome.status for outcome in Pipeline(job, threads, limits=limits).run(tasks)]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"size": 32, "keep_color": True},
        {"strength": 0.5, "center_crop": True},
        {"strength": 0},
        {"strength_map": "map.png", "strength": 0.8},
    ],
    ids=["plain", "size", "crop", "nothing", "map"],
)
def test_together_as_one_by_one(
    method: Method, photo: Image.Image, tmp_path: Path, parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photos of every kind come out as they do alone, and say the same of how they were made."""
    folder = tmp_path / "photos"
    folder.mkdir()
    transparent = photo.copy()
    transparent.putalpha(Image.linear_gradient("L").resize(photo.size))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(folder / "plain.png")
    photo.rotate(20).save(folder / "other.png")
    photo.rotate(40).save(folder / "third.tif")
    photo.save(folder / "lying.png", exif=exif)
    photo.convert("L").save(folder / "grey.png")
    photo.convert("P").save(folder / "palette.png")
    photo.rotate(60).save(folder / "profile.png", icc_profile=rgb_profile(ADOBE_RGB))
    transparent.save(folder / "transparent.png")
    transparent.rotate(10).save(folder / "transparent too.png")
    Image.fromarray(np.asarray(photo.convert("L"), np.uint16) * 257).save(folder / "deep.png")
    photo.resize((50, 41)).save(folder / "small.bmp")
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").save("map.png")

    report = run_folder(method, [folder], tmp_path / "out", style=STYLE, **parameters)
    assert not report.failed
    assert len(report.written) == 11
    for path, result in zip(sorted(folder.iterdir()), report.written, strict=True):
        alone = method(path, style=STYLE, **parameters)
        made = read_image(result)
        assert np.abs(np.asarray(made.rgb, np.int16) - np.asarray(alone.convert("RGB"), np.int16)).max() <= 1, path.name
        assert (made.alpha is None) == (alone.mode == "RGB"), path.name
        if made.alpha is not None:
            assert np.array_equal(made.alpha, alone.getchannel("A"))
        recorded = read_recipe(result)
        assert recorded == recorded | alone.info["stylehub"], "and what the photo was"


def test_photos_of_one_size_go_together(
    method: Method, photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = recording(method, monkeypatch)
    folder = photos(18, (32, 24), (48, 40), (32, 24))
    report = run_folder(method, [folder], tmp_path / "out", style=STYLE, batch_size=5)
    assert len(report.written) == 18
    assert sorted((n, h, w) for n, _, h, w in shapes) == [
        (1, 40, 48),
        (2, 24, 32),
        (5, 24, 32),
        (5, 24, 32),
        (5, 40, 48),
    ]


def test_many_sizes_wait_no_longer_than_the_window(
    method: Method, photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = recording(method, monkeypatch)
    folder = photos(12, (32, 24), (48, 40), (40, 40))
    assert piped(method, folder, tmp_path / "out", Limits(window=4), batch=9) == ["written"] * 12
    assert max(n for n, *_ in shapes) == 2, "of four that wait, two are of one size"


def test_only_the_culprit_of_a_batch_fails(
    method: Method, photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One picture makes the method raise, another makes it give no numbers, a third is no picture."""
    original = method.stylize
    folder = photos(12)
    for name, colour in (("003.png", "white"), ("007.png", "black")):
        Image.new("RGB", (32, 24), colour).save(folder / name)
    (folder / "010.png").write_bytes((folder / "010.png").read_bytes()[:200])

    def stylize(content: torch.Tensor, parameters: Any, progress: Any) -> torch.Tensor:
        if (content.mean((1, 2, 3)) == 1).any():
            raise RuntimeError("too\nbright")
        dark = (content.mean((1, 2, 3)) == 0).view(-1, 1, 1, 1)
        return original(content, parameters, progress).masked_fill(dark, float("nan"))

    monkeypatch.setattr(method, "stylize", stylize)
    report = run_folder(method, [folder], tmp_path / "out", style=STYLE)
    reasons = {path.name: reason for path, reason in report.failed.items()}
    assert list(reasons) == ["003.png", "007.png", "010.png"]
    assert reasons["003.png"].endswith("failed with RuntimeError: too bright")
    assert "NaN" in reasons["007.png"]
    assert "damaged" in reasons["010.png"]
    monkeypatch.undo()
    for result in report.written:
        assert np.abs(pixels(result) - np.asarray(method(folder / result.name, style=STYLE), np.int16)).max() <= 1


def test_batches_shrink_when_the_device_has_no_room(
    method: Method, photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[int] = []
    original = method.stylize

    def stylize(content: torch.Tensor, parameters: Any, progress: Any) -> torch.Tensor:
        shapes.append(len(content))
        if len(content) > 3:
            raise torch.OutOfMemoryError("no room")
        return original(content, parameters, progress)

    monkeypatch.setattr(method, "stylize", stylize)
    limits = Limits(ahead=0)  # no batch is formed before the one before was tried
    assert piped(method, photos(24), tmp_path / "out", limits, batch=6) == ["written"] * 24
    assert shapes.count(3) >= 3


def test_only_so_many_pictures_are_in_memory(
    method: Method, photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the method or the disk is."""
    read, written, held = [], [], []
    monkeypatch.setattr(hub.batch.pipeline, "read_image", lambda path: (read.append(path), read_image(path))[1])

    def slow(content: torch.Tensor, parameters: Any, progress: Any) -> torch.Tensor:
        time.sleep(0.01)
        held.append(len(read) - len(written))
        return content

    def save(image: Image.Image, target: Path, **options: Any) -> Path:
        time.sleep(0.01)
        written.append(hub.save(image, target, **options))
        return target

    monkeypatch.setattr(method, "stylize", slow)
    monkeypatch.setattr(hub.batch.pipeline, "save", save)
    limits = Limits(ahead=4 * 250_000)
    assert piped(method, photos(60), tmp_path / "out", limits, batch=2, threads=4) == ["written"] * 60
    assert max(held) <= 4 + 2 + 4 + 2, "four read, two in work, four written, and a batch more"


def test_the_manifest_has_a_line_for_every_photo(
    method: Method, photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = photos(5), tmp_path / "out"
    (folder / "002.png").write_text("no picture")
    run_folder(method, [folder], out, style=STYLE)
    found = sorted(lines(out), key=lambda line: line["output"])
    assert [line["output"] for line in found] == [f"{index:03}.png" for index in range(5)]
    assert [line["status"] for line in found] == ["done", "done", "failed", "done", "done"]
    assert [line["photo"] for line in found] == [str(folder / line["output"]) for line in found]
    assert "unknown format" in found[2]["error"]
    assert {line["weights"] for line in found} == {method.weights_sha256}
    assert len({line["recipe"] for line in found}) == 5, "the photo's name is part of how a picture was made"


def test_a_second_run_opens_nothing_that_is_done(
    method: Method, photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = photos(6), tmp_path / "out"
    (folder / "003.png").write_text("no picture")
    run_folder(method, [folder], out, style=STYLE)
    opened: list[Path] = []
    monkeypatch.setattr(hub.batch.pipeline, "read_recipe", lambda path: (opened.append(path), read_recipe(path))[1])
    report = run_folder(method, [folder], out, style=STYLE)
    assert (len(report.skipped), len(report.failed), opened) == (5, 1, [])
    assert len(lines(out)) == 7, "what failed was tried again"
    (out / "001.png").touch()
    (out / "002.png").unlink()
    report = run_folder(method, [folder], out, style=STYLE)
    assert [path.name for path in opened] == ["001.png"], "a file that is not as it was written is asked itself"
    assert [path.name for path in report.written] == ["002.png"]
    opened.clear()
    (out / "manifest.jsonl").unlink()
    assert len(run_folder(method, [folder], out, style=STYLE).skipped) == 5
    assert len(opened) == 5, "the pictures are the truth"
    opened.clear()
    assert len(run_folder(method, [folder], out, style=STYLE).skipped) == 5
    assert not opened


def test_the_manifest_is_not_believed_against_the_picture(
    method: Method, photos: Callable[..., Path], tmp_path: Path
) -> None:
    """A result that was replaced by one made otherwise is neither taken for done nor overwritten."""
    folder, out = photos(3), tmp_path / "out"
    run_folder(method, [folder], out, style=STYLE)
    hub.save(method(folder / "001.png", style="great-wave"), out / "001.png", overwrite=True)
    before = (out / "001.png").read_bytes()
    report = run_folder(method, [folder], out, style=STYLE)
    assert [path.name for path in report.failed] == ["001.png"]
    assert "made differently" in next(iter(report.failed.values()))
    assert (out / "001.png").read_bytes() == before
    other = run_folder(method, [folder], out, style="great-wave")
    assert [path.name for path in other.skipped] == ["001.png"]
    assert len(other.failed) == 2
    again = run_folder(method, [folder], out, style=STYLE, overwrite=True)
    assert len(again.written) == 3
    assert read_recipe(out / "001.png")["parameters"]["style"] == STYLE


@pytest.mark.parametrize("manifest", [True, False], ids=["manifest", "metadata"])
def test_another_photo_under_the_same_name_is_stylised(
    method: Method, photos: Callable[..., Path], tmp_path: Path, manifest: bool
) -> None:
    folder, out = photos(3), tmp_path / "out"
    run_folder(method, [folder], out, style=STYLE)
    before = (out / "001.png").read_bytes()
    new, time = Image.open(folder / "002.png").rotate(180), (folder / "001.png").stat().st_mtime_ns
    new.save(folder / "001.png")
    os.utime(folder / "001.png", ns=(time, time))  # as copying tools do
    (folder / "000.png").touch()
    if not manifest:
        (out / "manifest.jsonl").unlink()
    report = run_folder(method, [folder], out, style=STYLE)
    assert [path.name for path in report.written] == ["001.png"]
    assert len(report.skipped) == 2, "a new time is no new photo"
    assert (out / "001.png").read_bytes() != before
    hub.save(method(new, style="great-wave"), out / "002.png", overwrite=True)
    new.save(folder / "002.png")
    report = run_folder(method, [folder], out, style=STYLE)
    assert [path.name for path in report.failed] == ["002.png"], "what was made otherwise is kept all the same"


def test_another_strength_map_under_the_same_name_is_another(
    method: Method, photos: Callable[..., Path], tmp_path: Path
) -> None:
    folder, out, where = photos(1), tmp_path / "out", tmp_path / "map.png"
    Image.new("L", (8, 8), 255).save(where)
    run_folder(method, [folder], out, style=STYLE, strength_map=where)
    assert len(run_folder(method, [folder], out, style=STYLE, strength_map=where).skipped) == 1
    Image.new("L", (8, 8), 20).save(where)
    (reason,) = run_folder(method, [folder], out, style=STYLE, strength_map=where).failed.values()
    assert "made differently" in reason


def test_subfolders_are_kept(method: Method, photos: Callable[..., Path], tmp_path: Path) -> None:
    folder = photos(4)
    out = folder / "out"
    for number, place in enumerate(("a", "a/b", "c", ".hidden")):
        (folder / place).mkdir()
        (folder / f"00{number}.png").rename(folder / place / "same.png")
    (folder / "c" / "same.png").rename(folder / "top.png")
    report = run_folder(method, [folder], out, style=STYLE, tree=True)
    written = [path.relative_to(out).as_posix() for path in report.written]
    assert written == ["top.png", "a/same.png", "a/b/same.png"]
    assert (out / "a/same.png").read_bytes() != (out / "a/b/same.png").read_bytes()
    again = run_folder(method, [folder], out, style=STYLE, tree=True)
    assert (len(again.skipped), len(again.written)) == (3, 0), "results in the folder of the photos are no photos"
    assert {line["output"] for line in lines(out)} == {*written}
    with pytest.raises(ImageError, match="holds no picture"):
        run_folder(method, [folder / "c"], out, style=STYLE, tree=True)


def test_a_line_that_was_cut_off_anywhere_is_all_that_is_lost(tmp_path: Path) -> None:
    results = [tmp_path / f"{index}.png" for index in range(3)]
    with Manifest(tmp_path) as manifest:
        for result in results:
            result.write_bytes(b"picture")
            manifest.done(Path("photos/\udcff.png"), result, RECIPE | {"photo": result.name})
    data = manifest.path.read_bytes()
    ends = [position for position, byte in enumerate(data) if byte == ord("\n")]
    for cut in range(len(data) + 1):
        manifest.path.write_bytes(data[:cut])
        whole = sum(end <= cut for end in ends)
        with Manifest(tmp_path) as manifest:
            known = [manifest.has(result, RECIPE | {"photo": result.name}) for result in results]
            manifest.failed(Path("x.png"), tmp_path / "x.png", RECIPE, "broken")
        assert known == [index < whole for index in range(3)]
        assert [line["status"] for line in lines(tmp_path)] == ["done"] * whole + ["failed"]


def test_garbled_lines_are_passed_over(tmp_path: Path) -> None:
    result = tmp_path / "0.png"
    result.write_bytes(b"picture")
    with Manifest(tmp_path) as manifest:
        manifest.done(Path("0.png"), result, RECIPE)
    good = manifest.path.read_bytes()
    for bad in (b"\0" * 40, b"[]", b"{}", b'{"status": "done"}', b"null", b"\xff\xfe", b"[" * 100_000):
        manifest.path.write_bytes(bad + b"\n" + good + bad + b"\n")
        with Manifest(tmp_path) as again:
            assert again.has(result, RECIPE | {"stylehub": "2"}), "made by another version, it is the same picture"
            assert not again.has(result, RECIPE | {"weights": "def"})
            assert not again.has(tmp_path / "1.png", RECIPE)


def test_a_folder_that_cannot_be_written_is_one_sentence(
    method: Method, photos: Callable[..., Path], tmp_path: Path
) -> None:
    folder = photos(1)
    (tmp_path / "file").write_text("")
    (tmp_path / "taken" / "manifest.jsonl").mkdir(parents=True)
    for out in (tmp_path / "file" / "out", tmp_path / "taken"):
        with pytest.raises(ImageError, match="cannot be written") as error:
            run_folder(method, [folder], out, style=STYLE)
        assert "\n" not in str(error.value)
    for out in (tmp_path / "x.jpg", "-"):
        with pytest.raises(ImageError, match="is not a folder"):
            run_folder(method, [folder], out, style=STYLE)


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        ({"strength_map": "nowhere.png"}, ImageError, "nowhere.png does not exist"),
        ({"workers": 0}, ParameterError, "'workers' cannot be 0"),
        ({"batch_size": -1}, ParameterError, "'batch_size' cannot be -1"),
        ({"engine": "rya"}, UnknownName, "did you mean ray"),
        ({"style": "nothing"}, UnknownName, "no style 'nothing'"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(
    method: Method,
    photos: Callable[..., Path],
    tmp_path: Path,
    wrong: dict[str, Any],
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        run_folder(method, [photos(1)], tmp_path / "out", **{"style": STYLE, **wrong})
    assert not (tmp_path / "out").exists()


def test_what_a_killed_run_left_behind_is_removed(method: Method, photos: Callable[..., Path], tmp_path: Path) -> None:
    """But not what another run may be writing at this moment."""
    folder, out = photos(1), tmp_path / "out"
    out.mkdir()
    old, new = out / ".stylehub-0123.tmp", out / ".stylehub-4567.tmp"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (0, 0))
    run_folder(method, [folder], out, style=STYLE)
    assert sorted(path.name for path in out.iterdir()) == [new.name, "000.png", "manifest.jsonl"]


def test_progress_and_seconds(method: Method, photos: Callable[..., Path], tmp_path: Path) -> None:
    folder, seen = photos(5), []
    report = run_folder(method, [folder], tmp_path / "out", style=STYLE, progress=lambda *call: seen.append(call))
    assert seen[0] == (0, 5, None)
    assert [done for done, *_ in seen] == [0, 1, 2, 3, 4, 5]
    assert sorted(path for _, _, path in seen[1:]) == sorted(folder.iterdir())
    assert set(report.seconds) == {"decode", "stylise", "encode", "elapsed"}
    assert all(seconds > 0 for seconds in report.seconds.values())
    assert report.seconds["stylise"] <= report.seconds["elapsed"]
    (tmp_path / "out" / "003.png").unlink()
    seen.clear()
    run_folder(method, [folder], tmp_path / "out", style=STYLE, progress=lambda *call: seen.append(call))
    assert seen == [(4, 5, None), (5, 5, folder / "003.png")]


def test_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done before the first picture does not make the run look faster."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace = Pace()
    pace.update(900, 1000)
    assert str(pace) == "0 images/s"
    now = 110.0
    pace.update(920, 1000)
    assert str(pace) == "2 images/s, 0:00:40 left"
    assert not pace.due(30)
    now = 130.0
    assert pace.due(30)
    assert not pace.due(30)


def test_shares_of_a_report() -> None:
    seconds = {"decode": 1.0, "stylise": 8.0, "encode": 1.0, "elapsed": 8.5}
    assert Report(seconds=seconds).shares == "decode 10 %, stylise 80 %, encode 10 %"
    assert Report().shares == "decode 0 %, stylise 0 %, encode 0 %"


def test_the_command(tiny_model: Path, photos: Callable[..., Path], tmp_path: Path) -> None:
    folder, out = photos(3), tmp_path / "out"
    words = ["batch", tiny_model, folder, "--style", STYLE, "-o", out, "--workers", "1", "--batch-size", "2"]
    result = call(*words)
    assert result.exit_code == 0
    assert f"3 written to {out}, 0 existed already, 0 failed" in result.stdout
    assert "images/s: decode" in result.stdout
    report = json.loads(call(*words, "--json").stdout)
    assert len(report["skipped"]) == 3
    assert set(report["seconds"]) == {"decode", "stylise", "encode", "elapsed"}
    assert call(*words[:-1], "0").exit_code == 2


def test_without_ray_one_sentence(
    tiny_model: Path, photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "hub.batch.ray_engine", raising=False)
    result = call("batch", tiny_model, photos(1), "--style", STYLE, "-o", tmp_path / "out", "--engine", "ray")
    assert result.sentence == "The engine 'ray' needs Ray: pip install 'stylehub[scale]'."
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on(method: Method, tiny_model: Path, photos: Callable[..., Path], tmp_path: Path) -> None:
    folder, out = photos(60, (400, 300)), tmp_path / "out"
    words = [sys.executable, "-m", "hub", "batch", str(tiny_model), str(folder), "--style", STYLE, "-o", str(out)]
    process = subprocess.Popen([*words, "--dtype", "float32"], env=os.environ | {"OMP_NUM_THREADS": "1"})
    wait_for(process, out, 5)
    process.kill()
    process.wait()
    there = {path.name: path.read_bytes() for path in out.glob("*.png")}
    assert 5 <= len(there) < 60
    report = run_folder(method, [folder], out, style=STYLE)
    assert not report.failed
    assert {path.name for path in report.skipped} == set(there)
    assert {path.name: path.read_bytes() for path in report.skipped} == there
    assert len(report.written) == 60 - len(there)
    for path in out.glob("*.png"):
        Image.open(path).load()


def wait_for(process: "subprocess.Popen[Any]", out: Path, number: int) -> None:
    limit = time.monotonic() + 240
    while len(list(out.glob("*.png"))) < number:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < limit
        time.sleep(0.02)


SLOW_METHOD = """
import os
import time
from pathlib import Path

from hub.method import Method


class Mirror(Method):
    def setup(self, config, tensors):
        pass

    def stylize(self, content, parameters, progress):
        with Path(os.environ["PIDS"]).open("a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(0.1)
        if os.environ.get("DEADLY") and content.mean() == 1:
            os.kill(os.getpid(), 9)
        return content.flip(3)
"""


@pytest.fixture
def slow_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A method from a folder that takes its time, tells the process it is in, and dies of white pictures if told so."""
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "registry.yaml").write_text(MIRROR_ENTRY)
    (folder / "method.py").write_text(SLOW_METHOD)
    (tmp_path / "pids").touch()
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    return folder


@pytest.mark.slow
def test_a_ray_worker_that_is_killed_loses_nothing(
    slow_method: Path, photos: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    folder, out, pids = photos(40, (32, 24), (48, 40)), tmp_path / "out", tmp_path / "pids"
    (folder / "007.png").write_text("no picture")
    words = [sys.executable, "-m", "hub", "batch", str(slow_method), str(folder), "--trust", "-o", str(out), "--json"]
    process = subprocess.Popen(
        [*words, "--engine", "ray", "--workers", "2", "--batch-size", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_for(process, out, 6)
    os.kill(int(pids.read_text().split()[-1]), signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=240)
    report = json.loads(stdout)  # nothing else is printed
    assert stderr == b""
    assert len(set(pids.read_text().split())) == 3, "two workers, and the one that was started again"
    assert [Path(path).name for path in report["failed"]] == ["007.png"]
    assert [Path(path).name for path in report["written"]] == [f"{n:03}.png" for n in range(40) if n != 7]
    assert report["seconds"]["stylise"] > 0
    assert len(lines(out)) == 40
    for path in report["written"]:
        assert np.array_equal(pixels(Path(path)), pixels(folder / Path(path).name)[:, ::-1])
    local = run_folder(hub.load(slow_method, trust=True, device="cpu"), [folder], out)
    assert (len(local.skipped), len(local.failed)) == (39, 1), "the engines agree on what is done"


@pytest.mark.slow
def test_a_photo_that_kills_ray_workers_ends(
    slow_method: Path, photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    folder = photos(8)
    Image.new("RGB", (48, 40), "white").save(folder / "004.png")
    monkeypatch.setenv("DEADLY", "1")
    method = hub.load(slow_method, trust=True, device="cpu")
    report = run_folder(method, [folder], tmp_path / "out", engine="ray", workers=2)
    assert [path.name for path in report.failed] == ["004.png"]
    assert "its worker process died" in report.failed[folder / "004.png"]
    assert len(report.written) == 7
    assert [line["status"] for line in lines(tmp_path / "out")].count("failed") == 1
