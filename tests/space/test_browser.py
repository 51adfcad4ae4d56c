"""The page in a real browser: what no client library sees. Skipped where playwright or chromium is missing."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hub.provenance import read_recipe
from hub.registry import list_models
from tests.support.site import free_port
from tools.browser import CHROMIUM, FLAGS, WAIT, at_rest, open_page, painted, sources, visible

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")
pytestmark = pytest.mark.slow

playwright.expect.set_options(timeout=WAIT)
TASKS = ("Famous painting", "Mix", "My own painting", "Near and far", "Photo look")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from space import app

    made: list[app.First] = []

    class Prepared(app.First):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "First", Prepared)
        demo, address = app.serve(block=False)
    made[0].prepare()
    yield address
    demo.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: STYLEHUB_SCREENSHOTS keeps them."""
    folder = Path(os.environ.get("STYLEHUB_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def photo_path(tmp_path: Path) -> Path:
    from hub.files import example_photo

    path = tmp_path / "holiday.jpg"
    Image.open(example_photo()).resize((360, 240)).save(path)
    return path


def upload(page: Any, photo: Path) -> None:
    page.locator("#photo input[type=file]").first.set_input_files(photo)
    visible(page, "#photo img").first.wait_for()


def choose(page: Any, task: str) -> None:
    page.get_by_label(task, exact=True).check()


def test_a_visit(chromium: Any, address: str, photo_path: Path, pictures: Path, tmp_path: Path) -> None:
    """Upload, click a painting, drag the slider, download; then the pad, by pointer and by keyboard."""
    foreign: list[str] = []
    page = open_page(chromium, address, foreign, viewport={"width": 1280, "height": 1000}, color_scheme="light")
    assert visible(page, ".wall button").count() >= 25
    page.screenshot(path=pictures / "1280-light-start.png")

    # The example is painted and compared before anything is chosen; a style without a photo paints it too.
    example = painted(page, [])
    visible(page, ".wall button[data-name=hokusai-great-wave]").click()
    first = painted(page, example)
    assert visible(page, ".wall button[aria-pressed=true]").get_attribute("data-name") == "hokusai-great-wave"

    # The wall by keyboard: an arrow moves, Enter chooses.
    visible(page, ".wall button[aria-pressed=true]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    second = painted(page, first)
    assert visible(page, ".wall button[aria-pressed=true]").get_attribute("data-name") != "hokusai-great-wave"

    # A photo of one's own is painted at once, in the style that is chosen; so does a control that a key has changed.
    upload(page, photo_path)
    own = painted(page, second)
    visible(page, ".drawer .label-wrap").first.click()
    visible(page, ".drawer input[type=range]").first.focus()
    page.keyboard.press("ArrowLeft")
    painted(page, own)

    # Before and after: the handle follows the pointer.
    box = visible(page, ".result .slider-wrap, .result .image-container").first.bounding_box()
    clip = "() => [...document.querySelectorAll('.result img')].filter(i => i.offsetParent).map(i => i.style.cssText).join()"
    still = page.evaluate(clip)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.wait_for_function(f"still => ({clip})() !== still", arg=still)
    page.screenshot(path=pictures / "1280-light-single.png")

    visible(page, ".take-home label:has-text('PNG')").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    target = tmp_path / download.value.suggested_filename
    download.value.save_as(target)
    assert target.name == "holiday-painted.png"
    assert Image.open(target).size == (360, 240)
    recipe = read_recipe(target)
    assert recipe is not None
    assert recipe["photo"] == "holiday.jpg"

    # The photo is kept over tasks: a mix of it is painted at once.
    before = sources(page)
    choose(page, "Mix")
    visible(page, ".pad").wait_for()
    visible(page, ".shares li").first.wait_for()
    assert visible(page, ".shares li").count() == 4
    middle = painted(page, before)
    pad = visible(page, ".pad").bounding_box()
    page.mouse.move(pad["x"] + pad["width"] / 2, pad["y"] + pad["height"] / 2)
    page.mouse.down()
    page.mouse.move(pad["x"] + pad["width"] * 0.3, pad["y"] + pad["height"] * 0.3, steps=3)
    moving = painted(page, middle)  # the picture follows before the button is let go
    page.mouse.move(pad["x"] + 1, pad["y"] + 1, steps=3)
    page.mouse.up()
    painted(page, moving)
    assert visible(page, ".shares output").first.inner_text() == "100 %"
    page.keyboard.press("Home")  # back to the middle
    assert [share.inner_text() for share in visible(page, ".shares output").all()] == ["25 %"] * 4
    page.screenshot(path=pictures / "1280-light-fusion.png", full_page=True)

    with page.expect_download() as kept:
        page.get_by_role("button", name="Keep this blend").or_(page.get_by_role("link", name="Keep this blend")).click()
    blend = tmp_path / "blend.json"
    kept.value.save_as(blend)
    shown = sources(page)
    visible(page, ".shares button").first.click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.shares li')].filter(i => i.offsetParent).length === 3"
    )
    shown = painted(page, shown)
    page.locator(".presets input[type=file]").first.set_input_files(blend)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.shares li')].filter(i => i.offsetParent).length === 4"
    )
    painted(page, shown)  # an opened blend is painted at once

    # A style beside the corners keeps its share while the point moves.
    visible(page, ".add").select_option("munch-the-scream")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.shares li')].filter(i => i.offsetParent).length === 5"
    )
    visible(page, ".pad").focus()
    page.keyboard.press("ArrowRight")
    assert visible(page, ".shares li[data-name=munch-the-scream] output").inner_text() == "25 %"

    # What a stranger's file says is shown as text.
    foreign_blend = tmp_path / "foreign.json"
    foreign_blend.write_text('{"stylehub_preset": 1, "model": "<img src=x>", "style": {"udnie": 1}}')
    page.locator(".presets input[type=file]").first.set_input_files(foreign_blend)
    page.get_by_text("<img src=x>").wait_for()

    assert not foreign, f"the page asked for {foreign}"


