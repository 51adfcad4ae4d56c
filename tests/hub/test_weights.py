"""Weights: the real hub client against a fake hub on loopback, and safetensors files of every bad kind."""

import errno
import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import huggingface_hub.file_download
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import save
from torch import nn

import hub.weights.finding
from hub.errors import DownloadError, WeightsError
from hub.weights import WeightsSpec
from tests.support import loopback_hub as lh
from tests.support.paths import ROOT

REPOSITORY, COMMIT, OTHER = "owner/name", "1" * 40, "2" * 40
DATA = save({"weight": torch.arange(5000, dtype=torch.float32)}, {"format": "pt"})
SHA = hashlib.sha256(DATA).hexdigest()
FOLDER = "methods/tiny/weights"
pytestmark = pytest.mark.usefixtures("quick_client")


@pytest.fixture
def server() -> Iterator[lh.LoopbackHub]:
    with lh.LoopbackHub() as running:
        running.add(REPOSITORY, COMMIT, {"model.safetensors": DATA, "config.json": b"{}"})
        yield running


def spec(**changes: Any) -> WeightsSpec:
    facts = {"repo_id": REPOSITORY, "revision": COMMIT, "sha256": SHA, "bytes": len(DATA), "license": "mit"}
    return WeightsSpec(**(facts | changes))


def find(server: lh.LoopbackHub, tmp_path: Path, entry: WeightsSpec | None = None, **options: Any) -> Path:
    options = {"root": None, "cache_dir": tmp_path / "cache", "endpoint": server.url} | options
    return hub.weights.find_weights(entry or spec(), **options)


def blobs(tmp_path: Path) -> list[Path]:
    return [
        path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.stat().st_size >= len(DATA) // 2
    ]


def bundle(root: Path, data: bytes = DATA) -> Path:
    path = root / FOLDER / "model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return path


# --- Downloads


def test_download_then_no_request_at_all(server: lh.LoopbackHub, tmp_path: Path) -> None:
    assert find(server, tmp_path).read_bytes() == DATA
    assert (server.count("HEAD"), server.count("GET")) == (1, 1)
    assert "stylehub/" in server.requests[-1][2]["user-agent"]
    assert find(server, tmp_path).read_bytes() == DATA
    assert server.count() == 2


def test_a_dropped_connection_is_resumed(
    server: lh.LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The client resumes from its last whole chunk of 10 MB: a smaller file would simply start again.
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1024)
    server.drop = 1
    assert find(server, tmp_path).read_bytes() == DATA
    assert server.count("GET") == 2
    start = int(server.requests[-1][2]["range"].removeprefix("bytes=").rstrip("-"))
    assert 0 < start < len(DATA)


def test_a_connection_that_always_drops(server: lh.LoopbackHub, tmp_path: Path) -> None:
    server.drop = 1000
    with pytest.raises(DownloadError, match=r"owner/name could not be downloaded: .*try again"):
        find(server, tmp_path)
    assert not blobs(tmp_path)


def test_offline_uses_the_cache_without_a_request(server: lh.LoopbackHub, tmp_path: Path) -> None:
    path = find(server, tmp_path)
    assert find(server, tmp_path, offline=True) == path
    assert server.count() == 2


def test_offline_without_the_file_names_the_flag(server: lh.LoopbackHub, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="drop --offline"):
        find(server, tmp_path, offline=True)
    assert server.count() == 0


def test_offline_by_environment(server: lh.LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="unset HF_HUB_OFFLINE"):
        find(server, tmp_path)
    assert server.count() == 0


def test_a_mirror_serves_as_well(server: lh.LoopbackHub, tmp_path: Path) -> None:
    server.refuse = lh.REPOSITORY_404
    with lh.LoopbackHub() as mirror:
        mirror.add(REPOSITORY, COMMIT, {"model.safetensors": DATA})
        assert find(mirror, tmp_path).read_bytes() == DATA
    assert server.count() == 0


def test_corrupted_once_is_fetched_once_more(server: lh.LoopbackHub, tmp_path: Path) -> None:
    server.corrupt = 1
    assert find(server, tmp_path).read_bytes() == DATA
    assert server.count("GET") == 2


