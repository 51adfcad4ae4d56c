"""What a browser shows while the page's script starts: the example, painted, where the page will have it.

Gradio answers with an empty page and fills it by a script, seconds later on a slow phone. This adds the first picture
to that answer, and hides what the script lays out until it stands, so that nothing moves before the visitor's eyes.
"""

import io
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
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
_PICTURE = "stylehub-first.jpg"
_SIZE = (960, 640)  # of the picture; about twice what a phone shows
_BODY = b"<body"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class First:
    """The first picture: half the example photo, half its painting by ``entry``. Made once."""

    def __init__(self, models: Models, entry: Entry | None) -> None:
        self.models, self.entry = models, entry
        self._made: bytes | None = None
        self._lock = Lock()

    def picture(self) -> bytes:
        """A JPEG file; of the photo alone where the model cannot paint."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> bytes:
        picture = read_image(example_photo()).rgb.resize(_SIZE, Image.Resampling.LANCZOS)
        with suppress(StylehubError):
            if self.entry is not None:
                method = self.models.get(self.entry.name)
                after = previews.example(method, self.models.accelerator.short).convert("RGB").resize(_SIZE)
                middle = _SIZE[0] // 2
                picture.paste(after.crop((middle, 0, *_SIZE)), (middle, 0))
        return encode_image(picture, "jpeg", quality=80)


class FirstPaint:
    """Adds the first picture to the page. An ASGI application around ``app``."""

    def __init__(self, app: Any, first: First) -> None:
        self.app, self.first = app, first
        self._html = (_HERE / "first.html").read_text(encoding="utf-8")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
        elif path == f"/{_PICTURE}":
            await _answer(send, await to_thread.run_sync(self.first.picture))
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
        first = self._html.replace("{lead}", WORDS["lead"][chinese]).replace("{picture}", _PICTURE)
        head = head.replace(b'lang="en"', b'lang="zh"', 1) if chinese else head
        return head + body + tag + close + first.encode() + after


async def _answer(send: Send, picture: bytes) -> None:
    headers = [(b"content-type", b"image/jpeg"), (b"content-length", str(len(picture)).encode())]
    headers.append((b"cache-control", b"max-age=300"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": picture})
