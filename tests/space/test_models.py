"""Many users: a model is loaded once, everyone gets their own picture and stops their own work."""

import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")

from gradio_client import Client, handle_file

from hub.errors import Cancelled
from hub.progress import Progress
from space.models import Jobs, Models
from tests.support.app import SINGLE


def test_two_first_users_load_a_model_once() -> None:
    loads = []
    both = threading.Barrier(2)

    def load(name: str) -> Any:
        loads.append(name)
        threading.Event().wait(0.05)
        return object()

    models = Models(load)

    def user() -> None:
        both.wait()
        models.get("m")

    users = [threading.Thread(target=user) for _ in range(2)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    assert loads == ["m"]


def test_users_get_their_own_pictures(page: tuple[Any, str], tmp_path: Path) -> None:
    """Four at once, each with a photo of one colour, kept by strength 0."""
    answers: dict[int, Any] = {}

    def user(number: int) -> None:
        path = tmp_path / f"user{number}.png"
        Image.new("RGB", (64, 48), (60 * number, 0, 0)).save(path)
        own = Client(page[1], verbose=False, download_files=str(tmp_path / f"downloads{number}"))
        answers[number] = own.predict(photo=handle_file(str(path)), style="starry-night", strength=0, api_name=SINGLE)

    users = [threading.Thread(target=user, args=(n,)) for n in range(4)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    for number in range(4):
        _, picture, command, _ = answers[number]
        assert Image.open(picture).getpixel((5, 5)) == (60 * number, 0, 0)
        assert f"user{number}.png" in command


def test_a_session_stops_its_own_work_only() -> None:
    jobs = Jobs()
    with jobs.running("a") as a, jobs.running("b") as b:
        jobs.stop("a")
        jobs.stop("nobody")
        b(Progress(1, 2))
        with pytest.raises(Cancelled):
            a(Progress(1, 2))
    with jobs.running("a") as again:
        again(Progress(1, 2))  # the next job of the same session is not stopped


def test_stopping_ends_the_computation(photo: Image.Image) -> None:
    jobs = Jobs()
    with jobs.running("a") as check:
        jobs.stop("a")
        with pytest.raises(Cancelled):
            Models().paint("cin-25styles", photo, {"style": "starry-night"}, check)
