"""The picture of the app in the README: the example photo as the Great Wave, in a real browser.

    python -m tools.screenshot docs/app.jpg

Needs playwright and a chromium, as the browser tests do.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from space.app import serve
from tools.browser import CHROMIUM, FLAGS, open_page, painted, visible


def screenshot(out: Path) -> None:
    """Write what a visitor sees after choosing the example photo and a painting."""
    demo, address = serve(block=False)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = open_page(browser, address, [], viewport={"width": 1280, "height": 860}, color_scheme="light")
        example = painted(page, [])
        visible(page, ".wall button[data-name=hokusai-great-wave]").click()
        painted(page, example)
        page.wait_for_function("() => [...document.querySelectorAll('.wall img')].every(image => image.src)")
        page.wait_for_function(
            "() => ![...document.querySelectorAll('button')].some(b => b.offsetParent && b.innerText == 'Stop')"
        )
        page.mouse.move(0, 0)
        page.evaluate("window.scrollTo(0, 0)")
        page.wait_for_timeout(500)
        Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(out, quality=85)
        browser.close()
    demo.close()


if __name__ == "__main__":
    screenshot(Path(sys.argv[1]))
