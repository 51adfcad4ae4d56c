"""What the page's panels say and allow, without a browser."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")
pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")

from hub.images import encode_image
from hub.registry import info
from space.handlers import Handlers
from space.jobs.progress import Seen
from space.jobs.service import Service, Status
from space.jobs.store import Job
from space.models import Models
from space.site.gallery_panel import GalleryHandlers
from space.site.jobs_panel import Looks, lines
from space.site.place import Place
from tests.support.site import request, settings

ADMIN = "a long token of the administrator"


def test_what_strangers_wrote_is_shown_as_text() -> None:
    job = Job("id", "gatys", "photo", "<b>name</b>", "failed", "<script>", 0.0, 0.0)
    shown = lines(Status(job, Seen(), "<img src=x>"))
    assert "<script>" not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;" in shown


def test_a_visitor_sees_own_jobs_and_the_one_of_a_link(tmp_path: Path) -> None:
    service = Service(Place(settings(tmp_path)))
    looks = Looks(service)
    mine, other = service.submit(request(name="mine"), "me"), service.submit(request(name="other"), "another", host="2")
    choices, state, *_, acts, _ = looks.look("me", None)
    assert [id for _, id in choices["choices"]] == [mine]
    assert acts["visible"]
    assert "its place is 1" in state
    choices, *_, acts, _ = looks.look("me", other)
    assert [id for _, id in choices["choices"]] == [other, mine]
    assert not acts["visible"]
    assert looks.stop("me", other) == "It is not your job."
    assert looks.stop("me", mine) == "The job is cancelled."
    assert looks.look("nobody", "guessed")[1] == ""
    assert not looks.look("nobody", None)[-2]["visible"]


def test_a_painting_that_is_not_shared_is_asked_for(tmp_path: Path) -> None:
    service = Service(Place(settings(tmp_path, gallery=True)))
    recipe = {"model": "gatys", "parameters": {"style": "mine.jpg", "iterations": 60}}
    path = tmp_path / "result.png"
    path.write_bytes(encode_image(Image.new("RGB", (20, 10)), "png", recipe=recipe))
    id = service.gallery.share(path, "owner")
    made = GalleryHandlers(service, Handlers(Models()), {"gatys": info("gatys")}, {"arbitrary"})
    assert "iterations" in service.gallery.get(id).recipe["parameters"]
    shown = made.pick([id], SimpleNamespace(index=0))  # type: ignore[arg-type]
    assert "--style PAINTING --iterations 60" in shown[3]
    (*_, said) = next(made.like(None, None, id, None))  # type: ignore[arg-type]
    assert "Choose a painting under My own painting" in said


def test_only_the_administrator_hides(tmp_path: Path) -> None:
    service = Service(Place(settings(tmp_path, gallery=True, admin_token=ADMIN)))
    recipe = {"model": "cin-25styles", "parameters": {"style": "udnie"}}
    path = tmp_path / "result.png"
    path.write_bytes(encode_image(Image.new("RGB", (20, 10)), "png", recipe=recipe))
    id = service.gallery.share(path, "owner")
    made = GalleryHandlers(service, Handlers(Models()), {"cin-25styles": info("cin-25styles")}, {"single"})
    pictures, ids, *_ = made.browse("cin-25styles/udnie", 1)
    assert (len(pictures), ids) == (1, [id])
    assert made.browse("gatys", 1)[1] == []
    for page in (7, None, -1):  # beyond the last one, left empty, wrong
        assert made.browse("cin-25styles", page)[1] == [id]
    assert made.browse("", 7)[3]["value"] == 1
    service.gallery.report(id, "visitor")
    for wrong in ("", "a guess", ADMIN[:-1]):
        assert made.reported(wrong)[:2] == ([], [])
        assert "not the administrator" in made.hide(wrong, id, True)
    assert made.browse("", 1)[1] == [id]
    assert made.reported(ADMIN)[1] == [id]
    assert made.hide(ADMIN, id, True) == "Done."
    assert made.browse("", 1)[1] == []
    without = Service(Place(settings(tmp_path, gallery=True)))
    nobody = GalleryHandlers(without, made.handlers, made.entries, made.tasks)
    assert nobody.reported("")[1] == []  # without an administrator an empty token is none
