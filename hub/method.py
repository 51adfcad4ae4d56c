"""The contract: what an author of a method writes. ``setup`` and ``stylize`` are needed; every other hook has a default.

What a user sees is the same for all methods and lies in ``hub.calling``: pictures of any kind in and the same kind out,
checked parameters, working size, colours kept, strength and strength maps.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor, nn

from hub import calling, images
from hub.calling import Picture as Picture
from hub.calling import with_colors_of as with_colors_of
from hub.errors import StylehubError
from hub.fields import field_of, value_of
from hub.parameters import Parameters, validate
from hub.pictures import Pictures
from hub.progress import ProgressCallback
from hub.registry import Entry
from hub.styles import Style as Style
from hub.weights import find_weights, read_weights


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

    # --- What an author writes

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
        """``content`` with the style of ``parameters`` where ``where`` is 1, and that of ``other`` where it is 0.

        ``where`` is ``(N, 1, H, W)`` in [0, 1]. Without ``other`` the photo stays as it is where ``where`` is 0. Here
        pixels are mixed; methods that can mix features override it.
        """
        one = self.stylize(content, parameters, progress)
        two = content if other is None else self.stylize(content, other, progress)
        return torch.lerp(two, one, where)

    @property
    def styles(self) -> Mapping[str, Style]:
        """The styles that this model knows by name; empty when it takes any."""
        return {}

    def resolve(self, parameters: Any) -> Any:
        """``parameters`` with every name in full, as they are recorded in a picture. Raises ``ParameterError``."""
        return parameters

    def prepare(self, content: Tensor, parameters: Any) -> Tensor:
        """The part of ``content`` (``(N, 3, H, W)``) to work on; methods that crop, as some papers do, override it."""
        return content

    def enlarged(self, result: Tensor, content: Tensor, parameters: Any) -> Tensor:
        """``result`` of the working size at the size of ``content``, the photo: ``(N, 3, H, W)``.

        Here it is merely resized; methods that can give it the photo's detail override it and set ``enlarges``: without
        that ``content`` may have the photo's shape alone, no pixels.
        """
        return images.resized(result, (content.shape[2], content.shape[3]))

    def adopt(self, style: Style, tensors: Mapping[str, Tensor]) -> None:
        """Take one more ``style``, which ``stylehub add-style`` learnt on these very weights (``tensors``: untrusted)."""
        raise StylehubError(f"{self.entry.name} cannot be taught further styles.")

    def save_vector(self, paintings: Pictures, path: Path) -> None:
        """Write what this method sees of ``paintings`` as a small file that its ``style`` takes in their place.

        Raises ``WeightsError`` when the file cannot be written, ``StylehubError`` by a method that has no such files.
        """
        raise StylehubError(f"{self.entry.name} keeps no style vectors.")

    # --- What an author may call

    def place(self, network: nn.Module) -> nn.Module:
        """``network`` frozen, on this method's device, in its dtype and the memory layout that convolutions like."""
        network = network.eval().requires_grad_(False)
        return network.to(self.device, self.dtype).to(memory_format=torch.channels_last)

    def variant(self, name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Configuration and tensors of the style ``name``, for models with a file of weights for each style.

        Raises ``DownloadError`` or ``WeightsError``.
        """
        path = find_weights(self.entry.model.file(name), root=self.entry.root, **self.fetching)
        return read_weights(path, self.entry.method_ids)

    # --- What a user calls

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
        run = calling.stylize_tensor if isinstance(content, Tensor) else calling.stylize_picture
        values = self.checked(parameters)
        return run(self, content, values, strength_map, progress or (lambda _: None))  # type: ignore[arg-type]

    def checked(self, parameters: Mapping[str, Any]) -> Any:
        """``parameters`` validated, with every name in full. Raises ``ParameterError``, ``UnknownName``."""
        values = self.resolve(validate(self.Parameters, dict(parameters)))
        if (other := calling.second_style(self, values)) is None:
            return values
        name = field_of(self.Parameters, "second style")
        return values.model_copy(update={name: value_of(other, "style")})

    def maps(self, content: Picture | Tensor, **place: Any) -> dict[str, Image.Image]:
        """What decides where the style applies, as grey pictures of the size of ``content``.

        ``place`` is what ``hub.spatial.SpatialParameters`` has, the method's own defaults for the rest. ``strength`` is
        white where the style applies fully. ``depth`` is white far away; there is none when a mask or a gradient decides,
        and none when everything is as far. Raises what a call does.
        """
        return calling.maps(self, content, place)

    def describe(self, values: Any, photo: Any = None, strength_map: Any = None) -> dict[str, Any]:
        """How a picture was made, as plain data: enough to make it again. Of files the name is told, not the folder."""
        return calling.describe(self, values, photo, strength_map)
