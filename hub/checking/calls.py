"""What a method must do when it is called, whoever wrote it. Each rule says in its docstring what must hold."""

import logging
from collections.abc import Callable
from contextlib import contextmanager
from inspect import signature
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageChops
from torch import Tensor

from hub.checking.case import Broken, Case, LeftOut, require
from hub.cli.flags import parse, rows
from hub.cli.stylize import stylize_command
from hub.errors import ImageError, ParameterError, StylehubError
from hub.parameters import Parameters, field_specs, validate
from hub.progress import Progress
from hub.provenance import flags

KINDS = ("flag", "integer", "number", "text", "choice", "shares", "path", "list", "pictures", "map")


def inputs(case: Case) -> None:
    """The ``inputs`` of the entry are what the method takes: a photo, styles by name, pictures."""
    said = case.method.entry.method.inputs
    require("content" in said, "inputs must have content, the photo")
    for name, takes, how in (
        ("style-names", bool(case.method.styles), "the method's `styles` has names"),
        (
            "style-images",
            any(f.kind == "pictures" and f.role == "style" for f in field_specs(case.method.Parameters)),
            "the parameter with the role style is `Pictures`",
        ),
    ):
        require((name in said) == takes, f"inputs must have {name} where {how}, and only there")


def kinds(case: Case) -> None:
    """A path, a PIL image, bytes and a tensor give the same picture; for a tensor the result is a tensor."""
    method, photo, parameters = case.method, case.photo, case.parameters
    path = case.folder / "kinds.png"
    photo.save(path)
    before = photo.copy()
    image = method(photo, **parameters)
    require(isinstance(image, Image.Image) and image.mode == "RGB", "a PIL image must come back as one, in RGB")
    require(same(before, photo), "the photo that was given is changed")
    for again in (path, str(path), path.read_bytes()):
        require(same(image, method(again, **parameters)), f"the same photo as {type(again).__name__} differs")
    pixels = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1)[None].double() / 255
    result = method(pixels, **parameters)
    require(result.shape == pixels.shape and result.dtype == pixels.dtype, "a tensor must come back like it")
    single = pixels.float()
    given = single.clone()
    method(single, **parameters)
    require(torch.equal(given, single), "the tensor that was given is changed; work on a copy")
    levels = np.abs(result[0].permute(1, 2, 0).numpy() * 255 - np.asarray(image)).max()
    require(levels <= 1, f"the photo as a tensor differs by {levels:.1f} of 255 from the photo as an image")
    require(not same(image, photo), "the photo comes back unchanged")
    both = method(torch.cat([pixels, pixels.flip(3)]), **parameters)
    require((both[0] - result[0]).abs().max() < 0.02, "the pictures of one batch influence each other")
    recipe = image.info["stylehub"]
    require(recipe["model"] == method.entry.address, "the metadata do not name the model")
    require(recipe["weights"] == method.weights_sha256, "the metadata do not name the weights")


def sizes(case: Case) -> None:
    """The result has the photo's size and no NaN, for odd, tiny and extreme sizes and pictures of one colour."""
    for size in ((1, 1), (3, 500), (33, 47), (500, 2)):
        found = case.method(case.photo.resize(size), **case.parameters).size
        require(found == size, f"{size[0]}x{size[1]} pixels became {found[0]}x{found[1]}")
    require(case.method(case.photo, size=48, **case.parameters).size == case.photo.size, "--size 48 changes the size")
    for value in (0.0, 0.5, 1.0):
        result = case.method(torch.full((1, 3, 40, 40), value), **case.parameters)
        require(torch.isfinite(result).all(), f"a picture that is {value:g} everywhere became NaN or infinite")