def test_corrupted_twice_names_both_hashes_and_leaves_nothing(server: lh.LoopbackHub, tmp_path: Path) -> None:
    server.corrupt = 9
    with pytest.raises(WeightsError) as caught:
        find(server, tmp_path)
    wrong = hashlib.sha256(DATA[:-1] + bytes([DATA[-1] ^ 1])).hexdigest()
    assert wrong in str(caught.value)
    assert SHA in str(caught.value)
    assert REPOSITORY in str(caught.value)
    assert server.count("GET") == 2
    assert not blobs(tmp_path)
    assert not list((tmp_path / "cache").rglob("snapshots/*/*"))


def test_another_size_than_the_registry_says(server: lh.LoopbackHub, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"20,\d\d\d bytes with sha256 .* instead of 7 bytes"):
        find(server, tmp_path, spec(bytes=7))
    assert not blobs(tmp_path)


def test_a_cached_file_that_went_bad_is_replaced(server: lh.LoopbackHub, tmp_path: Path) -> None:
    path = find(server, tmp_path)
    path.resolve().write_bytes(b"x" * len(DATA))
    assert find(server, tmp_path).read_bytes() == DATA
    assert server.count("GET") == 2


def test_a_link_out_of_the_cache_is_removed_but_not_its_target(server: lh.LoopbackHub, tmp_path: Path) -> None:
    path = find(server, tmp_path)
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(b"mine")
    path.unlink()
    path.symlink_to(mine)
    assert find(server, tmp_path).read_bytes() == DATA
    assert mine.read_bytes() == b"mine"


def test_a_truncated_body(server: lh.LoopbackHub, tmp_path: Path) -> None:
    server.truncate = True
    with pytest.raises(DownloadError, match="should be of size"):
        find(server, tmp_path)
    assert not blobs(tmp_path)


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        (lh.UNAUTHORISED, "check the name of the repository and pass a valid token="),
        (lh.BAD_TOKEN, "pass a valid token="),
        ((403, {}), "pass a valid token="),
        (lh.GATED, "accept the terms at https://huggingface.co/owner/name"),
        ((401, {"X-Error-Code": "GatedRepo"}), "accept the terms"),
        (lh.REPOSITORY_404, "does not have this repository"),
        (lh.REVISION_404, f"no commit {COMMIT}"),
        (lh.ENTRY_404, "does not have this file"),
        ((404, {}), "answered with status 404"),
        (lh.BROKEN, "answered with status 500"),
        ((200, {}), "does not answer like a Hugging Face hub"),
    ],
)
def test_refusals_say_what_to_do(
    server: lh.LoopbackHub, tmp_path: Path, refusal: tuple[int, dict[str, str]], advice: str
) -> None:
    server.refuse = refusal
    with pytest.raises(DownloadError, match=advice) as caught:
        find(server, tmp_path)
    assert "model.safetensors of owner/name" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_repository_revision_and_entry(server: lh.LoopbackHub, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="does not have this repository"):
        find(server, tmp_path, spec(repo_id="owner/other"))
    with pytest.raises(DownloadError, match="has no commit"):
        find(server, tmp_path, spec(revision=OTHER))
    with pytest.raises(DownloadError, match="does not have this file"):
        find(server, tmp_path, spec(filename="sub/none.safetensors"))


