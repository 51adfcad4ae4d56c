"""What every method must do, whoever wrote it. ``tests/test_contract.py`` runs it over the whole registry.

A contributor runs it over a model of their own: ``check_contract(hub.load("./my-method", trust=True), {...})``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops

from hub.cli.flags import parse, rows
from hub.errors import ImageError, ParameterError, StylehubError
from hub.method import Method
from hub.parameters import Parameters, field_specs, validate
from hub.provenance import flags


def check_contract(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """Run every check on ``method``, called with ``parameters`` (what it needs, such as a style)."""
    for check in CHECKS:
        check(method, parameters, photo, folder)


def check_entry(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """What the registry's entry says of ``inputs`` is what the method takes: a photo, styles by name, pictures."""
    inputs = method.entry.method.inputs
    assert "content" in inputs
    assert ("style-names" in inputs) == bool(method.styles)
    takes = {field.kind for field in field_specs(method.Parameters) if field.role == "style"}
    assert ("style-images" in inputs) == ("pictures" in takes)


def check_kinds(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """A path, a PIL image, bytes and a tensor all work and agree; a tensor comes back as a tensor like it."""
    path = folder / "kinds.png"
    photo.save(path)
    before = photo.copy()
    image = method(photo, **parameters)
    assert isinstance(image, Image.Image)
    assert image.mode == "RGB"
    assert np.array_equal(before, photo), "the photo given was changed"
    for same in (path, str(path), path.read_bytes()):
        assert np.array_equal(image, method(same, **parameters))
    pixels = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1)[None].double() / 255
    given = pixels.clone()
    result = method(pixels, **parameters)
    assert result.shape == pixels.shape
    assert result.dtype == pixels.dtype
    assert torch.equal(given, pixels), "the tensor given was changed"
    assert result.min() >= 0
    assert result.max() <= 1
    assert np.abs(result[0].permute(1, 2, 0).numpy() * 255 - np.asarray(image)).max() <= 1
    assert not np.array_equal(image, photo), "nothing happened"
    both = method(torch.cat([pixels, pixels.flip(3)]), **parameters)
    assert (both[0] - result[0]).abs().max() < 0.02, "pictures of one batch influence each other"
    recipe = image.info["stylehub"]
    assert recipe["model"] == method.entry.address
    assert recipe["weights"] == method.weights_sha256


