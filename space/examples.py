"""The example pictures that our own code renders: photos, paintings, and pairs of both, each chosen by a small picture."""

import base64
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from hub.files import example_photo
from hub.images import encode_image, read_image
from space.temporary import temporary_folder
from space.words import texts

_HERE = Path(__file__).resolve().parent
_THUMB = (150, 100)
_PAINTING = "-painting"
# For each task whose style is a picture: an example photo, and what it is painted like.
PAIRS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "arbitrary": (("street", "oil-painting"), ("valley", "glass-painting"), ("still-life", "ink-painting")),
    "depth": (("street", "oil-painting"), ("valley", "glass-painting"), ("still-life", "ink-painting")),
    "photo": (("valley", "street"), ("street", "still-life"), ("still-life", "valley")),
}


@dataclass(frozen=True)
class Strip:
    """A row of small pictures; a choice in it becomes the value of one picture or of two."""

    html: gr.HTML

    def connect(self, *pictures: gr.Image, empties: tuple[Any, ...] = ()) -> Any:
        """Let a choice fill ``pictures`` and empty the other controls; returns the event when they are filled."""

        def chosen(name: str | None) -> Any:
            files = [upload(part) for part in (name or "").split(" ")]
            filled = [*files, *[None] * (len(pictures) - len(files)), *[None] * len(empties)]
            return filled[0] if len(filled) == 1 else filled

        return self.html.pick(
            chosen,
            inputs=[self.html],
            outputs=[*pictures, *empties],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        ).success


def example_strip() -> Strip:
    """The strip with all example photos."""
    return _strip([(name,) for name in photos()])


def pair_strip(task: str) -> Strip:
    """The strip with the pairs for ``task``."""
    return _strip(list(PAIRS[task]))


def photos() -> dict[str, Path]:
    """The example photos by their names, the first of the page in front."""
    found = {path.stem: path for path in _pictures() if not path.stem.endswith(_PAINTING)}
    first = example_photo()
    return {first.stem: first, **found}


def paintings() -> dict[str, Path]:
    """The example paintings by their names."""
    return {path.stem: path for path in _pictures() if path.stem.endswith(_PAINTING)}


def upload(name: str | None) -> str | None:
    """A copy of the example ``name`` in the upload folder, since Gradio serves no files of the installed package."""
    path = (photos() | paintings()).get(name or "")
    return str(shutil.copy(path, temporary_folder())) if path else None


def _pictures() -> list[Path]:
    return sorted(example_photo().parent.glob("*.jpg"))


def _strip(choices: list[tuple[str, ...]]) -> Strip:
    return Strip(
        gr.HTML(
            value=None,
            label="Examples",
            html_template='<div class="examples" role="group"></div>',
            js_on_load=(_HERE / "examples.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            elem_classes=["examples-box"],
            choices=choices,
            pictures={name: thumbnail(name) for choice in choices for name in choice},
            words=texts(
                "examples", "valley", "street", "still-life", "ink-painting", "oil-painting", "glass-painting"
            ),
        )
    )  # fmt: skip


@lru_cache(maxsize=32)
def thumbnail(name: str) -> str:
    """The small picture of the example ``name`` as a data URI."""
    small = read_image((photos() | paintings())[name]).rgb
    small.thumbnail(_THUMB)
    return f"data:image/jpeg;base64,{base64.b64encode(encode_image(small, 'jpeg', quality=80)).decode('ascii')}"
