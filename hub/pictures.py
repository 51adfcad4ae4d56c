"""Pictures as a parameter: one style image, or several with their shares."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PIL import Image
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from hub.errors import ImageError
from hub.images import Photo, read_image

if TYPE_CHECKING:
    from hub.images import Source


@contextmanager
def named(picture: Any) -> Iterator[None]:
    """Put the name of ``picture`` in front of an ``ImageError`` about it."""
    try:
        yield
    except ImageError as error:
        name = Path(picture).name if isinstance(picture, str | Path) else ""
        raise (ImageError(f"{name}: {error}") if name and name not in str(error) else error) from None


class Pictures:
    """Style images with their shares, which sum to 1.

    Made from a path, bytes, an open file or a PIL image; from a list of them; from a mapping of paths to shares; or from
    a list of (picture, share). Files are opened in ``read`` only.
    """

    declared_kind: ClassVar = "pictures"

    def __init__(
        self,
        pictures: "Sequence[Source]",
        shares: Sequence[float] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        """``names``: their names in the provenance metadata; by default the file name, or ``PICTURE``."""
        self.pictures = tuple(pictures)
        self.names = tuple(names or (Path(p).name if isinstance(p, str | Path) else "PICTURE" for p in self.pictures))
        weights = tuple(float(share) for share in shares or [1.0] * len(self.pictures))
        if not self.pictures:
            raise ValueError("should have at least one picture")
        if len(weights) != len(self.pictures):
            raise ValueError(f"has {len(self.pictures)} pictures and {len(weights)} shares; give one per picture")
        if len(self.names) != len(self.pictures):
            raise ValueError(f"has {len(self.pictures)} pictures and {len(self.names)} names; give one per picture")
        if not all(0 <= weight < float("inf") for weight in weights) or not sum(weights) > 0:
            raise ValueError("should have shares of zero or more that do not sum to zero")
        self.shares = tuple(weight / sum(weights) for weight in weights)

    @classmethod
    def of(cls, value: Any) -> "Pictures":
        """``Pictures`` from any form that the class accepts. Raises ``ValueError``."""
        if isinstance(value, Pictures):
            return value
        if isinstance(value, Mapping):
            return cls(list(value), list(value.values()))
        if isinstance(value, list | tuple):
            if value and all(isinstance(item, list | tuple) and len(item) == 2 for item in value):
                pictures, shares = zip(*value, strict=True)
                return cls(pictures, shares)
            return cls(value)
        if isinstance(value, str | Path | bytes | Image.Image | Photo) or hasattr(value, "read"):
            return cls([value])
        raise ValueError("should be a picture: a path, bytes, an open file or a PIL image")

    def read(self) -> list[tuple[Image.Image, float]]:
        """The pictures as RGB with their shares, without those of share 0. Raises ``ImageError``."""
        found = []
        for picture, share in zip(self.pictures, self.shares, strict=True):
            if share:
                with named(picture):
                    found.append((read_image(picture).visible, share))
        return found

    def record(self) -> str | dict[str, float]:
        """The names (with shares) as plain data; ``of`` reads them back if the files are in the current folder."""
        if len(self.pictures) == 1:
            return self.names[0]
        shares: dict[str, float] = {}
        for name, share in zip(self.names, self.shares, strict=True):
            shares[name] = shares.get(name, 0.0) + share
        return shares

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pictures) and (self.pictures, self.shares) == (other.pictures, other.shares)

    def __hash__(self) -> int:
        return hash((self.names, self.shares))

    def __repr__(self) -> str:
        return f"Pictures({self.record()!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.of, serialization=core_schema.plain_serializer_function_ser_schema(Pictures.record)
        )
