"""Every model makes the picture that it made when it was released, and loads again what it was saved as."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.registry import Entry
from hub.weights import find_weights, read_metadata, read_safetensors, write_safetensors
from tests.support.golden import golden, paint

ENTRIES = hub.list()
WITH_WEIGHTS = [entry for entry in ENTRIES if entry.model.files]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_the_picture_of_the_release(entry: Entry) -> None:
    """Within 2 of 255 at every pixel; 2 on average where many steps of an optimisation add up what machines round."""
    made = paint(hub.load(entry.name, device="cpu", dtype="float32"))
    difference = np.abs(np.asarray(made, np.int16) - np.asarray(Image.open(golden(entry.name)), np.int16))
    if entry.method.iterative:
        assert difference.mean() <= 2
    else:
        assert difference.max() <= 2


@pytest.mark.parametrize("entry", WITH_WEIGHTS, ids=lambda e: e.name)
def test_other_weights_of_the_same_shapes_load_again(entry: Entry, tmp_path: Path) -> None:
    """Random weights, saved and loaded by the folder, make the same picture to the bit, and another than the bundled."""
    path = find_weights(entry.model.files[0], root=entry.root)
    random = torch.Generator().manual_seed(0)
    # Half of each tensor is random: another network, but one whose numbers keep their size.
    tensors = {
        name: tensor.float() * (0.5 + torch.rand(tensor.shape, generator=random))
        for name, tensor in read_safetensors(path).items()
    }
    for name in ("one", "two"):
        write_safetensors(tmp_path / name / "model.safetensors", tensors, read_metadata(path))
    one, two, bundled = (
        np.asarray(paint(hub.load(source, device="cpu", dtype="float32")))
        for source in (tmp_path / "one", tmp_path / "two", entry.name)
    )
    assert np.array_equal(one, two)
    assert np.abs(one.astype(np.int16) - bundled).mean() > 0.5
    again = read_safetensors(tmp_path / "one" / "model.safetensors")
    assert all(torch.equal(again[name], tensor) for name, tensor in tensors.items())
    assert json.loads(read_metadata(tmp_path / "one" / "model.safetensors")["config"])
