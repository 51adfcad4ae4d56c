"""The contract. A method subclasses ``Method``, declares its parameters and writes ``setup`` and ``stylize``.

Everything else a user sees is here and the same for all: pictures of any kind in and the same kind out, checked
parameters, working size, colours kept, strength and strength maps.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from hub import images, spatial
from hub.errors import ParameterError, StylehubError
from hub.parameters import Parameters, validate
from hub.pictures import Pictures
from hub.progress import Progress, ProgressCallback
from hub.registry import Entry

Picture = Path | str | bytes | BinaryIO | Image.Image


class Style(BaseModel):
    """A style that a model has learnt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str = ""
    artist: str = ""
    year: str = ""


class Method(ABC):
    """A style transfer method with its weights, ready to be called.

    A subclass sets ``Parameters`` and implements ``setup`` and ``stylize``. It never sees files, devices it did not
    ask for, alpha channels or sizes out of range.
    """

    Parameters: ClassVar[type[Parameters]] = Parameters
    enlarges: ClassVar[bool] = False  # whether `enlarged` looks at the photo's pixels, not at its size alone

    def __init__(
        self,
        entry: Entry,
        device: torch.device,
        dtype: torch.dtype,
        weights_sha256: str | None = None,
        compile: bool = False,
    ) -> None:
        self.entry, self.device, self.dtype, self.weights_sha256 = entry, device, dtype, weights_sha256
        self.compile = compile  # whether the user asked for torch.compile; methods that cannot use it need not
        self.fetching: dict[
            str, Any
        ] = {}  # how `hub.load` was told to use the hub: offline, cache_dir, endpoint, token
        self.added: dict[str, str] = {}  # styles learnt later: their names and the sha256 of their files
        self.remarks: dict[str, Any] = {}  # what the method found out about the last picture, for its record

    @abstractmethod
    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Build the networks from ``config`` (untrusted: validate it) and ``tensors``, and ``place`` them."""

    @abstractmethod
    def stylize(self, content: Tensor, parameters: Any, progress: ProgressCallback) -> Tensor:
        """The stylised ``content``: float32 ``(N, 3, H, W)`` in [0, 1] on ``self.device``, any H and W >= 1, both ways.

        ``parameters`` is a ``self.Parameters``; strength, size and colours are not this function's business.
        """

    def stylize_where(
        self, content: Tensor, where: Tensor, parameters: Any, other: Any | None, progress: ProgressCallback
    ) -> Tensor:
        """``content`` stylised by ``parameters`` where ``where`` is 1, and by ``other`` (None: not at all) where it is 0.

        ``where`` is ``(N, 1, H, W)`` in [0, 1]. Here pixels are mixed; methods that can mix features override it.
        """
        one = self.stylize(content, parameters, progress)
        two = content if other is None else self.stylize(content, other, progress)
        return torch.lerp(two, one, where)

    def adopt(self, style: Style, tensors: Mapping[str, Tensor]) -> None:
        """Take one more ``style``, which ``stylehub add-style`` learnt on these very weights (``tensors``: untrusted)."""
        raise StylehubError(f"{self.entry.name} cannot be taught further styles.")

    def save_vector(self, paintings: Pictures, path: Path) -> None:
        """Write what this method sees of ``paintings`` as a small file that its ``style`` takes in their place.

        Raises ``WeightsError`` when the file cannot be written, ``StylehubError`` by a method that has no such files.
        """
        raise StylehubError(f"{self.entry.name} keeps no style vectors.")

    def variant(self, name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Configuration and tensors of the style ``name``, for models with a file of weights for each style.

        Raises ``DownloadError`` or ``WeightsError``.
        """
        from hub.loading import read_weights
        from hub.weights import find_weights

        spec = self.entry.model.file(name)
        return read_weights(find_weights(spec, root=self.entry.root, **self.fetching), self.entry)

    @property
    def styles(self) -> Mapping[str, Style]:
        """The styles that this model knows by name; empty when it takes any."""
        return {}

    def prepare(self, content: Tensor, parameters: Any) -> Tensor:
        """The part of ``content`` (``(N, 3, H, W)``) to work on; methods that crop, as some papers do, override it."""
        return content

    def enlarged(self, result: Tensor, content: Tensor, parameters: Any) -> Tensor:
        """``result`` of the working size at the size of ``content``, the photo: ``(N, 3, H, W)``.

        Here it is merely resized; methods that can give it the photo's detail override it and set ``enlarges``: without
        that ``content`` may have the photo's shape alone, no pixels.
        """
        return images.resized(result, (content.shape[2], content.shape[3]))

    def resolve(self, parameters: Any) -> Any:
        """``parameters`` with every name in full, as they are recorded in a picture. Raises ``ParameterError``."""
        return parameters

    def place(self, network: nn.Module) -> nn.Module:
        """``network`` frozen, on this method's device, in its dtype and the memory layout that convolutions like."""
        network = network.eval().requires_grad_(False)
        return network.to(self.device, self.dtype).to(memory_format=torch.channels_last)

    def __call__(
        self,
        content: Picture | Tensor,
        *,
        strength_map: Picture | Tensor | None = None,
        progress: ProgressCallback | None = None,
        **parameters: Any,
    ) -> Any:
        """Stylise ``content``.

        Args:
            content: a path, bytes, an open file, a PIL image, or a float tensor ``(N, 3, H, W)`` in [0, 1].
            strength_map: where the style applies: a grey picture or a tensor ``(H, W)`` in [0, 1]; it multiplies
                ``strength`` and is resized to the content.
            progress: called with a ``hub.Progress`` as the work goes on; raise ``hub.errors.Cancelled`` in it to stop.
            parameters: the fields of this method's ``Parameters``.

        Returns:
            A tensor like ``content`` when that is a tensor, otherwise a PIL image of the same size, alpha kept, whose
            ``info["stylehub"]`` says how it was made (``hub.save`` writes it into the file).

        Raises:
            ParameterError, UnknownName: a parameter or style that cannot be.
            ImageError: a picture that cannot be read.
        """
        values = self.checked(parameters)
        report = progress or (lambda _: None)
        if isinstance(content, Tensor):
            _check_tensor(content)
            result = self._run(content.to(self.device, torch.float32), values, strength_map, report)
            return result.to(content.device, content.dtype)
        photo = images.read_image(content)
        alpha, pixels = photo.alpha, [images.to_tensor(photo.rgb).to(self.device)]
        del photo
        result = self._run(pixels.pop(), values, strength_map, report)
        if alpha is not None and alpha.size != (result.shape[3], result.shape[2]):
            alpha = images.to_image(self.prepare(images.to_tensor(alpha.convert("RGB")), values)).convert("L")
        image = images.to_image(result, alpha)
        image.info["stylehub"] = self.describe(values, content, strength_map) | self.remarked()
        return image

    def checked(self, parameters: Mapping[str, Any]) -> Any:
        """``parameters`` validated, with every name in full. Raises ``ParameterError``, ``UnknownName``."""
        values = self.resolve(validate(self.Parameters, dict(parameters)))
        if (other := self._other(values)) is not None:
            values = values.model_copy(update={"other": other.style})
        return values

    def maps(self, content: Picture | Tensor, **place: Any) -> dict[str, Image.Image]:
        """What decides where the style applies, as grey pictures of the size of ``content``.

        ``place`` is what ``hub.spatial.SpatialParameters`` has, the method's own defaults for the rest. ``strength`` is
        white where the style applies fully. ``depth`` is white far away; there is none when a mask or a gradient decides,
        and none when everything is as far. Raises what a call does.
        """
        defaults = {"where": self.Parameters.model_fields["where"].default}
        values = validate(spatial.SpatialParameters, defaults | place)
        with torch.inference_mode():
            pixels = content if isinstance(content, Tensor) else images.to_tensor(images.read_image(content).rgb)
            pixels = pixels.to(self.device, torch.float32)
            far = None
            if values.where in spatial.BY_DEPTH:
                far = spatial.depth_map(values, pixels, self.fetching)
                strength = None if far is None else spatial.by_depth(values, far)
            else:
                strength = spatial.strength_map(values, pixels, self.fetching)
            planes = {"strength": torch.ones_like(pixels[:, :1]) if strength is None else strength}
            planes |= {} if far is None else {"depth": far}
        return {name: images.to_image(plane.expand(-1, 3, -1, -1)).convert("L") for name, plane in planes.items()}

    def describe(self, values: BaseModel, photo: Any = None, strength_map: Any = None) -> dict[str, Any]:
        """How a picture was made, as plain data: enough to make it again. Of files the name is told, not the folder."""
        from hub import __version__

        def name(source: Any) -> str | None:
            return Path(source).name if isinstance(source, str | Path) else None

        recipe = {
            "stylehub": __version__,
            "model": self.entry.name,
            "weights": self.weights_sha256,
            "parameters": values.model_dump(mode="json", exclude_defaults=True),
            "photo": name(photo),
        }
        used: set[str] = set()
        for chosen in (getattr(values, "style", None) or (), getattr(values, "other", None) or ()):
            used |= {chosen} if isinstance(chosen, str) else {*chosen} if isinstance(chosen, Mapping) else set()
        added = {style: sha for style, sha in self.added.items() if style in used}
        if added:
            recipe["added_styles"] = added
        return recipe if strength_map is None else recipe | {"strength_map": name(strength_map)}

    def remarked(self) -> dict[str, Any]:
        """``remarks`` as a part of the last picture's record; they are no part of how to make it again."""
        return {"remarks": self.remarks} if self.remarks else {}

    def _other(self, values: Any) -> Any | None:
        """The parameters of the style that meets the first one, if there is one."""
        if (other := getattr(values, "other", None)) is None:
            return None
        return self.resolve(values.model_copy(update={"style": other, "other": None}))

    def _run(
        self, content: Tensor, values: Any, strength_map: Picture | Tensor | None, report: ProgressCallback
    ) -> Tensor:
        self.remarks = {}
        with torch.inference_mode():
            content = self.prepare(content, values)
            height, width = content.shape[-2:]
            strength = _strength(strength_map, height, width, values.strength, self.device)
            if isinstance(strength, float) and strength == 0:
                return content
            where = spatial.strength_map(values, content, self.fetching)
            # For one that enlarges the working size is a limit: more pixels than the photo has would tell it nothing.
            size = min(values.size, height, width) if self.enlarges and values.size else values.size
            working = [images.resized(content, _working_size(height, width, size))]
            blends = isinstance(strength, Tensor) or strength < 1
            if not (blends or values.keep_color or self.enlarges):
                # 12 bytes a pixel: nobody holds the photo any more once the method lets go of it.
                content = content.new_empty(1).expand(content.shape)
            if where is None or self.enlarges:
                result = self.stylize(working.pop(), values, report)
            else:
                where = images.resized(where, (working[0].shape[2], working[0].shape[3]))
                result = self.stylize_where(working.pop(), where, values, self._other(values), report)
            if result.shape[-2:] != (height, width):
                result = self.enlarged(result, content, values)
            if where is not None and self.enlarges:
                result = torch.lerp(content, result, where)  # at the photo's size, where a mask's edge is sharp
            result = result.clamp_(0, 1)
            if values.keep_color:
                result = with_colors_of(content, result)
            if blends:
                result = torch.lerp(content, result, strength)
            report(Progress(1, 1))
            return result


