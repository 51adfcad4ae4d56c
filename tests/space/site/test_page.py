"""The site in a real browser: a long job with a reload meanwhile, many photos, cancelling, sharing, browsing, keys, 400 pixels."""

import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tools.browser import CHROMIUM, FLAGS, open_page, painted, visible

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")
pytest.importorskip("huey", reason="long jobs need the extra stylehub[site]")
pytestmark = pytest.mark.slow

from hub.files import example_photo
from hub.images import encode_image
from hub.provenance import read_recipe
from space.jobs.service import Service
from space.site.running import open_site
from tests.support.site import settings

_LONG = 600_000  # milliseconds; on a machine with nothing else to do each step takes some seconds


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    from space.app import serve

    with open_site(settings(tmp_path_factory.mktemp("site"), gallery=True, workers=1)) as service:
        demo, address = serve(block=False, service=service)
        yield service, address
        demo.close()


@pytest.fixture(scope="module")
def address(site: tuple[Service, str]) -> str:
    return site[1]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: STYLEHUB_SCREENSHOTS keeps them."""
    folder = Path(os.environ.get("STYLEHUB_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def press_twice(page: Any, name: str) -> None:
    """Delete: the first press asks."""
    page.get_by_role("button", name=name).click()
    page.get_by_role("button", name="Press again to delete").click()


def test_a_long_job(chromium: Any, address: str, pictures: Path, tmp_path: Path) -> None:
    photo = tmp_path / "holiday.png"
    Image.open(example_photo()).resize((120, 80)).save(photo)
    foreign: list[str] = []
    page = open_page(chromium, address, foreign, viewport={"width": 1280, "height": 1000}, color_scheme="light")
    page.set_default_timeout(_LONG)
    painting = tmp_path / "painting.png"
    Image.open(example_photo()).resize((90, 90)).rotate(90).save(painting)
    page.locator("#photo input[type=file]").first.set_input_files(photo)
    for choice in ("My own painting", "Best"):
        page.get_by_label(choice, exact=True).check()
    visible(page, ".task .photo").locator("input[type=file]").first.set_input_files(painting)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.photo img')].filter(i => i.offsetParent).length === 2"
    )
    visible(page, ".drawer .label-wrap").first.click()
    visible(page, ".label-wrap:has-text('More')").first.click()
    for label, value in (("Working size", "64"), ("Iterations", "300"), ("Patience", "0")):
        page.get_by_label(label).locator("visible=true").first.fill(value)
    page.get_by_text("As a long job").locator("visible=true").click()
    page.get_by_role("button", name="Put it in the queue").locator("visible=true").click()
    page.get_by_text("A link to this job").wait_for()
    page.get_by_text("gatys: running").wait_for()
    page.reload()
    page.get_by_text("Your jobs").first.click()
    page.get_by_text("holiday.png, gatys").first.wait_for()  # the browser knows whose it is
    page.get_by_text("Step").first.wait_for()
    page.screenshot(path=pictures / "site-job.png", full_page=True)
    page.get_by_text("gatys: done").wait_for()
    page.screenshot(path=pictures / "site-done.png", full_page=True)
    page.get_by_role("button", name="Share it in the gallery").click()
    page.get_by_text("It is in the gallery now").wait_for()
    page.get_by_text("Gallery", exact=True).locator("visible=true").first.click()
    thumbnail = page.locator(".shared .thumbnail-item, .shared button img").first
    thumbnail.click()
    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_timeout(500)
    page.screenshot(path=pictures / "site-400.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    press_twice(page, "Delete mine")
    thumbnail.wait_for(state="detached")
    assert not foreign, f"the page asked for {foreign}"
    page.context.close()


@pytest.mark.parametrize("width", [1280, 400])
def test_make_mine_like_this(
    chromium: Any, site: tuple[Service, str], pictures: Path, tmp_path: Path, width: int
) -> None:
    """A shared picture's settings paint one's own photo; it can be reported, and not deleted by others."""
    service, address = site
    recipe = {"model": "cin-25styles-lite", "parameters": {"style": "picabia-udnie"}}
    path = tmp_path / "result.png"
    path.write_bytes(encode_image(Image.open(example_photo()).resize((300, 200)).rotate(180), "png", recipe=recipe))
    id = service.gallery.share(path, "another's")
    foreign: list[str] = []
    page = open_page(chromium, address, foreign, viewport={"width": width, "height": 900})
    page.set_default_timeout(_LONG)
    before = painted(page, [])
    page.get_by_text("Gallery", exact=True).locator("visible=true").first.click()
    page.locator(".shared .thumbnail-item, .shared button img").first.click()
    page.get_by_role("button", name="Make mine like this").wait_for()
    with page.expect_download() as download:
        page.locator(".shared [aria-label=Download], .shared [title=Download]").locator("visible=true").first.click()
    download.value.save_as(tmp_path / "shared.jpg")
    assert read_recipe(tmp_path / "shared.jpg") == recipe
    page.get_by_role("button", name="Make mine like this").click()
    painted(page, before)
    page.wait_for_function("() => document.querySelector('.result').getBoundingClientRect().top >= 0")  # it is in sight
    page.screenshot(path=pictures / f"site-like-{width}.png", full_page=True)
    press_twice(page, "Delete mine")
    page.get_by_text("It is not your picture").wait_for()
    page.get_by_role("button", name="Report").click()
    page.get_by_text("The administrator will look at it").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert service.gallery.delete(id)
    assert not foreign
    page.context.close()


def zipped(path: Path, count: int) -> Path:
    """A zip of ``count`` small photos."""
    photo = Image.open(example_photo()).resize((96, 64))
    with zipfile.ZipFile(path, "w") as file:
        for number in range(count):
            file.writestr(f"{number}.jpg", encode_image(photo, "jpeg"))
    return path


def test_many_photos_and_one_is_cancelled(chromium: Any, address: str, pictures: Path, tmp_path: Path) -> None:
    foreign: list[str] = []
    page = open_page(chromium, address, foreign, viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(_LONG)
    example = painted(page, [])
    visible(page, ".wall button[data-name=hokusai-great-wave]").click()
    painted(page, example)
    page.get_by_text("Your jobs").first.click()
    page.get_by_text("Many photos at once").click()
    page.locator(".jobs input[type=file]").nth(1).set_input_files(zipped(tmp_path / "holiday.zip", 3))
    page.get_by_role("button", name="Paint all of them").click()
    page.get_by_text("holiday.zip, cin-25styles: done").wait_for()
    with page.expect_download() as download:
        page.locator(".jobs a[download]").locator("visible=true").first.click()
    download.value.save_as(tmp_path / "painted.zip")
    with zipfile.ZipFile(tmp_path / "painted.zip") as results:
        assert sorted(results.namelist()) == ["0.jpg", "1.jpg", "2.jpg"]
        recipe = read_recipe(results.read("0.jpg")) or {}
    assert (recipe["model"], recipe["parameters"]["style"]) == ("cin-25styles", "hokusai-great-wave")
    page.screenshot(path=pictures / "site-many.png", full_page=True)
    page.locator(".jobs input[type=file]").nth(1).set_input_files(zipped(tmp_path / "more.zip", 150))
    page.get_by_role("button", name="Paint all of them").click()
    page.get_by_text(re.compile("more.zip, cin-25styles: (queued|running)")).wait_for()
    press_twice(page, "Cancel or delete this job")
    page.get_by_text("more.zip, cin-25styles: cancelled").wait_for()
    assert not foreign
    page.context.close()


def test_the_gallery_by_keys(chromium: Any, site: tuple[Service, str], pictures: Path, tmp_path: Path) -> None:
    service, address = site
    path = tmp_path / "result.png"
    recipe = {"model": "cin-25styles-lite", "parameters": {"style": "picabia-udnie"}}
    ids = []
    for colour in ("red", "navy", "gold"):
        path.write_bytes(encode_image(Image.new("RGB", (300, 200), colour), "png", recipe=recipe))
        ids.append(service.gallery.share(path, "another's"))
    page = open_page(chromium, address, [], viewport={"width": 1280, "height": 900})
    page.set_default_timeout(_LONG)
    before = painted(page, [])
    page.locator(".shared .label-wrap").focus()
    page.keyboard.press("Enter")
    page.locator(".shared .thumbnail-item").nth(2).wait_for()
    widths = page.evaluate("() => [...document.querySelectorAll('.shared .thumbnail-item')].map(i => i.clientWidth)")
    assert max(widths) < 260  # few pictures are not drawn larger than many
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.matches('.shared .thumbnail-item')"):
            break
    page.keyboard.press("Enter")
    like = page.get_by_role("button", name="Make mine like this")
    like.wait_for()
    like.focus()
    page.keyboard.press("Enter")
    painted(page, before)
    page.screenshot(path=pictures / "site-keys.png", full_page=True)
    assert all(service.gallery.delete(id) for id in ids)
    page.context.close()
