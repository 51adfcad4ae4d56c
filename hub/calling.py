"""How a call runs, for every method: pictures, working size, strength maps, strength, colours, provenance metadata."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hub import __version__, images, placing, revision
from hub.entries import CONTRACT
from hub.errors import ParameterError, StylehubError
from hub.fields import field_of, value_of
from hub.images.tensors import with_lightness
from hub.parameters import validate
from hub.progress import Progress, ProgressCallback
from hub.spatial import BY_DEPTH, Map, SpatialParameters

if TYPE_CHECKING:
    from hub.method import Method

Array = np.ndarray[Any, Any]
Picture = Path | str | bytes | BinaryIO | Image.Image
StrengthMap = Picture | Tensor | None

LONGEST_SIDE = 32768  # of the working size, so that a long panorama does not become huge


def stylize_tensor(
    method: "Method", content: Tensor, values: Any, strength_map: StrengthMap, report: ProgressCallback
) -> Tensor:
    """``content`` ``(N, 3, H, W)`` in [0, 1] stylised, with its device, its dtype and, unless cropped, its size."""
    _check_tensor(content)
    overwrites = revision.draft_size(value_of(values, "stroke")) is not None  # then the caller's tensor is copied
    photo = content.to(method.device, torch.float32, copy=overwrites)
    result = _run(method, [photo], values, strength_map, report)
    return result.to(content.device, content.dtype)


def stylize_picture(
    method: "Method", content: Picture, values: Any, strength_map: StrengthMap, report: ProgressCallback
) -> Image.Image:
    """``content`` stylised at 8 bits per channel, with its alpha; ``info["stylehub"]`` is the provenance metadata."""
    photo = images.read_image(content)
    seen = photo.visible if values.strength else photo.rgb  # at strength 0 the hidden colours come back too
    metadata = photo.metadata
    alpha, pixels = photo.alpha, [images.to_tensor(seen).to(method.device)]
    del photo, seen
    result = _run(method, pixels, values, strength_map, report)
    if alpha is not None and alpha.size != (result.shape[3], result.shape[2]):
        alpha = images.to_image(method.prepare(images.to_tensor(alpha.convert("RGB")), values)).convert("L")
    image = images.to_image(result, alpha)
    image.info[images.PHOTO] = metadata
    image.info["stylehub"] = record(method, values, content, strength_map)
    return image


def stylize_array(
    method: "Method", content: Array, values: Any, strength_map: StrengthMap, report: ProgressCallback
) -> Array:
    """``content``, uint8 ``(H, W, 3)`` in RGB, stylised: an array like it."""
    if content.dtype != np.uint8 or content.ndim != 3 or content.shape[2] != 3 or 0 in content.shape:
        raise ParameterError(
            f"A picture as an array must be uint8 (H, W, 3) in RGB; this one is {content.dtype} {content.shape}. OpenCV's "
            "BGR becomes RGB by array[..., ::-1]."
        )
    image = Image.fromarray(np.ascontiguousarray(content))
    return np.array(stylize_picture(method, image, values, strength_map, report))


def describe(method: "Method", values: Any, photo: Any = None, strength_map: Any = None) -> dict[str, Any]:
    """The provenance metadata as plain data, enough to repeat the call; file names without folders."""

    def name(source: Any) -> str | None:
        return Path(source).name if isinstance(source, str | Path) else None

    recipe = {
        "stylehub": __version__,
        "contract": CONTRACT,
        "model": method.entry.address,
        "weights": method.weights_sha256,
        "parameters": values.model_dump(mode="json", exclude_defaults=True) | _stroke(values),
        "photo": name(photo),
    }
    if method.entry.external:
        recipe["trust"] = True
    used: set[str] = set()
    for chosen in (value_of(values, "style"), value_of(values, "second style")):
        used |= {chosen} if isinstance(chosen, str) else {*chosen} if isinstance(chosen, Mapping) else set()
    if added := {style: sha for style, sha in method.added.items() if style in used}:
        recipe["added_styles"] = added
    return recipe if strength_map is None else recipe | {"strength_map": name(strength_map)}


def _stroke(values: Any) -> dict[str, Any]:
    """The stroke, even if it is the default: metadata without a stroke are older and mean "fine"."""
    name = field_of(type(values), "stroke")
    return {name: getattr(values, name)} if name else {}


def record(method: "Method", values: Any, photo: Any = None, strength_map: Any = None) -> dict[str, Any]:
    """``describe`` plus the method's ``remarks`` on its last picture, which are not needed to repeat the call."""
    return describe(method, values, photo, strength_map) | ({"remarks": method.remarks} if method.remarks else {})


def second_style(method: "Method", values: Any) -> Any | None:
    """The parameters with the second style as the style; None without a second style."""
    if (other := value_of(values, "second style")) is None:
        return None
    first, second = (field_of(type(values), role) for role in ("style", "second style"))
    return method.resolve(values.model_copy(update={first: other, second: None}))