def test_any_painting(
    chromium: Any, address: str, photo_path: Path, pictures: Path, material: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two uploads; previews come while it works; Stop keeps the last one; the next run gives a picture to download."""
    monkeypatch.setenv("STYLEHUB_VGG", str(material / "vgg.safetensors"))
    foreign: list[str] = []
    page = open_page(chromium, address, foreign, viewport={"width": 1280, "height": 900}, color_scheme="light")
    page.set_viewport_size({"width": 400, "height": 900})
    example = painted(page, [])
    choose(page, "My own painting")
    choose(page, "Best")
    upload(page, photo_path)
    visible(page, ".task .photo").locator("input[type=file]").first.set_input_files(
        material / "paintings" / "red-stripes.png"
    )
    page.wait_for_function(
        "() => [...document.querySelectorAll('.photo img')].filter(i => i.offsetParent).length === 2"
    )
    visible(page, ".drawer .label-wrap").first.click()
    visible(page, ".label-wrap:has-text('More')").first.click()
    for label, value in (("Working size", "64"), ("Iterations", "20000"), ("Patience", "0")):
        page.get_by_label(label).locator("visible=true").first.fill(value)
    paint, stop, download = (page.get_by_role("button", name=n, exact=True) for n in ("Paint", "Stop", "Download"))
    playwright.expect(stop).not_to_be_visible()
    paint.click()
    preview = painted(page, painted(page, example))
    visible(page, ".progress-level-inner").wait_for()
    page.screenshot(path=pictures / "400-light-arbitrary.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    stop.click()
    visible(page, ".progress-level-inner").wait_for(state="hidden")
    stopped = sources(page)
    assert len(stopped) == len(preview) == 2
    with page.expect_download() as unfinished:
        download.click()
    assert unfinished.value.suggested_filename == "preview.jpg"
    page.get_by_label("Iterations").locator("visible=true").first.fill("1")
    paint.click()
    painted(page, stopped)
    assert not foreign, f"the page asked for {foreign}"
    page.context.close()


def test_near_and_far(chromium: Any, address: str, photo_path: Path, pictures: Path) -> None:
    """The depth of a photo before it is painted, a layer by a click on it, a mask by hand."""
    foreign: list[str] = []
    page = open_page(chromium, address, foreign, viewport={"width": 1280, "height": 900}, color_scheme="light")
    example = painted(page, [])
    choose(page, "Near and far")
    upload(page, photo_path)
    visible(page, ".maps img").first.wait_for()
    unpainted = painted(page, example)
    name = page.get_by_label("Painting by name").locator("visible=true").first
    name.click()
    page.get_by_role("option", name="Great Wave").locator("visible=true").click()
    far = painted(page, unpainted)
    place = page.get_by_label("Where", exact=True).locator("visible=true").first
    visible(page, ".maps img").first.click(position={"x": 20, "y": 60})  # above lies the frame of a wide picture
    playwright.expect(place).to_have_value("layer")
    layer = painted(page, far)
    page.get_by_text("Paint a mask").locator("visible=true").click()
    board = page.locator(".image-container canvas").locator("visible=true").first
    board.wait_for()
    at_rest(page)
    page.wait_for_timeout(4000)  # the editor says nowhere when its brush is ready
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Use this mask").locator("visible=true").click()
    playwright.expect(place).to_have_value("mask")
    painted(page, layer)
    page.screenshot(path=pictures / "1280-light-depth.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert not foreign, f"the page asked for {foreign}"
    page.context.close()


def test_a_photo_by_paste_and_by_webcam(chromium: Any, address: str) -> None:
    """The two other ways in, each with a picture that only the browser has."""
    page = open_page(chromium, address, [], permissions=["camera", "clipboard-read", "clipboard-write"])
    page.evaluate(
        """async () => {
            const canvas = Object.assign(document.createElement('canvas'), {width: 300, height: 200});
            canvas.getContext('2d').fillRect(100, 50, 100, 100);
            const blob = await new Promise(done => canvas.toBlob(done, 'image/png'));
            await navigator.clipboard.write([new ClipboardItem({'image/png': blob})]);
        }"""
    )
    example = painted(page, [])
    visible(page, "#photo").get_by_label("Paste from clipboard").click()
    visible(page, "#photo img").first.wait_for()
    pasted = painted(page, example)

    visible(page, ".photo").get_by_label("Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    visible(page, ".photo video").wait_for()
    page.wait_for_function("() => document.querySelector('.photo video').readyState >= 2")
    visible(page, ".photo").get_by_role("button", name="capture photo").click()
    painted(page, pasted)
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (400, "dark"), (1280, "dark")])
def test_it_fits(chromium: Any, address: str, photo_path: Path, pictures: Path, width: int, scheme: str) -> None:
    """Nothing sticks out at any width, light or dark."""
    foreign: list[str] = []
    page = open_page(chromium, address, foreign, viewport={"width": width, "height": 900}, color_scheme=scheme)
    example = painted(page, [])
    visible(page, ".wall button[data-name=klee-senecio]").scroll_into_view_if_needed()
    visible(page, ".wall button[data-name=klee-senecio]").click()
    painted(page, example)
    playwright.expect(visible(page, ".result").first).to_be_in_viewport()
    page.wait_for_timeout(300)
    page.screenshot(path=pictures / f"{width}-{scheme}-single.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    choose(page, "Mix")
    visible(page, ".shares li").first.wait_for()
    page.wait_for_timeout(300)
    page.screenshot(path=pictures / f"{width}-{scheme}-fusion.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_what_the_browser_keeps_and_what_is_refused(chromium: Any, address: str, photo_path: Path) -> None:
    """The photo is there after a reload; a file that is no photo empties its place and is named below the picture."""
    page = open_page(chromium, address, [], viewport={"width": 400, "height": 800})
    example = painted(page, [])
    upload(page, photo_path)
    own = painted(page, example)
    page.reload()
    visible(page, "#photo img").first.wait_for()
    painted(page, own)
    text = photo_path.with_name("text.jpg")
    text.write_bytes(b"hello")
    page.get_by_label("Remove Image").or_(page.get_by_label("Clear")).first.click()
    page.locator("#photo input[type=file]").first.set_input_files(text)
    page.locator(".notice").get_by_text("unknown format").wait_for()
    playwright.expect(visible(page, "#photo img")).to_have_count(0)

    # What is said about a photo stays while it is painted.
    before = sources(page)
    Image.new("RGB", (6400, 6400), (90, 140, 60)).save(text.with_name("large.png"))
    page.locator("#photo input[type=file]").first.set_input_files(text.with_name("large.png"))
    page.locator(".notice").get_by_text("It is reduced to 40").wait_for()
    painted(page, before)
    at_rest(page)
    playwright.expect(page.locator(".notice").get_by_text("It is reduced to 40")).to_be_visible()
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")])
def test_no_serious_barrier_in_any_task(chromium: Any, address: str, pictures: Path, width: int, scheme: str) -> None:
    """axe-core finds nothing serious, with everything unfolded."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(chromium, address, [], viewport={"width": width, "height": 900}, color_scheme=scheme)
    painted(page, [])
    for task in TASKS:
        choose(page, task)
        page.wait_for_timeout(1000)
        while (folded := visible(page, ".label-wrap[aria-expanded=false]")).count():
            folded.first.click()
            page.wait_for_timeout(300)
        page.wait_for_timeout(1000)
        page.screenshot(path=pictures / f"{width}-{scheme}-{task.replace(' ', '-')}.png", full_page=True)
        found = [v for v in axe.run(page).response["violations"] if v["impact"] in ("serious", "critical")]
        assert not found, [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in found]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize("width", [400, 1280, 1440])
def test_nothing_moves_while_the_page_starts(chromium: Any, address: str, pictures: Path, width: int) -> None:
    """The first picture is there before the script has started, and stands where the page has it."""
    page = chromium.new_context(viewport={"width": width, "height": 900}).new_page()
    page.set_default_timeout(WAIT)
    page.add_init_script(
        """window.moved = 0;
        new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) moved += e.value; })
            .observe({type: 'layout-shift', buffered: true});"""
    )
    page.goto(address, wait_until="commit")
    page.wait_for_function("() => document.querySelector('#first img')?.naturalWidth")
    place = "selector => (r => [r.x, r.y, r.width])(document.querySelector(selector).getBoundingClientRect())"
    first = page.evaluate(place, "#first img")
    page.screenshot(path=pictures / f"{width}-first.png")
    painted(page, [])
    page.wait_for_function("() => !document.querySelector('#first')")
    assert page.evaluate(place, ".result") == pytest.approx(first, abs=4)
    page.wait_for_timeout(1500)
    assert page.evaluate("moved") < 0.05
    page.context.close()


def test_it_answers_before_gradio_has_started(chromium: Any, address: str, pictures: Path) -> None:
    """The divider moves and a painting is chosen while the script is still on its way; then the whole page has both."""
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(WAIT)
    held: list[Any] = []
    started: list[bool] = []
    page.route("**/assets/*.js", lambda route: route.continue_() if started else held.append(route))
    page.goto(address, wait_until="commit")
    page.wait_for_function("() => [...document.querySelectorAll('#first img')].filter(i => i.naturalWidth).length > 20")
    page.locator("#first input").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    tile = page.locator("#first .styles button[data-name=munch-the-scream]")
    tile.click()
    assert page.locator("#first .pair").evaluate("node => node.style.getPropertyValue('--at')") == "60%"
    small = page.locator("#first .pair img").last.get_attribute("src")
    assert small == tile.locator("img").evaluate("image => image.src")
    page.screenshot(path=pictures / "1280-before-gradio.png")
    started.append(True)
    for route in held:
        route.continue_()
    page.wait_for_function("() => !document.querySelector('#first')")
    assert page.get_by_role("slider", name="Before and after").get_attribute("aria-valuenow") == "60"
    assert visible(page, ".wall button[aria-pressed=true]").get_attribute("data-name") == "munch-the-scream"
    playwright.expect(page.locator(".mine .strip button").first).to_have_attribute("aria-label", "The Scream")
    page.context.close()


def test_who_comes_back_sees_the_last_picture(chromium: Any, address: str, photo_path: Path) -> None:
    page = open_page(chromium, address, [], viewport={"width": 400, "height": 800})
    shown = painted(page, [])
    upload(page, photo_path)
    shown = painted(page, shown)
    at_rest(page)
    visible(page, ".wall button[data-name=klee-senecio]").click()
    painted(page, shown)
    at_rest(page)
    playwright.expect(page.locator(".mine .strip button").first).to_have_attribute("aria-label", "Senecio")
    again = page.context.new_page()
    again.set_default_timeout(WAIT)
    again.goto(address, wait_until="commit")
    again.wait_for_function("() => document.querySelector('#first .pair img')?.src.startsWith('blob:')")
    again.wait_for_function("() => !document.querySelector('#first')")
    assert again.evaluate("stylehub.own"), "it was painted again before the whole page came"
    assert visible(again, ".wall button[aria-pressed=true]").get_attribute("data-name") == "klee-senecio"
    visible(again, "#photo img").first.wait_for()
    page.context.close()


@contextmanager
def app_process(port: int) -> Iterator[None]:
    """The app in a process of its own, which is killed at the end of the block."""
    words = [sys.executable, "-m", "hub", "space", "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "stylehub is at" in process.stdout.readline()
            yield
        finally:
            process.kill()


def test_who_comes_back_after_the_server_was_killed_goes_on(chromium: Any, photo_path: Path) -> None:
    port = free_port()
    with app_process(port):
        page = open_page(chromium, f"http://127.0.0.1:{port}", [])
        shown = painted(page, [])
        upload(page, photo_path)
        shown = painted(page, shown)
        visible(page, ".wall button[data-name=klee-senecio]").click()
        painted(page, shown)
        playwright.expect(page.locator(".mine .strip button").first).to_have_attribute("aria-label", "Senecio")
        at_rest(page)
    with app_process(port):
        page.reload()
        page.wait_for_function("() => !document.querySelector('#first') && document.querySelector('.wall button')")
        chosen = visible(page, ".wall button[aria-pressed=true]")
        playwright.expect(chosen).to_have_attribute("data-name", "klee-senecio")
        visible(page, "#photo img").first.wait_for()
        shown = sources(page)
        visible(page, ".wall button[data-name=picabia-udnie]").click()
        painted(page, shown)
        page.context.close()


def test_mine_and_a_link(chromium: Any, address: str, pictures: Path, tmp_path: Path) -> None:
    """Results stay in the browser over a reload, with their settings; a link opens the same settings elsewhere."""
    page = open_page(chromium, address, [], viewport={"width": 1280, "height": 900}, permissions=["clipboard-read"])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = painted(page, [])
    playwright.expect(page.locator(".mine")).to_be_hidden()
    for count, style in enumerate(("hokusai-great-wave", "klee-senecio"), 1):
        visible(page, f".wall button[data-name={style}]").click()
        shown = painted(page, shown)
        playwright.expect(page.locator(".mine .head + .strip img")).to_have_count(count)
    page.get_by_role("button", name="Copy link", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{address}?task=single&model=cin-25styles&style=klee-senecio"

    page.reload()
    page.wait_for_function("() => document.querySelector('.wall [aria-pressed=true]')?.dataset.name === 'klee-senecio'")
    playwright.expect(page.locator(".mine .head + .strip img")).to_have_count(2)
    painted(page, shown)
    page.wait_for_timeout(1500)
    with page.expect_download() as everything:
        page.get_by_role("button", name="Download all").click()
    everything.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["01-senecio.jpg", "02-the-great-wave-off-kanagawa.jpg", "links.txt"]
        assert link in archive.read("links.txt").decode()
        assert Image.open(archive.open("01-senecio.jpg")).width == 960

    page.locator(".mine .head + .strip button").last.click()
    page.get_by_role("heading", name="The Great Wave off Kanagawa").wait_for()
    page.screenshot(path=pictures / "1280-light-mine.png")
    now = sources(page)
    page.get_by_role("button", name="Use these settings").click()
    painted(page, now)
    assert visible(page, ".wall [aria-pressed=true]").get_attribute("data-name") == "hokusai-great-wave"
    page.locator(".mine .head + .strip button").first.click()
    delete = page.locator(".mine .delete")
    delete.click()
    playwright.expect(delete).to_have_text("Press again to delete")
    playwright.expect(page.locator(".mine .head + .strip img")).to_have_count(2)
    delete.click()
    playwright.expect(page.locator(".mine .head + .strip img")).to_have_count(1)
    page.context.close()

    other = chromium.new_context().new_page()
    other.set_default_timeout(WAIT)
    other.goto(f"{address}?task=single&model=cin-25styles-lite&style=klee-senecio&strength=0.5")
    other.wait_for_function(
        "() => document.querySelector('.wall [aria-pressed=true]')?.dataset.name === 'klee-senecio'"
    )
    playwright.expect(other.get_by_label("Fast", exact=True)).to_be_checked()
    other.goto(f"{address}?task=single&model=cin-25styles&style=<img src=x>")
    other.locator(".notice").get_by_text("There is no style").wait_for()
    other.context.close()


# A stranger with a phone, an illustrator, somebody who shows it to a class.
VISITORS = [(400, 800, "light"), (400, 800, "dark"), (1280, 900, "light"), (1440, 900, "dark"), (1920, 1080, "light")]


@pytest.mark.parametrize(("width", "height", "scheme"), VISITORS)
def test_from_choosing_to_seeing_to_downloading(
    chromium: Any, address: str, pictures: Path, width: int, height: int, scheme: str
) -> None:
    """What is chosen and what comes of it are on the screen together, on a phone too; the download is a screen away."""
    foreign: list[str] = []
    page = open_page(chromium, address, foreign, viewport={"width": width, "height": height}, color_scheme=scheme)

    def see(name: str) -> list[str]:
        at_rest(page)
        page.wait_for_timeout(600)
        page.screenshot(path=pictures / f"visit-{width}-{scheme}-{name}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        return sources(page)

    painted(page, [])
    shown = see("1-first")
    style = visible(page, ".wall button[data-name=munch-the-scream]")
    style.scroll_into_view_if_needed()
    style.click()
    painted(page, shown)
    playwright.expect(style).to_be_in_viewport(ratio=0.9)
    playwright.expect(visible(page, ".result").first).to_be_in_viewport(ratio=0.9)
    museum = page.get_by_role("link", name="Nasjonalmuseet, Oslo")
    assert museum.get_attribute("rel") == "noopener noreferrer"
    shown = see("2-chosen")

    visible(page, ".sources .examples button").last.click()
    painted(page, shown)
    shown = see("3-another-photo")
    choose(page, "Mix")
    visible(page, ".shares li").first.wait_for()
    painted(page, shown)
    pad = visible(page, ".pad")
    pad.scroll_into_view_if_needed()
    playwright.expect(pad).to_be_in_viewport(ratio=0.9)
    playwright.expect(visible(page, ".result").first).to_be_in_viewport(ratio=0.9)
    shown = see("4-mix")
    for task in TASKS[2:]:
        choose(page, task)
        visible(page, ".task .examples button").first.click()
        painted(page, shown)
        playwright.expect(visible(page, ".result").first).to_be_in_viewport(ratio=0.9)
        shown = see(f"5-{task.replace(' ', '-')}")

    choose(page, TASKS[0])
    style.wait_for()
    way = "() => document.querySelector('.take-home').getBoundingClientRect().bottom - innerHeight"
    assert page.evaluate(way) < height
    download = page.get_by_role("button", name="Download", exact=True)
    download.scroll_into_view_if_needed()
    with page.expect_download() as file:
        download.click()
    assert file.value.suggested_filename.endswith(".jpg")
    see("6-download")
    assert not foreign, f"the page asked for {foreign}"
    page.context.close()


def test_by_keyboard_alone(chromium: Any, address: str) -> None:
    """Choose a task and a painting, look closer, move the divider: each says what it is, and shows the focus."""
    page = open_page(chromium, address, [], viewport={"width": 1280, "height": 900})
    shown = painted(page, [])
    for _ in range(40):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "(n => getComputedStyle(n).outlineStyle !== 'none' || !!n.closest('label'))(document.activeElement)"
        )
        if page.evaluate("document.activeElement.matches('.wall button')"):
            break
    page.keyboard.press("Home")
    page.wait_for_function("() => document.querySelector('.look:popover-open img')?.naturalWidth")
    assert page.locator(".look:popover-open b").inner_text() == "Mont Sainte-Victoire"
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    painted(page, shown)
    divider = page.get_by_role("slider", name="Before and after")
    divider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "60"
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert divider.get_attribute("aria-valuenow") == "95"
    page.context.close()


def test_two_browsers_at_once_each_see_their_own(chromium: Any, address: str) -> None:
    pages = [open_page(chromium, address, []) for _ in range(2)]
    first = [painted(page, []) for page in pages]
    for page, style in zip(pages, ("klee-senecio", "hokusai-great-wave"), strict=True):
        visible(page, f".wall button[data-name={style}]").click()
    for page, before in zip(pages, first, strict=True):
        painted(page, before)
    kept = [page.locator(".mine .strip button").first.get_attribute("aria-label") for page in pages]
    assert kept == ["Senecio", "The Great Wave off Kanagawa"]
    for page in pages:
        page.context.close()


def test_in_chinese(chromium: Any, address: str) -> None:
    page = chromium.new_context(locale="zh-CN").new_page()
    page.set_default_timeout(WAIT)
    page.goto(address)
    painted(page, [])
    assert page.evaluate("document.documentElement.lang") == "zh"
    for words in ("名画风格", "点一幅名画", "选择你的照片", "复制链接"):
        page.get_by_text(words).first.wait_for()
    choose(page, "远近")
    for words in ("按名称选画", "越白越远", "强度在哪里变化"):
        page.get_by_text(words).locator("visible=true").first.wait_for()
    place = page.get_by_label("位置", exact=True).locator("visible=true").first
    playwright.expect(place).to_have_value("远处")
    place.click()
    page.get_by_role("option", name="近处").locator("visible=true").first.wait_for()
    page.context.close()


def test_share_without_a_sheet_saves_the_picture(chromium: Any, address: str) -> None:
    page = open_page(chromium, address, [])
    painted(page, [])
    with page.expect_download() as shared:
        page.get_by_role("button", name="Share", exact=True).click()
    assert shared.value.suggested_filename.endswith(".jpg")
    page.evaluate(
        """() => {
            navigator.canShare = () => true;
            navigator.share = async ({files}) => { window.sent = [files[0].type, files[0].size > 1000]; };
        }"""
    )
    page.get_by_role("button", name="Share", exact=True).click()
    page.wait_for_function("() => window.sent")
    assert page.evaluate("sent") == ["image/jpeg", True]
    page.context.close()


def test_there_is_something_to_show() -> None:
    assert list_models("single")
    assert list_models("fusion")
    assert list_models("arbitrary")
    assert list_models("depth")
