"""What a browser shows while the page's script starts: the example, painted and compared, and the wall of styles.

Gradio answers with an empty page and fills it by a script, seconds later on a slow phone. This adds to that answer what a
visitor looks at first, with a small script of its own; it stands where the page will have it, so that nothing moves.
"""

import io
from base64 import b64decode
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from html import escape
from pathlib import Path
from threading import Lock
from typing import Any

from anyio import to_thread
from PIL import Image

from hub.errors import StylehubError
from hub.files import example_photo
from hub.images import encode_image, read_image
from hub.registry import Entry
from space import previews
from space.models import Models
from space.words import WORDS, is_chinese

_HERE = Path(__file__).resolve().parent
_PICTURE = "stylehub-first"
_SIZE = (960, 640)  # of the picture; about twice what a phone shows
_BODY = b"<body"
_WORDS = {
    "{lead}": "lead", "{divider}": "divider", "{styles}": "styles", "{before}": "the photo", "{after}": "the painting",
}  # fmt: skip

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class First:
    """The example and its painting by ``entry``, and all of its styles; each picture is made once."""

    def __init__(self, models: Models, entry: Entry | None) -> None:
        self.models, self.entry = models, entry
        self._made: dict[str, bytes] = {}
        self._lock = Lock()
        self.styles: list[dict[str, Any]] = []  # once ``prepare`` has made them

    def picture(self, name: str) -> bytes | None:
        """A JPEG file: ``before``, ``after``, or a style by its number. The photo alone where the model cannot paint."""
        with self._lock:
            if name not in self._made and name in ("before", "after"):
                self._made[name] = self._example(painted=name == "after")
            return self._made.get(name)

    def prepare(self) -> None:
        """Make all pictures, before the first visitor comes."""
        for name in ("before", "after"):
            self.picture(name)
        if self.entry is None or "style-names" not in self.entry.method.inputs:
            return
        with suppress(StylehubError):
            styles = previews.styles(self.models.get(self.entry.name), self.models.accelerator.small)
            for number, style in enumerate(styles):
                self._made[str(number)] = b64decode(style["picture"].partition(",")[2])
            self.styles = styles

    def wall(self) -> str:
        """The wall as HTML; grey while it is not painted yet. The titles are anybody's and are written as text."""
        shown = next((style["name"] for style in reversed(self.styles) if not style["added"]), None)
        tiles = [
            f'<button type="button" data-name="{escape(style["name"])}" aria-pressed="{str(style["name"] == shown).lower()}">'
            f'<img src="{_PICTURE}/{number}" alt="" width="240" height="160"><b>{escape(style["title"])}</b>'
            f"<span>{escape(', '.join(filter(None, (style['artist'], style['year']))))}</span></button>"
            for number, style in enumerate(self.styles)
        ]
        return "".join(tiles or ["<i></i>"] * 9)

    def _example(self, *, painted: bool) -> bytes:
        picture = read_image(example_photo()).rgb
        with suppress(StylehubError):
            if painted and self.entry is not None:
                method = self.models.get(self.entry.name)
                picture = previews.example(method, self.models.accelerator.short).convert("RGB")
        return encode_image(picture.resize(_SIZE, Image.Resampling.LANCZOS), "jpeg", quality=80)


class FirstPaint:
    """Adds the first picture to the page. An ASGI application around ``app``."""

    def __init__(self, app: Any, first: First) -> None:
        self.app, self.first = app, first
        self._html = (_HERE / "first.html").read_text(encoding="utf-8")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
        elif path.startswith(f"/{_PICTURE}/"):
            await _answer(send, await to_thread.run_sync(self.first.picture, path.rpartition("/")[2]))
        elif path in ("", "/"):
            await self._page(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _page(self, scope: Message, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = io.BytesIO()

        async def held(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.write(message.get("body", b""))
            if message.get("more_body"):
                return
            page = self._with_first(
                body.getvalue(), dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
            )
            others = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            if scope["method"] == "GET":
                start["headers"] = [*others, (b"content-length", str(len(page)).encode())]
            await send(start)
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, held)

    def _with_first(self, page: bytes, languages: str) -> bytes:
        head, body, rest = page.partition(_BODY)
        tag, close, after = rest.partition(b">")
        if not close or b"<gradio-app" not in after or b'"auth_required":true' in head:
            return page  # not the page, but perhaps a log-in
        chinese = is_chinese(languages)
        first = self._html.replace("{picture}", _PICTURE)
        for place, key in _WORDS.items():
            first = first.replace(place, WORDS[key][chinese])
        first = first.replace("{wall}", self.first.wall())
        head = head.replace(b'lang="en"', b'lang="zh"', 1) if chinese else head
        return head + body + tag + close + first.encode() + after


async def _answer(send: Send, picture: bytes | None) -> None:
    headers = [(b"content-type", b"image/jpeg"), (b"content-length", str(len(picture or b"")).encode())]
    headers.append((b"cache-control", b"max-age=300" if picture else b"no-store"))
    await send({"type": "http.response.start", "status": 200 if picture else 404, "headers": headers})
    await send({"type": "http.response.body", "body": picture or b""})