def maps(method: "Method", content: Picture | Tensor, place: Mapping[str, Any]) -> dict[str, Image.Image]:
    """The maps of ``Method.maps``."""
    defaults = {"where": method.Parameters.model_fields["where"].default}
    values = validate(SpatialParameters, {**defaults, **place})
    with torch.inference_mode():
        pixels = content if isinstance(content, Tensor) else images.to_tensor(images.read_image(content).visible)
        pixels = pixels.to(method.device, torch.float32)
        far = None
        if values.where in BY_DEPTH:
            far = placing.depth_map(values, pixels, method.fetching)
            strength = None if far is None else placing.by_depth(values, far)
        else:
            strength = placing.strength_map(values, pixels, method.fetching)
        planes = {"strength": torch.ones_like(pixels[:, :1]) if strength is None else strength}
        planes |= {} if far is None else {"depth": far}
    return {name: images.to_image(plane.expand(-1, 3, -1, -1)).convert("L") for name, plane in planes.items()}


def with_colors_of(photo: Tensor, painting: Tensor) -> Tensor:
    """The lightness of ``painting``, the colours of ``photo``, ``(N, 3, H, W)`` in [0, 1]: Gatys et al. 2016, arXiv 1606.05897."""
    return with_lightness(photo, painting).clamp_(0, 1)


def _run(
    method: "Method", photo: list[Tensor], values: Any, strength_map: StrengthMap, report: ProgressCallback
) -> Tensor:
    """The one tensor in the list ``photo``, stylised. It is popped from the list, so that its memory can be freed early."""
    method.remarks = {}
    with torch.inference_mode():
        content = method.prepare(photo.pop(), values)
        height, width = content.shape[-2:]
        strength = _strength(strength_map, height, width, values.strength, method.device)
        if isinstance(strength, float) and strength == 0:
            return content
        where = placing.strength_map(values, content, method.fetching)
        # A method that enlarges gains nothing from a working size above the photo's own.
        size = min(values.size, height, width) if method.enlarges and values.size else values.size
        working = [images.resized(content, _working_size(height, width, size))]
        levels = revision.sizes(working[0], value_of(values, "stroke"))
        blends = isinstance(strength, Tensor) or strength < 1
        if blends or values.keep_color or method.enlarges:
            if len(levels) > 1 and working[0] is content:
                working = [content.clone()]  # a revision overwrites it
        else:
            # Keep the shape only: the photo's 12 bytes per pixel can then be freed inside the method.
            content = content.new_empty(1).expand(content.shape)
        other = second_style(method, values)

        def paint(picture: list[Tensor], report: ProgressCallback) -> Tensor:
            shape = picture[0].shape
            if where is None or method.enlarges:
                return method.fitting(method.stylize(picture.pop(), values, report), shape)
            place = images.resized(where, (shape[2], shape[3]))
            return method.fitting(method.stylize_where(picture.pop(), place, values, other, report), shape)

        try:
            result = revision.paint_in_levels(working, levels, paint, report)
        except StylehubError:
            raise
        except Exception as error:
            error.add_note(f"while {method.entry.address} was painting")
            raise
        if result.shape[-2:] != (height, width):
            result = method.enlarged(result, content, values)
        if where is not None and method.enlarges:
            result = torch.lerp(content, result, where)  # at the photo's size, to keep the mask's edge sharp
        result = result.clamp_(0, 1)
        if values.keep_color:
            result = with_colors_of(content, result)
        if blends:
            result = torch.lerp(content, result, strength)
        report(Progress(1, 1))
        return result


def _check_tensor(content: Tensor) -> None:
    if content.ndim != 4 or content.shape[1] != 3 or 0 in content.shape or not content.is_floating_point():
        raise ParameterError(
            f"A picture as a tensor must be float (N, 3, H, W); this one is {content.dtype} {tuple(content.shape)}."
        )
    low, high = content.aminmax()
    if not (low >= 0 and high <= 1):
        raise ParameterError(f"A tensor must lie in [0, 1], without NaN; this one goes from {low:.3g} to {high:.3g}.")


def _strength(source: StrengthMap, height: int, width: int, strength: float, device: torch.device) -> Tensor | float:
    if source is None:
        return strength
    plane = Map(source).read().to(device)
    low, high = plane.aminmax()
    if low < 0 or high > 1:
        raise ParameterError(f"A strength map must lie in [0, 1]; this one goes from {low:.3g} to {high:.3g}.")
    return strength * images.resized(plane, (height, width))


def _working_size(height: int, width: int, short: int | None) -> tuple[int, int]:
    if short is None:
        return height, width
    scale = min(short / min(height, width), LONGEST_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
