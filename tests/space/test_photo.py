"""A photo that arrives on the page: taken, reduced or refused, and said."""

from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageChops

gr = pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from space import photo


def test_a_photo_is_taken_as_it_is(photo_file: Path) -> None:
    assert photo.accept(str(photo_file)) == (str(photo_file), ""), "an update would lose our checks"
    assert photo.accept(None) == (None, "")


def test_a_photo_over_the_limit_is_reduced_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo, "MAX_PIXELS", 2_000_000)
    Image.new("RGB", (2000, 1500), (9, 90, 200)).save(tmp_path / "large.png")
    path, said = photo.accept(str(tmp_path / "large.png"))
    assert Path(path).name == "large.jpg"
    width, height = Image.open(path).size
    assert width * height <= 2_000_000
    assert width / height == pytest.approx(4 / 3, rel=0.01)
    assert said == "Your photo has 3 megapixels. It is reduced to 2, the most this page takes."


@pytest.mark.parametrize(("content", "sentence"), [(b"hello", "unknown format"), (b"", "is empty")])
def test_what_is_no_photo_leaves_its_place_and_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "text.jpg").write_bytes(content)
    empty, said = photo.accept(str(tmp_path / "text.jpg"))
    assert empty is None
    assert sentence in said
    assert str(tmp_path) not in said


def test_a_path_from_a_client_is_refused_even_after_an_update(photo_file: Path, tmp_path: Path) -> None:
    """Gradio builds a component anew when a handler returns an update; a check on the old object would be lost."""
    from gradio.data_classes import ImageData
    from gradio_client import Client, handle_file

    with gr.Blocks() as demo:
        picture = photo.photo_input()
        gr.Button().click(lambda: gr.Image(label="Photo", height=99), outputs=[picture], api_name="update")
        gr.Button().click(lambda path: path, inputs=[picture], outputs=[gr.Textbox()], api_name="path")
    app, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, show_error=True)
    try:
        client = Client(address, verbose=False, download_files=str(tmp_path))
        for _ in range(2):
            assert client.predict(handle_file(str(photo_file)), api_name="/path").endswith(photo_file.name)
            for path in ("/etc/passwd", str(photo_file), "../photo.png"):
                data = {"path": path, "meta": {"_type": "gradio.FileData"}}
                body = {"data": [data], "session_hash": client.session_hash}
                call = httpx.post(f"{address}gradio_api/call/path", json=body, timeout=30).json()
                answer = httpx.get(f"{address}gradio_api/call/path/{call['event_id']}", timeout=30).text
                assert answer.startswith("event: error"), answer
            client.predict(api_name="/update")
        updated = app.state_holder[client.session_hash][picture._id]
        assert updated is not picture, "the update has built nothing anew, so this shows nothing"
        for held in (picture, updated):
            with pytest.raises(gr.Error, match="was not uploaded"):
                held.preprocess(ImageData(path=str(photo_file)))
    finally:
        demo.close()


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_read_once_and_small(tmp_path: Path, orientation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page shows is made from one reading, upright; the size is that of the whole photo."""
    from hub.images import read_image

    pixels = Image.linear_gradient("L").resize((4000, 2000)).convert("RGB")
    exif = Image.Exif()
    exif[274] = orientation
    pixels.save(tmp_path / "large.jpg", exif=exif, quality=95)
    path = str(tmp_path / "large.jpg")
    full = (2000, 4000) if orientation == 6 else (4000, 2000)
    assert photo.accept(path) == (path, "")
    monkeypatch.setattr(photo, "decoded", None)  # it is not read again
    for side in (photo.DISPLAY, photo.SMALL):
        small, size = photo.read_reduced(path, side)
        assert size == full
        assert max(small.size) == side
    whole = read_image(path).image.resize(small.size, Image.Resampling.LANCZOS)
    assert ImageChops.difference(whole, small).getextrema()[0][1] <= 3
    draft, size = photo.read_draft(path, 512)
    assert (min(draft.size), size) == (512, full)
    small.paste("red", (0, 0, 9, 9))
    assert photo.read_reduced(path, photo.SMALL)[0].getpixel((0, 0)) != (255, 0, 0), (
        "the kept photo is nobody's to change"
    )
