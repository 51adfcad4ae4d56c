"""A blend is kept as a file and opened again; a stranger's file is not believed."""

import json
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="the app needs the extra stylehub[space]")


import hub
from hub.errors import StylehubError
from space import preset


def test_a_blend_is_kept_and_opened_again() -> None:
    method = hub.load("cin-25styles", device="cpu")
    offered = preset.offer(method.entry, {"starry-night": 0.25, "great-wave": 0.75})
    assert preset.read(method, offered["value"]) == {"van-gogh-starry-night": 0.25, "hokusai-great-wave": 0.75}
    assert preset.offer(method.entry, {})["interactive"] is False


GOOD = {"stylehub_preset": 1, "model": "cin-25styles", "style": {"udnie": 1}}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is not a blend"),
        ("[" * 50_000, "is not a blend"),
        ("x" * 70_000, "too long"),
        (json.dumps(GOOD | {"stylehub_preset": 2}), "is not a blend"),
        (json.dumps(GOOD | {"more": 1}), "is not a blend"),
        (json.dumps(GOOD | {"style": {}}), "is not a blend"),
        (json.dumps(GOOD | {"style": {"udnie": float("nan")}}), "is not a blend"),
        (json.dumps(GOOD | {"style": {"udnie": -1}}), "is not a blend"),
        (json.dumps(GOOD | {"style": {"udnie": 0}}), "sum to zero"),
        (json.dumps(GOOD | {"style": {"<script>": 1}}), "There is no style"),
        (json.dumps(GOOD | {"model": "other"}), "for 'other'"),
    ],
)
def test_files_that_are_no_blend(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "blend.json"
    path.write_text(content)
    with pytest.raises(StylehubError, match=sentence):
        preset.read(hub.load("cin-25styles", device="cpu"), str(path))
