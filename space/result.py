"""The result: before and after, the full-size picture for download, and the commands to make it again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from hub.images import FORMATS, encode_image, read_image, read_recipe, save, write_image
from hub.provenance import command, python_line
from space.errors import one_sentence
from space.models import Painted
from space.temporary import temporary_folder

DISPLAY = 1280  # long side in pixels on the page; the download has the photo's size
_OFFERED = {"PNG": ".png", "JPEG": ".jpg", "WebP": ".webp"}


@dataclass(frozen=True)
class ResultPanel:
    """The components of a result. Painting fills ``outputs``, in the order of ``filled``."""

    slider: gr.ImageSlider
    picture: gr.File
    command: gr.Textbox
    python: gr.Textbox
    format: gr.Radio
    download: gr.DownloadButton
    paint: gr.Button
    stop: gr.Button

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.slider, self.picture, self.command, self.python]


def result_panel(elem_id: str) -> ResultPanel:
    """Lay out an empty result and connect its download."""
    slider = gr.ImageSlider(
        type="filepath",
        format="png",
        interactive=False,
        label="Before and after",
        show_label=False,
        buttons=["fullscreen"],
        max_height=620,
        elem_id=elem_id,
        elem_classes=["result"],
    )
    with gr.Row():
        paint = gr.Button("Paint", variant="primary", size="md", scale=3)
        stop = gr.Button("Stop", size="md", scale=1, min_width=80)
    with gr.Row(elem_classes=["take-home"]):
        format = gr.Radio(
            list(_OFFERED), value="PNG", label="Format", show_label=False, container=False, scale=2, min_width=270
        )
        download = gr.DownloadButton(
            "Download", interactive=False, size="md", scale=3, min_width=200, elem_classes=["download"]
        )
    with gr.Accordion("Make it again", open=False):
        shell = gr.Textbox(label="In a shell", interactive=False, buttons=["copy"], lines=1, elem_classes=["code"])
        python = gr.Textbox(label="In Python", interactive=False, buttons=["copy"], lines=1, elem_classes=["code"])
    picture = gr.File(label="Picture", visible="hidden", interactive=False)
    panel = ResultPanel(slider, picture, shell, python, format, download, paint, stop)
    gr.on(
        [picture.change, format.change],
        one_sentence(as_format),
        inputs=[picture, format],
        outputs=[download],
        show_progress="minimal",
        api_visibility="private",
    )
    return panel


def filled(painted: Painted) -> tuple[Any, ...]:
    """Values for ``ResultPanel.outputs``."""
    stem = Path(painted.recipe.get("photo") or "photo").stem
    path = save(painted.after, temporary_folder() / f"{stem}-painted.png")
    return shown(painted), str(path), command(painted.recipe), python_line(painted.recipe)


def saved(image: Image.Image, name: str) -> str:
    """Save ``image`` as a PNG file in the upload folder."""
    path = temporary_folder() / name
    image.save(path)
    return str(path)


def shown(painted: Painted, size: tuple[int, int] | None = None) -> tuple[str, str]:
    """The two pictures for the slider, as large as the page shows a photo of ``size`` (default: their own)."""
    width, height = size or painted.after.size
    scale = min(1.0, DISPLAY / max(width, height))
    target = max(1, round(width * scale)), max(1, round(height * scale))
    folder = temporary_folder()
    paths = []
    for name, image in (("before", painted.before), ("after", painted.after)):
        fitted = image if image.size == target else image.resize(target, Image.Resampling.BICUBIC)
        path = folder / f"{name}.jpg"
        path.write_bytes(encode_image(fitted, "jpeg", quality=92))
        paths.append(str(path))
    return paths[0], paths[1]


def as_format(picture: str | None, format: str) -> Any:
    """The full picture in the chosen download format, with its provenance metadata."""
    if picture is None:
        return gr.update(value=None, label="Download", interactive=False)
    source = Path(picture)
    target = source
    if FORMATS[_OFFERED[format]] != FORMATS[source.suffix]:
        target = temporary_folder() / f"{source.stem}{_OFFERED[format]}"
        write_image(read_image(source).image, target, recipe=read_recipe(source))
    size = target.stat().st_size
    weight = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"
    return gr.update(value=str(target), label=f"Download {format}, {weight}", interactive=True)
