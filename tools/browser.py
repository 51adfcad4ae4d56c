"""The app in a real browser: how it is opened, and how one waits for a picture. For tests and for screenshots."""

import shutil
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that films a test picture
    "--use-fake-ui-for-media-stream",
]
WAIT = 60_000  # milliseconds; machines of CI are busy


def open_page(chromium: Any, address: str, foreign: list[str], **options: Any) -> Any:
    """The app in a new context; what it asks of anybody else is noted in ``foreign``."""
    page = chromium.new_context(accept_downloads=True, **options).new_page()
    page.set_default_timeout(WAIT)
    page.on("request", lambda r: foreign.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None)
    page.goto(address)
    visible(page, ".wall button").first.wait_for()
    return page


def visible(page: Any, selector: str) -> Any:
    """The ones of ``selector`` that are on the tab in front."""
    return page.locator(f"{selector}:visible")


def sources(page: Any) -> list[str]:
    """The pictures that the result shows."""
    return [image.get_attribute("src") for image in visible(page, ".result img").all()]


def at_rest(page: Any) -> None:
    """Wait until nothing is being painted any more."""
    page.wait_for_function(
        "() => !document.querySelector('.result .wrap:is(.generating, .translucent, .full):not(.hide)')"
    )


def painted(page: Any, before: list[str]) -> list[str]:
    """Wait until the result shows other pictures than ``before``."""
    page.wait_for_function(
        """before => {
            const now = [...document.querySelectorAll('.result img')].filter(i => i.offsetParent);
            const loaded = now.length >= 2 && now.every(i => i.src && i.complete && i.naturalWidth);
            return loaded && now.map(i => i.src).join() !== before.join();
        }""",
        arg=[page.evaluate("src => new URL(src, document.baseURI).href", s) for s in before],
        timeout=WAIT,
    )
    return sources(page)
