"""A site's endpoints, called as a program calls them."""

import ast
import asyncio
import base64
import io
import shutil
import zipfile
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")
pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")

from gradio_client import Client, handle_file

from hub.loading import load
from hub.provenance import read_recipe
from space.jobs.service import Service
from space.jobs.worker import Worker
from space.site.place import Place
from tests.support.app import OUTSIDE, refused
from tests.support.pictures import encoded
from tests.support.site import settings

NAMES = {"/submit", "/status", "/result", "/jobs", "/cancel", "/share", "/unshare", "/gallery", "/gallery_picture"}
QUICK = {"style": "starry-night", "size": 64}
MODEL = "cin-25styles-lite"


class Served:
    """The app with a site behind it, and a worker that the test runs."""

    def __init__(self, folder: Path) -> None:
        from space import app

        chosen = settings(folder, gallery=True, workers=0, jobs_each=1000, zip_files=3)
        self.service = Service(Place(chosen))
        self.worker = Worker(chosen, load)
        mcp = find_spec("mcp") is not None
        self.demo, self.address = app.serve(block=False, mcp=mcp, service=self.service)
        patient = {"timeout": 120}
        self.client = Client(
            self.address, verbose=False, download_files=str(folder / "downloads"), httpx_kwargs=patient
        )

    def ask(self, name: str, **values: Any) -> Any:
        return self.client.predict(api_name=f"/{name}", **values)

    def done(self, photo: Any, token: str = "", **parameters: Any) -> dict[str, str]:
        """A finished job."""
        job: dict[str, str] = self.ask("submit", model=MODEL, photo=photo, parameters=QUICK | parameters, token=token)
        self.worker.work()
        return job


def test_they_are_listed(site: Served) -> None:
    described = site.demo.get_api_info()["named_endpoints"]
    assert set(described) >= NAMES
    assert all(described[name]["description"] for name in NAMES)


def test_a_job(site: Served, photo_at: Any, photo_file: Path) -> None:
    values = {"pictures": None, "photos": None, "email": "", "token": ""}
    job = site.ask("submit", model=MODEL, photo=photo_at, parameters=QUICK, **values)
    status = site.ask("status", job=job["job"])
    assert (status["state"], status["place"], status["mail"]) == ("queued", 1, "none")
    site.worker.work()
    assert site.ask("status", job=job["job"])["state"] == "done"
    path = Path(site.ask("result", job=job["job"]))
    assert path.name == "photo-painted.png"
    assert Image.open(path).size == Image.open(photo_file).size
    recipe = read_recipe(path)
    assert recipe is not None
    assert (recipe["model"], recipe["photo"]) == (MODEL, "photo.png")
    assert recipe["parameters"]["style"] == "van-gogh-starry-night"
    again = site.done(photo_at, token=job["token"])
    assert [found["job"] for found in site.ask("jobs", token=job["token"])] == [again["job"], job["job"]]


def test_paintings_are_uploaded(site: Served, photo_at: Any) -> None:
    values = {"photos": None, "email": "", "token": ""}
    parameters = {"iterations": 1, "size": 64}
    job = site.ask("submit", model="gatys", photo=photo_at, pictures=[photo_at], parameters=parameters, **values)
    folder = site.service.place.folders.path(job["job"])
    assert {path.name for path in folder.iterdir()} == {"photo.png", "style-0.png", "request.json"}
    assert site.ask("cancel", job=job["job"], token=job["token"])
    assert site.ask("status", job=job["job"])["state"] == "cancelled"


def test_a_zip(site: Served, tmp_path: Path) -> None:
    def zipped(count: int) -> Any:
        with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
            for number in range(count):
                file.writestr(f"{number}.jpg", encoded(Image.new("RGB", (64, 48), "red"), "jpeg"))
        return handle_file(str(tmp_path / "photos.zip"))

    values = {"photo": None, "pictures": None, "email": "", "token": "", "parameters": QUICK, "model": MODEL}
    job = site.ask("submit", photos=[zipped(2)], **values)
    site.worker.work()
    with zipfile.ZipFile(io.BytesIO(Path(site.ask("result", job=job["job"])).read_bytes())) as file:
        assert sorted(file.namelist()) == ["0.jpg", "1.jpg"]
    assert "more than 3 pictures" in refused(site.client, "/submit", photos=[zipped(4)], **values)
    assert "cannot be shared" in refused(site.client, "/share", **job)


