"""tools.task_vector: an any-style network takes over what its base learnt later."""

from pathlib import Path

import pytest
import torch

from hub.weights import read_config, read_safetensors, write_model
from methods.any_style.network import AnyStyleNetwork
from methods.parts.transformation.network import ImageTransformationNetwork
from tests.support.models import random_network
from tools.task_vector import add, write


def begun_from(base: ImageTransformationNetwork) -> AnyStyleNetwork:
    """An any-style network with the filters of ``base``; the first row of each layer is the mean of its rows."""
    network = AnyStyleNetwork(4, 6, 5, 8)
    for (name, own), theirs in zip(network.transformation.named_parameters(), base.parameters(), strict=True):
        if ".norm." in name:
            own.data[0] = theirs.mean(0)
        else:
            own.data = theirs.data
    return network


def test_the_code_that_is_only_one_paints_as_the_mean_of_the_new_rows() -> None:
    before, after = random_network(seed=0), random_network(seed=1)
    network, photo = begun_from(before), torch.rand(1, 3, 32, 32)
    code = torch.eye(6)[:1]
    mean = torch.full((1, 3), 1 / 3)
    assert torch.allclose(network.paint(photo, code), before(photo, mean), atol=1e-5)
    network.load_state_dict(add(before.state_dict(), after.state_dict(), network.state_dict()))
    assert torch.allclose(network.paint(photo, code), after(photo, mean), atol=1e-5)


def test_the_other_rows_and_the_predictor_stay() -> None:
    before, after = random_network(seed=0), random_network(seed=1)
    network = begun_from(before).state_dict()
    changed = add(before.state_dict(), after.state_dict(), network)
    rows = "transformation.layers.3.norm.scale"
    assert torch.equal(changed[rows][1:], network[rows][1:])
    assert all(torch.equal(changed[name], network[name]) for name in network if name.startswith("predictor."))


def test_files_keep_their_configuration_and_other_layers_are_refused(tmp_path: Path) -> None:
    before, after = random_network(seed=0), random_network(seed=1)
    write_model(tmp_path / "before", before.state_dict(), {})
    write_model(tmp_path / "after", after.state_dict(), {})
    write_model(tmp_path / "any", begun_from(before).state_dict(), {"method": "any-style", "width": 4})
    files = [tmp_path / name / "model.safetensors" for name in ("before", "after", "any")]
    write(*files, tmp_path / "out")
    made = tmp_path / "out" / "model.safetensors"
    assert read_config(made) == {"method": "any-style", "width": 4}
    assert read_safetensors(made).keys() == read_safetensors(files[2]).keys()
    with pytest.raises(SystemExit, match="other layers"):
        write(*files[:2], files[1], tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()