def values(case: Case) -> None:
    """``stylize`` itself gives float32 in [0, 1]; the hub would cut off what lies outside without a word."""
    found: list[Tensor] = []

    def watched(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def called(*given: Any) -> Tensor:
            found.append(method(*given).detach().clone())
            return found[-1].clone()

        return called

    with changed(case.method, "stylize", watched(case.method.stylize)):
        case.method(case.photo, **case.parameters)
    for result in found:
        low, high = float(result.min()), float(result.max())
        require(low >= -0.05 and high <= 1.05, f"the values go from {low:.2f} to {high:.2f}; clamp them to [0, 1]")
        require(result.dtype == torch.float32, f"the dtype is {result.dtype}")


def strength(case: Case) -> None:
    """Strength 0 gives the photo to the bit, and so does a black strength map; 0.5 lies in between."""
    method, photo, parameters = case.method, case.photo, case.parameters
    require(same(method(photo, strength=0, **parameters), photo), "strength 0 is not the photo")
    full, half = method(photo, **parameters), method(photo, strength=0.5, **parameters)
    middle = (np.asarray(full, np.float32) + np.asarray(photo, np.float32)) / 2
    require(
        np.abs(middle - np.asarray(half, np.float32)).max() <= 2,
        "strength 0.5 does not lie between the photo and the full style",
    )
    mask = left_half(photo)
    mapped = np.asarray(method(photo, strength_map=mask, **parameters))
    left, right = slice(0, photo.width // 2), slice(photo.width // 2, None)
    require(same(mapped[:, left], np.asarray(full)[:, left]), "where the strength map is white the result is another")
    require(same(mapped[:, right], np.asarray(photo)[:, right]), "where the strength map is black the photo is changed")


def place(case: Case) -> None:
    """The picture changes inside a mask, and well outside it the photo stays; without a mask it changes everywhere."""
    method, photo, parameters = case.method, case.photo, case.parameters
    where: dict[str, Any] = {"where": "mask", "map": left_half(photo)}
    difference = levels(method(photo, **parameters, **where), photo)
    require(difference[:, photo.width // 2 + 3 :].max() <= 1, "outside of the mask the photo is changed")
    require(difference[:, : photo.width // 2 - 3].mean() > 1, "inside of the mask nothing is changed")
    tiny = photo.resize((24, 20))
    require(method(tiny, **parameters, **where).size == tiny.size, "a tiny photo with a mask changes its size")
    everywhere = method(photo, **parameters, where="everywhere")
    with changed(logging.getLogger("hub.placing"), "disabled", True):  # it would say that this mask is of no use
        whole = method(photo, **parameters, where="mask", map=Image.new("L", photo.size, 255))
    require(levels(whole, everywhere).max() <= 2, "a mask that is white everywhere is not the same as none")


def colours(case: Case) -> None:
    """With its colours kept, a grey photo stays grey."""
    grey = case.photo.convert("L").convert("RGB")
    kept = np.asarray(case.method(grey, keep_color=True, **case.parameters), np.int16)
    require(np.ptp(kept, axis=2).max() <= 1, "with --keep-color a grey photo gets colours")


def alpha(case: Case) -> None:
    """Transparency is kept, and hidden colours change nothing."""
    plane = Image.linear_gradient("L").resize(case.photo.size).point(lambda level: level if level > 80 else 0)
    results = []
    for hidden in (case.photo, ImageChops.invert(case.photo)):
        transparent = Image.composite(case.photo, hidden, plane.point(bool, "1"))
        transparent.putalpha(plane)
        results.append(case.method(transparent, **case.parameters))
    kept = results[0].mode == "RGBA" and same(results[0].getchannel("A"), plane)
    require(kept, "the transparency of the photo is lost")
    require(levels(*results).mean() < 0.5, "colours that transparency hides change the picture")


def parameters(case: Case) -> None:
    """Every parameter has a title, a description and a flag; the parameters in a picture's metadata become the same flags."""
    method = case.method
    require(issubclass(method.Parameters, Parameters), "Parameters must be a subclass of hub.Parameters")
    # Of the command itself, which would read such a flag before the method.
    taken = {"--" + name.replace("_", "-") for name in signature(stylize_command(False)).parameters} | {"--json"}
    for field in field_specs(method.Parameters):
        require(field.title, f"the parameter {field.name!r} has no title")
        require(field.description.endswith("."), f"the parameter {field.name!r} has no description with a full stop")
        require(field.kind in KINDS, f"the parameter {field.name!r} has the kind {field.kind!r}, which has no flag")
        require(
            field.option not in taken or field.name in Parameters.model_fields, f"{field.option} is an option already"
        )
    require(len(rows(method.Parameters)) == len(method.Parameters.model_fields), "a parameter has no flag")
    chosen = method.resolve(
        validate(method.Parameters, {**case.parameters, "strength": 0.25, "keep_color": True, "size": 64})
    )
    words = flags(chosen.model_dump(mode="json", exclude_defaults=True))
    read, rest = parse(method.Parameters, words)
    require(not rest, f"the flags {words} are not read back")
    # As it is recorded: of files the names.
    again = method.checked(read).model_dump(mode="json")
    require(again == chosen.model_dump(mode="json"), f"the flags {words} are read back as something else")


def bad_input(case: Case) -> None:
    """Wrong input raises an error of the hub with one sentence, and no other error."""
    text = case.folder / "text.jpg"
    text.write_text("not a picture")
    for bad in (text, case.folder / "nowhere.png", b"", case.folder):
        refused(case, bad, {}, ImageError, f"the photo {bad!r}")
    good = torch.rand(1, 3, 32, 32)
    for tensor in (good[0], good[:, :1], good * 255, good - 1, good * float("nan"), (good * 255).to(torch.uint8)):
        refused(case, tensor, {}, ParameterError, f"a tensor {tuple(tensor.shape)} of {tensor.dtype}, out of range")
    for wrong in ({"strength": 2}, {"strength": float("nan")}, {"size": 0}, {"nonsense": 1}):
        refused(case, case.photo, wrong, StylehubError, f"{wrong}")


def progress(case: Case) -> None:
    """Progress is reported until the end; an exception in the callback stops the work."""
    seen: list[Progress] = []
    case.method(case.photo, progress=seen.append, **case.parameters)
    require(seen and seen[-1].step == seen[-1].of, "the last report is not of the last step")

    class StopNowError(Exception): ...

    def stop(_: Progress) -> None:
        raise StopNowError

    try:
        case.method(case.photo, progress=stop, **case.parameters)
    except StopNowError:
        return
    raise Broken("the work goes on though the callback raises an exception")


def tiling(case: Case) -> None:
    """With ``tiling: exact``, a picture painted in tiles differs from the whole by 2 of 255 levels at most."""
    if case.method.entry.method.tiling != "exact":
        raise LeftOut("the entry does not say that tiling is exact")
    reports: list[list[Progress]] = [[], []]
    whole = case.method(case.photo, progress=reports[0].append, **case.parameters)
    with changed(case.method, "tile", 24):
        tiled = case.method(case.photo, progress=reports[1].append, **case.parameters)
    # Of the bundled models none was off by more than 1, in float32 or in bfloat16, by tiles of 16 to 48 pixels.
    off = levels(whole, tiled).max()
    require(off <= 2, f"tiles of 24 pixels change the picture by up to {off} of 255; say approximate or none")
    if len(reports[1]) <= len(
        reports[0]
    ):  # no more steps with tiles: the method has none, so every pixel is on its own
        # An odd corner, so that a pattern that starts at the picture's corner shows.
        box = (case.photo.width // 3 | 1, case.photo.height // 3 | 1, *case.photo.size)
        off = levels(whole.crop(box), case.method(case.photo.crop(box), **case.parameters)).max()
        require(
            off <= 2,
            f"the method does not use `tile`, and a part of the photo alone differs by up to {off} of 255 from that part of "
            "the whole; use it, or say approximate or none",
        )


CALLS = (inputs, kinds, sizes, values, strength, place, colours, alpha, parameters, bad_input, progress, tiling)


def same(one: Any, two: Any) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(two))


def levels(one: Any, two: Any) -> "np.ndarray[Any, np.dtype[np.int16]]":
    """The differences of two 8-bit pictures, in levels of 255."""
    return np.abs(np.asarray(one, np.int16) - np.asarray(two, np.int16))


def left_half(photo: Image.Image) -> Image.Image:
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, photo.width // 2, photo.height))
    return mask


@contextmanager
def changed(method: Any, name: str, value: Any) -> Any:
    """``method`` with another attribute ``name`` for a while."""
    own = vars(method).get(name, None)
    setattr(method, name, value)
    try:
        yield
    finally:
        if own is None:
            delattr(method, name)
        else:
            setattr(method, name, own)


def refused(case: Case, photo: Any, wrong: dict[str, Any], kind: type[StylehubError], what: str) -> None:
    """Require that the call raises an error of ``kind``, whose text is one line."""
    try:
        case.method(photo, **{**case.parameters, **wrong})
    except kind as error:
        require("\n" not in str(error), f"the error for {what} has several lines")
    except Exception as error:
        raise Broken(f"{what} raises {type(error).__name__} ({error}) instead of hub.errors.{kind.__name__}") from error
    else:
        raise Broken(f"{what} is accepted")