def check_sizes(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """Any size comes back as it was, finite, odd and tiny and extreme ones too, and pictures of one colour."""
    for size in ((1, 1), (3, 500), (33, 47), (500, 2)):
        assert method(photo.resize(size), **parameters).size == size
    assert method(photo, size=48, **parameters).size == photo.size
    for value in (0.0, 0.5, 1.0):
        assert torch.isfinite(method(torch.full((1, 3, 40, 40), value), **parameters)).all()


def check_strength(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """Strength 0 is the photo to the bit, also where a strength map is black; half lies in between."""
    assert np.array_equal(method(photo, strength=0, **parameters), photo)
    full, half = method(photo, **parameters), method(photo, strength=0.5, **parameters)
    middle = (np.asarray(full, np.float32) + np.asarray(photo, np.float32)) / 2
    assert np.abs(middle - half).max() <= 2
    mask = Image.new("L", photo.size, 0)
    mask.paste(255, (0, 0, photo.width // 2, photo.height))
    mapped = np.asarray(method(photo, strength_map=mask, **parameters))
    left = slice(0, photo.width // 2)
    assert np.array_equal(mapped[:, left], np.asarray(full)[:, left])
    right = slice(photo.width // 2, None)
    assert np.array_equal(mapped[:, right], np.asarray(photo)[:, right])


def check_place(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """Inside a mask the picture is changed, well outside of it the photo stays; everywhere alike without one."""
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, photo.width // 2, photo.height))
    place = {"where": "mask", "map": mask}
    changed = np.abs(np.asarray(method(photo, **parameters, **place), np.int16) - np.asarray(photo, np.int16))
    assert changed[:, photo.width // 2 + 3 :].max() <= 1
    assert changed[:, : photo.width // 2 - 3].mean() > 1
    tiny = photo.resize((24, 20))
    assert method(tiny, **parameters, **place).size == tiny.size
    everywhere = method(photo, **parameters, where="everywhere")
    whole = np.asarray(method(photo, **parameters, where="mask", map=Image.new("L", photo.size, 255)), np.int16)
    assert np.abs(whole - np.asarray(everywhere, np.int16)).max() <= 2


def check_colours(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """With its colours kept, a grey photo stays grey."""
    grey = photo.convert("L").convert("RGB")
    kept = np.asarray(method(grey, keep_color=True, **parameters), np.int16)
    assert np.ptp(kept, axis=2).max() <= 1


def check_alpha(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """Transparency is kept, and colours that it hides change nothing."""
    alpha = Image.linear_gradient("L").resize(photo.size).point(lambda level: level if level > 80 else 0)
    results = []
    for hidden in (photo, ImageChops.invert(photo)):
        transparent = Image.composite(photo, hidden, alpha.point(bool, "1"))
        transparent.putalpha(alpha)
        results.append(method(transparent, **parameters))
    assert results[0].mode == "RGBA"
    assert np.array_equal(results[0].getchannel("A"), alpha)
    assert np.abs(np.subtract(*results, dtype=np.int16)).mean() < 0.5


def check_parameters(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """Every field has what its faces need, and what a picture records becomes flags that read back the same."""
    assert issubclass(method.Parameters, Parameters)
    for field in field_specs(method.Parameters):
        assert field.title
        assert field.description.endswith("."), f"{field.name} has no description that is a sentence"
        assert field.kind in ("flag", "integer", "number", "text", "choice", "shares", "path", "pictures", "map")
    assert len(rows(method.Parameters)) == len(method.Parameters.model_fields)
    values = method.resolve(
        validate(method.Parameters, {**parameters, "strength": 0.25, "keep_color": True, "size": 64})
    )
    words = flags(values.model_dump(mode="json", exclude_defaults=True))
    read, rest = parse(method.Parameters, words)
    assert not rest
    # As it is recorded: of files the names.
    assert method.checked(read).model_dump(mode="json") == values.model_dump(mode="json")


def check_bad_input(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """Whatever is wrong is one sentence, never a traceback of another kind."""
    text = folder / "text.jpg"
    text.write_text("not a picture")
    for bad in (text, folder / "nowhere.png", b"", folder):
        with pytest.raises(ImageError):
            method(bad, **parameters)
    good = torch.rand(1, 3, 32, 32)
    for bad_tensor in (good[0], good[:, :1], good * 255, good - 1, good * float("nan"), (good * 255).to(torch.uint8)):
        with pytest.raises(ParameterError):
            method(bad_tensor, **parameters)
    for wrong in ({"strength": 2}, {"strength": float("nan")}, {"size": 0}, {"nonsense": 1}):
        with pytest.raises(StylehubError) as error:
            method(photo, **{**parameters, **wrong})
        assert "\n" not in str(error.value)


def check_progress(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """Progress is reported and ends complete; an exception in the callback stops the work."""
    seen: list[Any] = []
    method(photo, progress=seen.append, **parameters)
    assert seen[-1].step == seen[-1].of

    class StopNowError(Exception): ...

    def stop(_: Any) -> None:
        raise StopNowError

    with pytest.raises(StopNowError):
        method(photo, progress=stop, **parameters)


def check_tiling(method: Method, parameters: dict[str, Any], photo: Image.Image, folder: Path) -> None:
    """Painted in tiles a picture is what it is at once, to 2 of 255, where the entry says that tiling is exact."""
    if method.entry.method.tiling != "exact":
        return
    whole = np.asarray(method(photo, **parameters), np.int16)
    method.tile = 24
    try:
        tiled = np.asarray(method(photo, **parameters), np.int16)
    finally:
        method.tile = None
    # Of the bundled models none was off by more than 1, in float32 or in bfloat16, by tiles of 16 to 48 pixels.
    assert np.abs(whole - tiled).max() <= 2


Check = Callable[[Method, dict[str, Any], Image.Image, Path], None]
CHECKS: tuple[Check, ...] = (
    check_entry,
    check_kinds,
    check_sizes,
    check_strength,
    check_place,
    check_colours,
    check_alpha,
    check_parameters,
    check_bad_input,
    check_progress,
    check_tiling,
)