def with_colors_of(photo: Tensor, painting: Tensor) -> Tensor:
    """The lightness of ``painting`` with the colours of ``photo``, both ``(N, 3, H, W)`` in [0, 1].

    Luminance-only transfer (Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer"): in a space of
    luma and two colour differences, adding the same amount to R, G and B changes the luma alone.
    """
    weights = photo.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    difference = ((painting - photo) * weights).sum(1, keepdim=True)
    return (photo + difference).clamp_(0, 1)


def _check_tensor(content: Tensor) -> None:
    if content.ndim != 4 or content.shape[1] != 3 or 0 in content.shape or not content.is_floating_point():
        raise ParameterError(
            f"A picture as a tensor is float (N, 3, H, W) in [0, 1]; this one is {content.dtype} {tuple(content.shape)}."
        )
    low, high = content.aminmax()
    if not (low >= 0 and high <= 1):
        raise ParameterError(f"A picture as a tensor lies in [0, 1]; this one goes from {low:.3g} to {high:.3g}.")


def _strength(
    source: Picture | Tensor | None, height: int, width: int, strength: float, device: torch.device
) -> Tensor | float:
    if source is None:
        return strength
    plane = spatial.Map(source).read().to(device)
    low, high = plane.aminmax()
    if low < 0 or high > 1:
        raise ParameterError(f"A strength map lies in [0, 1]; this one goes from {low:.3g} to {high:.3g}.")
    return strength * images.resized(plane, (height, width))


def _working_size(height: int, width: int, short: int | None) -> tuple[int, int]:
    if short is None:
        return height, width
    scale = short / min(height, width)
    # A panorama keeps its shape but not at any price: its long side stays under 32768.
    scale = min(scale, 32768 / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
