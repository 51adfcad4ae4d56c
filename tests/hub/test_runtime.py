"""Where and how it is computed: choices measured once, memory that runs out, compilers that are not there."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub import runtime
from hub.errors import StylehubError
from hub.files import example_photo, user_cache
from hub.training import TrainingSettings, facts
from methods.parts.memory import free_bytes

CPU = torch.device("cpu")


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> dict[torch.dtype, float]:
    """Pretended seconds; ``calls`` are counted under None. Nothing is remembered yet."""
    (user_cache() / "runtime.json").unlink()
    times: dict[Any, float] = {torch.float32: 1.0, torch.bfloat16: 0.5, None: 0}

    def seconds(dtype: torch.dtype, device: torch.device) -> float:
        times[None] += 1
        return times[dtype]

    monkeypatch.setattr(runtime, "seconds", seconds)
    monkeypatch.setattr(runtime, "training_seconds", seconds)
    return times


@pytest.mark.parametrize(("half", "chosen"), [(0.5, "bfloat16"), (0.95, "float32"), (float("inf"), "float32")])
def test_the_faster_dtype_is_measured_once(stopwatch: dict[Any, float], half: float, chosen: str) -> None:
    stopwatch[torch.bfloat16] = half
    for _ in range(3):
        assert runtime.choose_dtype(None, CPU, half=True) is getattr(torch, chosen)
    assert stopwatch[None] == (4 if half == float("inf") else 2 * runtime._ROUNDS), "measured again, or in vain"
    assert list(json.loads((user_cache() / "runtime.json").read_text()).values()) == [chosen]
    assert runtime.choose_dtype(None, CPU, half=False) is torch.float32
    assert runtime.choose_dtype("float32", CPU, half=True) is torch.float32


@pytest.mark.parametrize(("half", "chosen"), [(0.5, "bfloat16"), (0.95, "float32"), (float("inf"), "float32")])
def test_training_is_measured_for_itself(stopwatch: dict[Any, float], half: float, chosen: str) -> None:
    runtime.fastest_dtype(CPU)
    stopwatch |= {torch.bfloat16: half, None: 0}
    for _ in range(3):
        assert runtime.training_dtype(CPU) is getattr(torch, chosen)
    assert stopwatch[None] == (4 if half == float("inf") else 2 * runtime._ROUNDS), "measured again, or in vain"
    key, training_key = json.loads((user_cache() / "runtime.json").read_text()).items()
    assert training_key == (f"{key[0]}, training", chosen)
    assert runtime.fastest_dtype(CPU) is torch.bfloat16, "one has replaced the other"


@pytest.mark.parametrize(("asked", "used"), [(None, True), (True, True), (False, False)])
def test_settings_of_a_training_say_what_is_computed_in(
    stopwatch: dict[Any, float], asked: bool | None, used: bool
) -> None:
    settings = TrainingSettings(bf16=asked).on(CPU)
    assert (settings.bf16, facts(settings)["bf16"]) == (used, used)
    assert bool(stopwatch[None]) == (asked is None), "measured although it was said"
    assert TrainingSettings().on(CPU).bf16 is True
    assert facts(TrainingSettings())["bf16"] is False, "what nobody measured was float32"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1}', b"\xff", b'{"%s": "complex64"}', b'{"%s": ["float32"]}'])
def test_a_damaged_memory_is_measured_anew(stopwatch: dict[Any, float], content: bytes) -> None:
    path = user_cache() / "runtime.json"
    runtime.choose_dtype(None, CPU, half=True)
    key = next(iter(json.loads(path.read_text())))
    path.write_bytes(content.replace(b"%s", key.encode()))
    assert runtime.choose_dtype(None, CPU, half=True) is torch.bfloat16
    assert json.loads(path.read_text())[key] == "bfloat16"


def test_a_real_measurement() -> None:
    assert 0 < runtime.seconds(torch.float32, CPU) < float("inf")
    assert runtime.seconds(torch.bool, CPU) == float("inf"), "what cannot be computed is never chosen"
    assert 0 < runtime.training_seconds(torch.float32, CPU) < float("inf")
    assert runtime.training_seconds(torch.bool, CPU) == float("inf"), "what has no gradient is never chosen"
    assert free_bytes(CPU) > 1 << 20


def test_half_the_bits_look_the_same() -> None:
    """Stated tolerance: bfloat16 differs from float32 by at most 1 % of the range on average."""
    photo = Image.open(example_photo()).resize((192, 128))
    pictures = {}
    for dtype in ("float32", "bfloat16"):
        style = hub.load("cin-25styles", device="cpu", dtype=dtype)
        pictures[dtype] = np.asarray(style(photo, style="starry-night"), np.float64) / 255
    difference = np.abs(pictures["float32"] - pictures["bfloat16"])
    assert 0 < difference.mean() < 0.01


def test_memory_that_runs_out_makes_the_tiles_smaller(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    style = hub.load(tiny_model, device="cpu", dtype="float32")
    photo = torch.rand(2, 3, 60, 44)
    right = style(photo, style="klee-senecio")
    tried: list[int | None] = []
    run = style.runner.run

    def poor(pictures: list[torch.Tensor], mix: torch.Tensor, tile: int | None, progress: Any) -> torch.Tensor:
        tried.append(tile)
        if tile is None:
            raise torch.OutOfMemoryError("CUDA out of memory")
        if tile > 128:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return run(pictures, mix, tile, progress)

    monkeypatch.setattr(style.runner, "run", poor)
    with caplog.at_level(logging.WARNING):
        assert (style(photo, style="klee-senecio") - right).abs().max() < 1e-4
    assert tried == [None, 256, 128]
    assert "trying smaller tiles" in caplog.text

    monkeypatch.setattr(style.runner, "tiles", (1024,))
    with pytest.raises(StylehubError, match=r"not enough memory for a picture of 44x60; .*--size"):
        style(photo, style="klee-senecio")
    monkeypatch.setattr(style.runner, "run", lambda *_: torch.zeros(1).view(5))
    with pytest.raises(RuntimeError, match="invalid for input"):
        style(photo, style="klee-senecio")


def test_a_compiler_that_fails_is_done_without(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    def compile(network: Any, **options: Any) -> Any:
        def fail(*inputs: Any) -> Any:
            calls.append(1)
            raise RuntimeError("\nno C++ compiler here\nand much more")

        return fail

    monkeypatch.setattr(torch, "compile", compile)
    photo = torch.rand(1, 3, 40, 32)
    plain = hub.load(tiny_model, device="cpu")(photo, style="klee-senecio")
    style = hub.load(tiny_model, device="cpu", compile=True)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert torch.equal(style(photo, style="klee-senecio"), plain)
    assert len(calls) == 1, "tried again after it had failed"
    assert [r.getMessage() for r in caplog.records] == [
        "torch.compile failed here (no C++ compiler here); going on without it."
    ]


@pytest.mark.slow
def test_compiled_equals_plain(tiny_model: Path) -> None:
    plain, style = (hub.load(tiny_model, device="cpu", dtype="float32", compile=c) for c in (False, True))
    for height, width in ((40, 32), (64, 48), (52, 52)):
        photo = torch.rand(1, 3, height, width)
        assert (style(photo, style="klee-senecio") - plain(photo, style="klee-senecio")).abs().max() < 1e-4