def test_photos_without_a_zip(site: Served, tmp_path: Path) -> None:
    """As a folder gives them: the same name twice, and what is no photo."""
    files = []
    for folder, name in (("a", "one.jpg"), ("b", "one.jpg"), ("b", "notes.txt")):
        (tmp_path / folder).mkdir(exist_ok=True)
        color = (200, 10, 10) if folder == "a" else (10, 10, 200)
        (tmp_path / folder / name).write_bytes(encoded(Image.new("RGB", (64, 48), color), "jpeg"))
        files.append(handle_file(str(tmp_path / folder / name)))
    values = {"photo": None, "pictures": None, "email": "", "token": "", "parameters": QUICK, "model": MODEL}
    job = site.ask("submit", photos=files, **values)
    site.worker.work()
    with zipfile.ZipFile(site.ask("result", job=job["job"])) as file:
        assert sorted(file.namelist()) == ["one-2.jpg", "one.jpg"]
    assert "no picture among these files" in refused(site.client, "/submit", photos=[files[2]], **values)
    assert "more than 3 pictures" in refused(site.client, "/submit", photos=[files[0]] * 4, **values)


def test_a_zip_may_be_larger_than_a_photo(site: Served, tmp_path: Path) -> None:
    large = tmp_path / "large.zip"
    with zipfile.ZipFile(large, "w") as file:
        file.writestr("one.jpg", encoded(Image.new("RGB", (64, 48), "red"), "jpeg"))
        file.writestr("rest.bin", bytes(41_000_000))
    values = {"photo": None, "photos": None, "pictures": None, "email": "", "token": "", "model": MODEL}
    assert site.ask("submit", **values | {"photos": [handle_file(str(large))], "parameters": QUICK})["job"]
    site.worker.work()
    photo = shutil.copy(large, tmp_path / "large.jpg")
    said = refused(site.client, "/submit", **values | {"photo": handle_file(str(photo)), "parameters": QUICK})
    assert "more than 40 MB" in said


