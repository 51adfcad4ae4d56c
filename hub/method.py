"""The contract of a method. An author must write ``setup`` and ``stylize``; every other hook has a default.

``hub.calling`` does the rest, the same for all methods: reading pictures, checking parameters, working size, keeping
colours, strength and strength maps.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from hub import calling, images
from hub.calling import Picture as Picture
from hub.calling import with_colors_of as with_colors_of
from hub.errors import ParameterError, StylehubError
from hub.fields import field_of, value_of
from hub.parameters import Parameters, validate
from hub.pictures import Pictures, named
from hub.plugins import plugin_class
from hub.progress import ProgressCallback
from hub.registry import Entry
from hub.styles import Style as Style
from hub.weights import Fetching, find_weights, read_weights


class Method(ABC):
    """A style transfer method with its weights, ready to be called.

    A subclass sets ``Parameters`` and implements ``setup`` and ``stylize``. It never sees files, alpha channels, other
    devices than its own, or sizes out of range.
    """

    Parameters: ClassVar[type[Parameters]] = Parameters
    enlarges: ClassVar[bool] = False  # whether `enlarged` uses the photo's pixels, not only its size
    # Side of the tiles in pixels, for methods that work in tiles; None: the method chooses. With `tiling: exact` in the
    # registry the result is the same for every side, which the contract tests check.
    tile: int | None = None

    def __init__(
        self,
        entry: Entry,
        device: torch.device,
        dtype: torch.dtype,
        weights_sha256: str | None = None,
        compile: bool = False,
    ) -> None:
        self.entry, self.device, self.dtype, self.weights_sha256 = entry, device, dtype, weights_sha256
        self.compile = compile  # whether the user asked for torch.compile; a method may ignore it
        self.fetching: Fetching = {}  # the download options of `hub.load`
        self.added: dict[str, str] = {}  # added styles: names, and the sha256 of their files
        self.remarks: dict[str, Any] = {}  # diagnostics of the last picture, for its provenance metadata

    # --- What an author writes

    @abstractmethod
    def setup(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Build the networks from ``config`` (untrusted: validate it) and ``tensors``, and ``place`` them."""

    @abstractmethod
    def stylize(self, content: Tensor, parameters: Any, progress: ProgressCallback) -> Tensor:
        """The stylised ``content``. Both are float32 ``(N, 3, H, W)`` in [0, 1] on ``self.device``, any H and W >= 1.

        Only a method that overrides ``enlarged`` may return another size.
        ``parameters`` is a ``self.Parameters``; the hub applies strength, working size and colours.
        """

    def stylize_where(
        self, content: Tensor, where: Tensor, parameters: Any, other: Any | None, progress: ProgressCallback
    ) -> Tensor:
        """Blend two styles with the mask ``where`` ``(N, 1, H, W)`` in [0, 1]: 1 is ``parameters``, 0 is ``other``.

        Without ``other`` the photo is kept at 0. This default blends pixels; a method that can blend features
        overrides it.
        """

        def painted(values: Any) -> Tensor:
            result = self.fitting(self.stylize(content, values, progress), content.shape)
            return result if result.shape == content.shape else self.enlarged(result, content, values)

        one = painted(parameters)
        return torch.lerp(content if other is None else painted(other), one, where)

    @property
    def styles(self) -> Mapping[str, Style]:
        """The styles that this model knows by name; empty if it takes style images only."""
        return {}

    def resolve(self, parameters: Any) -> Any:
        """``parameters`` with every name in full, as the provenance metadata holds them. Raises ``ParameterError``."""
        return parameters

    def prepare(self, content: Tensor, parameters: Any) -> Tensor:
        """The part of ``content`` ``(N, 3, H, W)`` to stylise; a method that crops, as some papers do, overrides it."""
        return content

    def enlarged(self, result: Tensor, content: Tensor, parameters: Any) -> Tensor:
        """``result``, computed at the working size, at the size of the photo ``content``: ``(N, 3, H, W)``.

        This default resizes. A method that restores the photo's detail, or works at a size of its own, overrides it. One
        that needs the photo's pixels sets ``enlarges``; otherwise ``content`` may have the photo's shape only.
        """
        return images.resized(result, (content.shape[2], content.shape[3]))

    def adopt(self, style: Style, tensors: Mapping[str, Tensor]) -> None:
        """Add ``style``, which ``stylehub add-style`` learnt on these same weights (``tensors``: untrusted)."""
        raise StylehubError(f"{self.entry.name} cannot learn further styles.")

    def save_vector(self, paintings: Pictures, path: Path) -> None:
        """Write the style vector of ``paintings`` as a small file; the parameter ``style`` accepts this file.

        Raises ``WeightsError`` if the file cannot be written, ``StylehubError`` if the method has no style vectors.
        """
        raise StylehubError(f"{self.entry.name} has no style vectors.")

    def fitting(self, result: Any, shape: torch.Size) -> Tensor:
        """``result`` of ``stylize`` for a picture of ``shape``. Raises ``StylehubError`` for another size."""
        own_size = type(self).enlarged is not Method.enlarged
        if isinstance(result, Tensor) and result.ndim == 4 and (own_size or result.shape == shape):
            return result
        got = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
        raise StylehubError(
            f"{self.entry.name} made {got} of a picture {tuple(shape)}; its `stylize` must return the size that it gets, "
            "or the method must override `enlarged`."
        )

    # --- What an author may call

    def place(self, network: nn.Module) -> nn.Module:
        """``network``, frozen, on this method's device, in its dtype and in channels-last memory."""
        network = network.eval().requires_grad_(False)
        return network.to(self.device, self.dtype).to(memory_format=torch.channels_last)

    def variant(self, name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Configuration and tensors of the style ``name``, for models with one weights file per style.

        Raises ``DownloadError`` or ``WeightsError``.
        """
        path = find_weights(self.entry.model.file(name), root=self.entry.root, owner=self.entry.source, **self.fetching)
        return read_weights(path, self.entry.method_ids)

    # --- What a user calls

    @overload
    def __call__(self, content: Tensor, **options: Any) -> Tensor: ...
    @overload
    def __call__(self, content: "np.ndarray[Any, Any]", **options: Any) -> "np.ndarray[Any, Any]": ...
    @overload
    def __call__(self, content: Picture, **options: Any) -> Image.Image: ...
    def __call__(
        self,
        content: Any,
        *unnamed: Any,
        strength_map: calling.StrengthMap = None,
        progress: ProgressCallback | None = None,
        **parameters: Any,
    ) -> Any:
        """Stylise ``content``. The result is of the same kind and size. No gradient goes through it.

        Args:
            content: a path, bytes, an open file, a PIL image; a numpy array, uint8 ``(H, W, 3)`` in RGB; or a float tensor
                ``(N, 3, H, W)`` in [0, 1].
            strength_map: a grey picture or a tensor ``(H, W)`` in [0, 1]; it is resized to the content and multiplies
                ``strength``.
            progress: called with a ``hub.Progress`` during the work; raise ``hub.errors.Cancelled`` in it to stop.
            parameters: the fields of this method's ``Parameters``.

        Returns:
            A tensor for a tensor, an array for an array; otherwise a PIL image with the alpha kept. Its
            ``info["stylehub"]`` holds the provenance metadata, which ``hub.save`` writes into the file.

        Raises:
            ParameterError, UnknownName: a wrong parameter or style.
            ImageError: a picture that cannot be read.
        """
        if unnamed:
            raise ParameterError(
                "Give everything but the photo by its name, such as style(photo, style='starry-night')."
            )
        if isinstance(content, list | tuple):
            raise ParameterError("This is several photos; style.batch(photos, ...) stylises one after another.")
        run: Any = calling.stylize_picture
        if isinstance(content, Tensor):
            run = calling.stylize_tensor
        elif isinstance(content, np.ndarray):
            run = calling.stylize_array
        values = self.checked(parameters)
        return run(self, content, values, strength_map, progress or (lambda _: None))

    @overload
    def batch(self, photos: Iterable[Picture], **options: Any) -> Iterator[Image.Image]: ...
    @overload
    def batch(self, photos: Iterable[Any], **options: Any) -> Iterator[Any]: ...
    def batch(self, photos: Iterable[Any], **options: Any) -> Iterator[Any]:
        """Stylise many ``photos`` with the same ``options``, each when its result is asked for.

        An error names its photo. ``hub.run_folder`` is for whole folders: it goes on after an interruption.
        """
        if isinstance(photos, str | Path | bytes):
            raise ParameterError("A batch takes a list of photos; put a single one in brackets: batch([photo]).")
        self.checked({k: v for k, v in options.items() if k not in ("strength_map", "progress")})
        return self._batch(photos, options)

    def _batch(self, photos: Iterable[Any], options: Mapping[str, Any]) -> Iterator[Any]:
        for photo in photos:
            with named(photo):
                yield self(photo, **options)

    def __repr__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        return f"<{type(self).__name__} {self.entry.address!r} on {self.device} in {dtype}>"

    def __reduce__(self) -> Any:
        """Pickled with its entry, so that another process imports the code of a folder before it needs it."""
        return _unpickled, (self.entry,), self.__dict__

    def checked(self, parameters: Mapping[str, Any]) -> Any:
        """``parameters`` validated, with every name in full; a model's only style need not be named.

        Raises ``ParameterError``, ``UnknownName``.
        """
        given = dict(parameters)
        style = field_of(self.Parameters, "style")
        if style and len(self.styles) == 1 and "style-images" not in self.entry.method.inputs:
            given.setdefault(style, next(iter(self.styles)))
        values = self.resolve(validate(self.Parameters, given))
        if (other := calling.second_style(self, values)) is None:
            return values
        name = field_of(self.Parameters, "second style")
        return values.model_copy(update={name: value_of(other, "style")})

    def maps(self, content: Picture | Tensor, **place: Any) -> dict[str, Image.Image]:
        """The strength map and the depth map as grey pictures of the size of ``content``.

        ``place``: fields of ``hub.spatial.SpatialParameters``; for the rest the method's own defaults. ``strength`` is
        white where the style applies fully. ``depth`` is white far away; it is missing for a mask or a gradient, and
        for constant depth. Raises the same errors as a call.
        """
        return calling.maps(self, content, place)

    def describe(self, values: Any, photo: Any = None, strength_map: Any = None) -> dict[str, Any]:
        """The provenance metadata as plain data, enough to repeat the call; file names without folders."""
        return calling.describe(self, values, photo, strength_map)


def _unpickled(entry: Entry) -> Any:
    return object.__new__(plugin_class(entry))
