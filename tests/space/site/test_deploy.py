"""The site in containers: what deploy/ says holds for this code, and the proxy's configuration works with a browser."""

import getpass
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from string import Template
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")
pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")

from hub.files import example_photo
from space.jobs.service import Service
from space.site.place import Place
from space.site.settings import PREFIX, gather
from tests.support.paths import ROOT
from tests.support.site import free_port, settings, until
from tools.browser import CHROMIUM, FLAGS, open_page, painted, visible

DEPLOY = ROOT / "deploy"
ROOT_PATH = "/style"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found


def test_the_settings_are_settings(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("web", "worker"):
        with monkeypatch.context() as patch:
            for variable, value in variables(services[name]).items():
                patch.setenv(variable, value)
            chosen = gather()
        given = {variable.removeprefix(PREFIX).lower() for variable in services[name]["environment"]} - {
            "forwarded_allow_ips"
        }
        assert given <= set(type(chosen).model_fields)
        assert (chosen.workers, chosen.gallery, chosen.mails, chosen.accounts) == (0, True, False, None)
    assert services["web"]["environment"]["STYLEHUB_ROOT_PATH"] == services["proxy"]["environment"]["ROOT_PATH"]


def test_it_is_all_there(services: dict[str, Any]) -> None:
    for volume in services["proxy"]["volumes"]:
        assert list((DEPLOY / volume.partition(":")[0]).glob("*.template"))
    copied = re.findall(r"^!(\S+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert all((ROOT / name).exists() for name in copied)
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *(source.partition("/")[0] for source in wheel["force-include"])}
    assert needed | {"pyproject.toml", "README.md", "LICENSE"} <= set(copied)


def variables(service: dict[str, Any]) -> dict[str, str]:
    """The environment of ``service``, where nobody has given another."""
    return {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in service["environment"].items()}


@pytest.mark.slow
def test_its_commands_as_processes(services: dict[str, Any], tmp_path: Path) -> None:
    """The web, two workers and Redis, each with the command and the variables of compose.yaml; Redis dies and comes back."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    from gradio_client import Client, handle_file

    here = {"redis:6379": f"127.0.0.1:{free_port()}", "/data": str(tmp_path), "7860": str(free_port())}
    here["0.0.0.0"] = "127.0.0.1"

    def started(name: str, *words: str, more: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
        given = variables(services[name]) if "environment" in services[name] else {}
        given.pop("STYLEHUB_ROOT_PATH", None)  # no proxy is before it
        for there, value in here.items():
            given = {key: text.replace(there, value) for key, text in given.items()}
        return subprocess.Popen([*words, *services[name]["command"], *more], cwd=ROOT, env={**os.environ, **given})

    stylehub = (sys.executable, "-m", "hub")
    assert re.search(r'^ENTRYPOINT \["stylehub"\]$', (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    port = here["redis:6379"].rpartition(":")[2]
    at = ["--port", port, "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    redis = started("redis", more=at)
    running = [redis, started("web", *stylehub), *(started("worker", *stylehub) for _ in range(2))]
    address = f"http://127.0.0.1:{here['7860']}/"

    def answers() -> Any:
        with suppress(httpx.TransportError):
            return httpx.get(address + "health").json()

    try:
        until(lambda: (answers() or {}).get("status") == "ok", 300)
        client = Client(address, verbose=False)
        values = {
            "photos": None,
            "pictures": None,
            "email": "",
            "token": "",
            "parameters": {"style": "udnie", "size": 64},
        }
        photo = handle_file(str(example_photo()))
        for number in range(2):
            job = client.predict(model="cin-25styles-lite", photo=photo, **values, api_name="/submit")["job"]
            until(lambda job=job: client.predict(job=job, api_name="/status")["state"] == "done", 300)  # type: ignore[misc]
            if not number:
                redis.kill()
                redis.wait()
                running.append(started("redis", more=at))  # restart: unless-stopped
    finally:
        for process in reversed(running):
            process.terminate()
        statuses = [process.wait(60) for process in running]
    assert statuses[1:4] == [0, 0, 0]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The site, and nginx before it with the configuration of deploy/."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    from space.app import serve

    folder = tmp_path_factory.mktemp("proxy")
    service = Service(Place(settings(folder / "data", gallery=True)))
    demo, address = serve(block=False, service=service, root_path=ROOT_PATH)
    port = free_port()
    values = {"LISTEN": f"127.0.0.1:{port}", "WEB": address.removeprefix("http://").rstrip("/"), "ROOT_PATH": ROOT_PATH}
    server = Template((DEPLOY / "nginx" / "site.conf.template").read_text()).safe_substitute(values)
    scratch = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    types = "" if not Path("/etc/nginx/mime.types").exists() else "include /etc/nginx/mime.types;"
    (folder / "nginx.conf").write_text(
        f"user {getpass.getuser()}; pid {folder}/pid; daemon off; error_log {folder}/errors;\nevents {{}}\n"
        f"http {{ {types} access_log off;\n{scratch}{server} }}\n"
    )
    nginx = subprocess.Popen(
        ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]
    )
    outside = f"http://127.0.0.1:{port}{ROOT_PATH}/"

    def up() -> bool:
        try:
            return httpx.get(outside + "health").status_code == 200
        except httpx.TransportError:
            assert nginx.poll() is None, (folder / "errors").read_text()
            return False

    until(up)
    yield SimpleNamespace(address=outside, service=service)
    nginx.terminate()
    nginx.wait()
    demo.close()


@pytest.mark.slow
def test_under_a_root_path(proxied: Any) -> None:
    top = proxied.address.removesuffix("/")
    assert httpx.get(top).headers["location"].endswith("/style/")
    assert httpx.get(proxied.address + "metrics").status_code == 404
    assert ROOT_PATH in httpx.get(proxied.address + "config").json()["root"]


@pytest.mark.slow
def test_visitors_are_told_apart(proxied: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the address that the proxy sees, whatever they write into the header."""
    from gradio_client import Client, handle_file

    seen: list[str | None] = []
    monkeypatch.setattr(type(proxied.service.place.visitors), "of", lambda self, host: seen.append(host) or "visitor")
    photo = handle_file(str(example_photo()))
    values = {"photos": None, "pictures": None, "email": "", "token": "", "parameters": {"style": "udnie"}}
    for claimed in ("192.0.2.1", "192.0.2.2"):
        client = Client(proxied.address, verbose=False, headers={"X-Forwarded-For": claimed})
        client.predict(model="cin-25styles-lite", photo=photo, **values, api_name="/submit")
    assert seen == ["127.0.0.1", "127.0.0.1"]


@pytest.mark.slow
def test_the_page_behind_the_proxy(proxied: Any, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    photo = tmp_path / "holiday.png"
    Image.open(example_photo()).resize((180, 120)).save(photo)
    foreign: list[str] = []
    broken: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = open_page(browser, proxied.address, foreign, viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(120_000)
        page.on("response", lambda r: broken.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        example = painted(page, [])
        page.locator("#photo input[type=file]").first.set_input_files(photo)
        own = painted(page, example)
        visible(page, ".wall button[data-name=hokusai-great-wave]").click()
        painted(page, own)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download", exact=True).click()
        download.value.save_as(tmp_path / "painted.jpg")
        browser.close()
    assert Image.open(tmp_path / "painted.jpg").size == (180, 120)
    assert not foreign, foreign
    assert not broken, broken