def test_a_dead_port(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9 is unreachable"):
        hub.weights.find_weights(spec(), root=None, cache_dir=tmp_path, endpoint="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "no space is left"), (errno.EROFS, "cache cannot be written")]
)
def test_a_disk_that_does_not_take_it(
    server: lh.LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(huggingface_hub.file_download, "http_get", fail)
    with pytest.raises(DownloadError, match=advice):
        find(server, tmp_path)


def test_the_token_is_sent(server: lh.LoopbackHub, tmp_path: Path) -> None:
    server.token = "hf_secret"
    with pytest.raises(DownloadError, match="pass token="):
        find(server, tmp_path)
    assert find(server, tmp_path, token="hf_secret").read_bytes() == DATA
    with pytest.raises(DownloadError, match="needs a saved token"):
        find(server, tmp_path, token=True, cache_dir=tmp_path / "another")


@pytest.mark.parametrize("revision", ["main", "v1.0", COMMIT[:7], COMMIT + "\n", "A" * 40, "../" + COMMIT])
def test_a_revision_that_can_change_is_refused(server: lh.LoopbackHub, tmp_path: Path, revision: str) -> None:
    with pytest.raises(WeightsError, match="a branch or tag can change"):
        find(server, tmp_path, revision=revision)
    with pytest.raises(WeightsError, match="a branch or tag can change"):
        hub.weights.fetch_repository(REPOSITORY, revision, ["config.json"], endpoint=server.url)
    assert server.count() == 0


def test_another_commit_goes_without_the_pinned_hash(server: lh.LoopbackHub, tmp_path: Path) -> None:
    bundle(tmp_path)
    server.add(REPOSITORY, OTHER, {"model.safetensors": b"other"})
    path = find(server, tmp_path, spec(folder=FOLDER), root=tmp_path, revision=OTHER)
    assert path.read_bytes() == b"other"
    assert find(server, tmp_path, revision=OTHER) == path
    assert server.count("GET") == 1


def test_a_repository_as_a_folder(server: lh.LoopbackHub, tmp_path: Path) -> None:
    server.add(REPOSITORY, COMMIT, {"sub/notes.txt": b"text"})
    names = ["config.json", "model.safetensors", "sub/notes.txt"]
    folder = hub.weights.fetch_repository(REPOSITORY, COMMIT, names, cache_dir=tmp_path, endpoint=server.url)
    assert (folder / "config.json").read_bytes() == b"{}"
    assert (folder / "sub/notes.txt").read_bytes() == b"text"
    made = server.count()
    again = hub.weights.fetch_repository(REPOSITORY, COMMIT, names, cache_dir=tmp_path, offline=True)
    assert (again, server.count()) == (folder, made)


@pytest.mark.parametrize(("repository", "name"), [("a b/c", "x"), ("a--b/c", "x"), ("a/b/c", "x"), ("a/b", "../x")])
def test_malformed_names_never_reach_the_network(
    server: lh.LoopbackHub, tmp_path: Path, repository: str, name: str
) -> None:
    with pytest.raises(DownloadError, match="could not be downloaded"):
        hub.weights.fetch_repository(repository, COMMIT, [name], cache_dir=tmp_path, endpoint=server.url)
    assert server.count() == 0


# --- The registry's entry, the bundled copy, the stamps


@pytest.mark.parametrize(
    "changes",
    [
        *({"filename": f"{name}.safetensors"} for name in ("../a", "/a", "a\\b", "C:/a", "a/../b", "", "a//b", "./a")),
        *({"filename": name} for name in ("", "a.pth", "a.safetensors\n", "a.safetensors/")),
        *({"folder": name} for name in ("../x", "/x", "x\\y", "C:x", "x/..", "x/../y", "./x", "", "x/")),
        *({"revision": name} for name in ("main", "1" * 39, "A" * 40, "g" * 40, COMMIT + "\n")),
        *({"sha256": name} for name in ("1" * 63, "A" * 64, "")),
        *({"repo_id": name} for name in ("name", "a/b/c", "../b", "a b/c", "/b", "https://x/y")),
        {"bytes": 0},
        {"bytes": -1},
        {"license": ""},
        {"surprise": 1},
        {"repo_id": None},
    ],
)  # fmt: skip
def test_malformed_entries_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(**changes)


def test_an_entry_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        spec().sha256 = "0" * 64  # type: ignore[misc]


def test_the_bundled_copy_needs_no_request(server: lh.LoopbackHub, tmp_path: Path) -> None:
    path = bundle(tmp_path)
    assert find(server, tmp_path, spec(folder=FOLDER), root=tmp_path) == path
    assert find(server, tmp_path, spec(folder=FOLDER, revision=None), root=tmp_path) == path
    assert find(server, tmp_path, spec(folder=FOLDER, revision=None, repo_id=None), root=tmp_path) == path
    assert server.count() == 0


def test_the_cache_comes_before_the_bundled_copy_before_the_hub(server: lh.LoopbackHub, tmp_path: Path) -> None:
    entry = spec(folder=FOLDER)
    cached = find(server, tmp_path, entry, root=tmp_path)
    bundle(tmp_path)
    assert find(server, tmp_path, entry, root=tmp_path) == cached


def test_a_damaged_installation(server: lh.LoopbackHub, tmp_path: Path) -> None:
    path = bundle(tmp_path, b"damaged")
    with pytest.raises(
        WeightsError, match=r"is damaged, or not the file of its entry: it has .* Install .* again; your own weights"
    ) as caught:
        find(server, tmp_path, spec(folder=FOLDER), root=tmp_path)
    assert SHA in str(caught.value)
    assert path.exists()


def test_a_repository_that_does_not_exist_yet(server: lh.LoopbackHub, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"owner/name .*does not exist on the hub yet"):
        find(server, tmp_path, spec(revision=None))
    with pytest.raises(WeightsError, match=r"does not exist on the hub yet; the bundled .* is missing, so install"):
        find(server, tmp_path, spec(revision=None, folder=FOLDER), root=tmp_path)
    assert server.count() == 0


@pytest.mark.parametrize("own_cache", [True, False])
def test_a_file_is_hashed_once_until_it_changes(
    server: lh.LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: bool
) -> None:
    path, hashed = bundle(tmp_path), []
    entry, options = spec(folder=FOLDER, revision=None), {"root": tmp_path}
    if not own_cache:
        options["cache_dir"] = None
    monkeypatch.setattr(
        hub.weights.finding, "sha256_of", lambda p: hashed.append(p) or hashlib.sha256(p.read_bytes()).hexdigest()
    )
    for _ in range(3):
        find(server, tmp_path, entry, **options)
    assert hashed == [path]
    assert bool(list((tmp_path / "user-cache").rglob("*"))) is not own_cache
    path.write_bytes(b"y" * len(DATA))
    os.utime(path, ns=(1, 1))
    with pytest.raises(WeightsError, match="damaged"):
        find(server, tmp_path, entry, **options)


def test_a_stamp_that_cannot_be_written_is_no_trouble(
    server: lh.LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert find(server, tmp_path, spec(folder=FOLDER, revision=None), root=bundle(tmp_path).parents[3], cache_dir=None)


def test_nothing_heavy_is_imported() -> None:
    code = "import hub.weights, sys; print(*{'torch', 'safetensors', 'huggingface_hub'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (out.stdout.strip(), out.returncode) == ("", 0), out.stderr


# --- safetensors


def refused(path: Path, data: bytes, match: str = "safetensors") -> None:
    path.write_bytes(data)
    for read in (hub.weights.read_safetensors, hub.weights.read_metadata):
        with pytest.raises(WeightsError, match=match) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_bad_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    header = int.from_bytes(DATA[:8], "little")
    refused(path, b"", "is empty")
    for cut in (1, 7, 8, 9, 8 + header // 2, 8 + header, 9 + header, len(DATA) - 1):
        refused(path, DATA[:cut], "cut off")
    refused(path, DATA + b"x", "damaged")
    refused(path, (2**60).to_bytes(8, "little") + DATA[8:], "header")
    refused(path, (20_000_000).to_bytes(8, "little") + b"{" + b" " * 20_000_000, "header")
    refused(path, pickle.dumps({"weight": [1.0]}), "pickle")
    torch.save({"weight": torch.ones(2)}, path)
    refused(path, path.read_bytes(), "pickle")
    with pytest.raises(WeightsError, match=r"none\.safetensors cannot be read"):
        hub.weights.read_safetensors(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match="cannot be read"):
        hub.weights.read_safetensors(tmp_path)
    with pytest.raises(WeightsError, match="cannot be read"):
        hub.weights.sha256_of(tmp_path / "none.safetensors")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.binary(max_size=64), st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=3))
def test_random_bytes_never_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, changes: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.safetensors"
    refused(path, noise)
    damaged = bytearray(DATA)
    for position, value in changes:
        damaged[position] = value
    path.write_bytes(damaged)
    try:
        hub.weights.read_safetensors(path)
    except WeightsError as error:
        assert str(path) in str(error)


def test_a_header_whose_length_looks_like_a_pickle(tmp_path: Path) -> None:
    for padding in range(400, 800, 8):
        data = save({"w": torch.ones(1)}, {"note": "x" * padding})
        if data[:2] == b"\x80\x02":
            break
    assert data[:2] == b"\x80\x02"
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    assert hub.weights.read_safetensors(path)["w"] == 1


def test_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.safetensors"
    base = torch.arange(6.0)
    parameter = nn.Parameter(torch.ones(2, dtype=torch.float16))
    tensors = {
        "a": base,
        "b": base,
        "part": base[2:4],
        "t": base.view(2, 3).t(),
        "p": parameter,
        "empty": torch.ones(0),
    }
    hub.weights.write_safetensors(path, tensors, {"name": "x", "format": "np"})
    back = hub.weights.read_safetensors(path)
    assert all(torch.equal(back[name], tensor) for name, tensor in tensors.items())
    assert back["p"].dtype == torch.float16
    assert hub.weights.read_metadata(path) == {"name": "x", "format": "pt"}
    hub.weights.write_safetensors(path, {})
    assert hub.weights.read_metadata(path) == {"format": "pt"}
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    ("function", "error", "expected"),
    [
        ("fsync", OSError(errno.ENOSPC, "No space left on device"), WeightsError),
        ("replace", PermissionError(errno.EACCES, "Permission denied"), WeightsError),
        ("fsync", KeyboardInterrupt(), KeyboardInterrupt),
        ("replace", KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, error: BaseException, expected: type[BaseException]
) -> None:
    path = tmp_path / "x.safetensors"
    hub.weights.write_safetensors(path, {"w": torch.ones(3)})
    old = path.read_bytes()

    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(expected):
        hub.weights.write_safetensors(path, {"w": torch.zeros(3)})
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match="could not be written"):
        hub.weights.write_safetensors(tmp_path / "file" / "x.safetensors", {"w": torch.ones(1)})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite(value: float) -> None:
    fine = {"whole": torch.tensor([1]), "half": torch.ones(2, dtype=torch.bfloat16)}
    hub.weights.check_finite(fine, Path("x"))
    with pytest.raises(WeightsError, match=r"file\.safetensors .*'bad'"):
        hub.weights.check_finite(fine | {"bad": torch.tensor([0.0, value])}, Path("file.safetensors"))


def test_weights_that_fit_are_converted() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    tensors = {name: torch.ones_like(tensor).half() for name, tensor in module.state_dict().items()}
    hub.weights.load_strict(module, tensors, "x")
    assert module[0].weight.dtype == torch.float32
    assert all((tensor == 1).all() for tensor in module.state_dict().values())


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"weight": None}, "missing: weight"),
        ({"more": torch.ones(1)}, "unexpected: more"),
        ({f"more{i}": torch.ones(1) for i in range(5)}, "more0, more1, more2 and 2 more"),
        ({"weight": torch.ones(3, 2)}, r"wrong shape: weight \(3, 2\) instead of \(2, 3\)"),
        ({"bias": torch.tensor([0.0, float("nan")])}, "NaN or infinity in its tensor 'bias'"),
        ({"bias": torch.tensor([0.0, 1e300], dtype=torch.float64)}, "NaN or infinity in its tensor 'bias'"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(changes: dict[str, torch.Tensor | None], match: str) -> None:
    module = nn.Linear(3, 2)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    given_tensors = {"weight": torch.zeros(2, 3), "bias": torch.zeros(2)} | changes
    with pytest.raises(WeightsError, match=match):
        hub.weights.load_strict(module, {k: v for k, v in given_tensors.items() if v is not None}, "some file")
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