def test_agents_can_use_them(site: Served, photo_file: Path) -> None:
    """Through a real MCP client: a job from submit to its picture in the gallery."""
    mcp = pytest.importorskip("mcp", reason="needs the extra stylehub[mcp]")
    http = pytest.importorskip("mcp.client.streamable_http")

    async def visit() -> tuple[set[str], Any]:
        async with (
            http.streamable_http_client(site.address + "gradio_api/mcp/") as streams,
            mcp.ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            tools = {tool.name for tool in (await session.list_tools()).tools}

            async def ask(name: str, **values: Any) -> Any:
                answer = await session.call_tool(name, values)
                assert not answer.isError, answer
                return answer.content[0]

            photo = "data:image/png;base64," + base64.b64encode(photo_file.read_bytes()).decode("ascii")
            job = ast.literal_eval((await ask("submit", model=MODEL, photo=photo, parameters=QUICK)).text)
            assert ast.literal_eval((await ask("status", job=job["job"])).text)["state"] == "queued"
            await asyncio.to_thread(site.worker.work)
            assert (await ask("result", job=job["job"])).type == "image"
            picture = (await ask("share", **job)).text
            assert picture in str(await ask("gallery", model=MODEL))
            assert (await session.call_tool("cancel", {"job": job["job"], "token": "guessed"})).content
            assert (await session.call_tool("result", {"job": "guessed"})).isError
            return tools, picture

    tools, picture = asyncio.run(visit())
    assert {name[1:] for name in NAMES} <= tools
    assert site.service.gallery.get(picture)


def test_a_full_queue_says_so_at_once(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.demo._queue, "max_size", 0)
    answer = httpx.post(f"{site.address}gradio_api/call/v2/status", json={"job": "any"}, timeout=60)
    assert answer.status_code == 503
    assert "Queue is full" in answer.text


def test_one_visitor_leaves_room_for_others(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradio.queueing import EventQueue

    visitor = SimpleNamespace(client=SimpleNamespace(host="127.0.0.1"))
    line: Any = EventQueue("full", 0)  # none of it is worked on
    line.queue = [SimpleNamespace(request=visitor, session_hash="")] * site.service.place.settings.calls_each
    monkeypatch.setitem(site.demo._queue.event_queue_per_concurrency_id, "full", line)

    def called(**headers: str) -> httpx.Response:
        return httpx.post(f"{site.address}gradio_api/call/v2/status", json={"job": "any"}, headers=headers, timeout=60)

    refused = called()
    assert (refused.status_code, refused.json()["detail"][:28]) == (429, "You have 16 calls that wait;")
    assert called(**{"X-Forwarded-For": "192.0.2.1"}).status_code == 200
    del line.queue[0]
    assert called().status_code == 200


def test_the_gallery(site: Served, photo_at: Any) -> None:
    job = site.done(photo_at)
    picture = site.ask("share", **job)
    assert site.ask("share", **job) == picture  # a second click shows it once
    listed = site.ask("gallery", model=MODEL, style="van-gogh-starry-night", page=1)
    assert [shared["picture"] for shared in listed["pictures"]][:1] == [picture]
    assert listed["pictures"][0]["parameters"]["size"] == 64
    assert "photo" not in str(listed)
    file = Path(site.ask("gallery_picture", picture=picture))
    assert "photo" not in (read_recipe(file) or {"photo": 1})
    assert not site.ask("unshare", picture=picture, token="a stranger's token")
    assert site.ask("unshare", picture=picture, token=job["token"])
    assert site.ask("share", **job) != picture
    assert "not in the gallery" in refused(site.client, "/gallery_picture", picture=picture)


def test_strangers(site: Served, photo_at: Any) -> None:
    job = site.done(photo_at)
    assert site.ask("jobs", token="guessed") == site.ask("jobs", token="") == []
    assert not site.ask("cancel", job=job["job"], token="guessed")
    assert "not yours" in refused(site.client, "/share", job=job["job"], token="guessed")
    for id in ("guessed", "../../site.sqlite3", ".locks", ""):
        refused(site.client, "/status", job=id)
        refused(site.client, "/result", job=id)


def test_what_is_refused(site: Served, photo_at: Any) -> None:
    before = len(list(site.service.place.folders.root.iterdir()))
    values = {"photo": photo_at, "pictures": None, "photos": None, "email": "", "token": "", "parameters": {}}
    for model, given, sentence in [
        ("no-such-model", {}, "no-such-model"),
        (MODEL, {}, "Choose the style first"),
        (MODEL, {"parameters": {"style": "starry-night"}, "email": "a@b.c"}, "sends no e-mail"),
        (MODEL, {"parameters": {"style": "starry-night"}, "photo": None}, "Give a photo, or many photos"),
        (MODEL, {"parameters": {"style": "starry-night"}, "pictures": [photo_at]}, "no use for the picture"),
        ("gatys", {}, "Choose the painting first"),
        (MODEL, {"parameters": {"style": "starry-night", "size": 7}}, "'size' cannot be 7"),
        (MODEL, {"parameters": {"style": "starry-night", "sise": 70}}, "did you mean size?"),
    ]:
        assert sentence in refused(site.client, "/submit", model=model, **{**values, **given})
    right = {"parameters": {"style": "starry-night"}}
    assert "too short" in refused(site.client, "/submit", model=MODEL, **{**values, **right, "token": "me"})
    for wrong in ("no parameters", ["style"]):
        said = refused(site.client, "/submit", model=MODEL, **{**values, "parameters": wrong})
        assert "parameters cannot be so: it should be a valid dictionary" in said
    assert "page cannot be so" in refused(site.client, "/gallery", model="", style="", page="the first")
    assert "job cannot be so" in refused(site.client, "/status", job=["a job"])
    assert site.ask("gallery", model="", style="", page=10**30)["pictures"] == []
    given = {**values, "parameters": {"style": "/etc/hostname"}}
    assert "no style" in refused(site.client, "/submit", model=MODEL, **given)
    places = [("gatys", "style"), ("gatys", "vgg"), ("gatys", "map"), ("gatys", "checkpoint"), ("adain", "style_2")]
    for (model, name), outside in [*product(places[:1], OUTSIDE), *product(places[1:], OUTSIDE[:1])]:
        given = {**values, "parameters": {name: outside}, "pictures": [photo_at]}
        assert "is a picture: upload it" in refused(site.client, "/submit", model=model, **given)
    assert len(list(site.service.place.folders.root.iterdir())) == before
