"""What a machine may lack: a home, a disk to write on, letters for a name, a way around the proxy."""

import os
import pwd
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

import hub
from hub.checking.importing import imports
from hub.cli.stylize import _check_targets, _jobs
from hub.errors import ImageError
from hub.files import fitting, free_name, user_cache, user_data
from hub.images import find_images, read_image
from hub.provenance import command, read_recipe
from hub.scaffold import new
from methods.parts import matting
from tests.support.command import call


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for folder in (user_cache(), user_data()):
        assert folder.is_absolute()
        assert not list(folder.glob("*"))
        with pytest.raises(OSError):
            folder.mkdir(parents=True)


PRINTED = """
from hub.cli.console import print_json, show_every_name
show_every_name()
print("漢字 caf\\udce9 é")
print_json(["漢字", "caf\\udce9"])
"""


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8:strict", "漢字 ".encode() + b"caf\xe9 " + "é".encode()), ("cp1252", b"\\u6f22\\u5b57 caf\xe9 \xe9"), ("ascii", b"\\u6f22\\u5b57 caf\xe9 \\xe9")],
)  # fmt: skip
def test_names_that_a_terminal_cannot_show(encoding: str, name: bytes) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", PRINTED], env=environment, capture_output=True, check=True)
    first, rest = done.stdout.split(b"\n", 1)
    assert first == name
    assert b"\\udce9" in rest, "JSON stays JSON"


def test_a_folder_whose_name_is_no_text(tmp_path: Path, tiny_model: Path, photo: Image.Image) -> None:
    """A method and weights in it, the check of its imports, and the command of a picture work as elsewhere."""
    place = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        place.mkdir()
    except OSError:
        pytest.skip("this file system takes text only")
    ink = new(place / "ink", weights=True)
    method = hub.load(ink, trust=True, device="cpu")
    imports(method.entry)
    assert call("info", ink, "--trust").exit_code == 0
    shutil.copytree(tiny_model, place / "weights")
    there = hub.load(place / "weights", device="cpu", styles=[])(photo, style="senecio")
    assert there.tobytes() == hub.load(tiny_model, device="cpu", styles=[])(photo, style="senecio").tobytes()
    hub.save(there, place / "a.png")
    assert shlex.quote(str(place / "weights")) in command(read_recipe(place / "a.png") or {})
    control = place / "x\x1b.safetensors"
    shutil.copy(tiny_model / "model.safetensors", control)
    assert hub.load(control, device="cpu", styles=[]).entry.model.title == "x?"


def test_names_that_are_too_long(tmp_path: Path) -> None:
    for letter in ("x", "漢"):
        photo = tmp_path / f"{letter * (240 // len(letter.encode()))}.png"
        photo.write_bytes(b"")
        ((_, target),) = _jobs([str(photo)], str(tmp_path / "out") + "/", False, "picabia-udnie", None).items()
        assert len(os.fsencode(target.name)) <= 255
        assert target.suffix == ".png"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(b"")
        assert len(os.fsencode(free_name(target).name)) <= 255
        assert free_name(target) != target
    with pytest.raises(ImageError, match="too long for a file; choose a shorter one"):
        _check_targets({None: tmp_path / f"{'x' * 300}.png"}, False, False)
    assert fitting(Path("a/photo.png")) == Path("a/photo.png")


@pytest.mark.parametrize(
    "address", ["https://example.org/a.jpg", "HTTP://example.org/a.jpg?b=*", "data:image/png;base64,AAAA"]
)
def test_an_address_is_no_photo(address: str) -> None:
    for read in (read_image, lambda name: find_images([name])):
        with pytest.raises(ImageError, match="is an address, and stylehub fetches no pictures; download it"):
            read(address)


def test_the_matting_laplacian_without_a_folder_for_its_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only disk; numba then refuses to cache, and pymatting asks it to."""
    dispatcher = pytest.importorskip("numba.core.dispatcher").Dispatcher
    wanted = matting._cf_laplacian()

    def refuse(_: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(dispatcher, "enable_caching", refuse)
    for name in [name for name in sys.modules if name.startswith("pymatting")]:
        monkeypatch.delitem(sys.modules, name)
    assert matting._cf_laplacian().__name__ == wanted.__name__


def test_local_addresses_go_around_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    bypass_proxy = pytest.importorskip("space.app").bypass_proxy
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "intranet.example")
    monkeypatch.setenv("NO_PROXY", "")
    assert not urllib.request.proxy_bypass("127.0.0.1")
    bypass_proxy("192.168.0.7")
    for host in ("127.0.0.1", "localhost", "192.168.0.7", "intranet.example"):
        assert urllib.request.proxy_bypass(host)
    assert not urllib.request.proxy_bypass("example.org")
