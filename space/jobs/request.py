"""What a job is to do, as files in its folder: ``request.json`` and every picture that it needs, decoded and written anew."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from hub.errors import ParameterError, StylehubError
from hub.files import write_whole
from hub.images import read_image
from hub.pictures import Pictures
from hub.spatial import Map

PHOTO, PHOTOS = "photo.png", "photos.zip"
RESULTS = {"photo": "result.png", "zip": "result.zip"}  # by the kind of the job
_FILE = "request.json"
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Request:
    """``model`` with ``parameters`` on the photo of the name ``name``; without a photo on those in ``photos.zip``.

    The parameters are as a method takes them, their pictures opened.
    """

    model: str
    parameters: Mapping[str, Any]
    name: str
    photo: Image.Image | None = None

    def write(self, folder: Path) -> None:
        """Put it into ``folder``, ``request.json`` last. Raises ``StylehubError`` if the disk is full."""
        try:
            if self.photo is not None:
                _write(self.photo, folder / PHOTO)
            plain = {name: _plain(name, value, folder) for name, value in self.parameters.items()}
            text = json.dumps({"model": self.model, "name": self.name, "parameters": plain})
            write_whole(folder / _FILE, text.encode())
        except (TypeError, ValueError) as error:
            raise ParameterError(f"These parameters cannot be kept ({error}); use plain values.") from error
        except OSError as error:
            raise StylehubError("The site cannot keep this now, since its disk is full; try again later.") from error

    @classmethod
    def read(cls, folder: Path) -> "Request":
        """The request in ``folder``. Raises ``StylehubError`` if it is not whole."""
        try:
            found = json.loads((folder / _FILE).read_bytes())
            parameters = {name: _opened(value, folder) for name, value in found["parameters"].items()}
            photo = read_image(folder / PHOTO).image if (folder / PHOTO).exists() else None
            return cls(found["model"], parameters, found["name"], photo)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StylehubError("The files of this job are damaged; send it again.") from error


def safe_name(name: str | None) -> str:
    """``name`` of a visitor's file without folders and control characters, for metadata and lists; never for a path."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable()).strip()[:_LONGEST_NAME] or "photo"


def _plain(name: str, value: Any, folder: Path) -> Any:
    """``value`` as JSON; its pictures become files of ``folder``."""
    if isinstance(value, Pictures):
        items = []
        for number, picture in enumerate(value.pictures):
            if isinstance(picture, str):
                items.append({"name": picture})
            elif isinstance(picture, Image.Image):
                items.append({"file": _write(picture, folder / f"{name}-{number}.png")})
            else:
                raise TypeError(f"{name} has a {type(picture).__name__}")
        names = [item.get("name") or safe_name(kept) for item, kept in zip(items, value.names, strict=True)]
        return {"pictures": items, "shares": value.shares, "names": names}
    if isinstance(value, Map):
        if not isinstance(value.source, Image.Image):
            raise TypeError(f"{name} has a {type(value.source).__name__}")
        return {"map": _write(value.source, folder / f"{name}.png"), "name": safe_name(value.name)}
    if isinstance(value, Path | bytes):
        raise TypeError(f"{name} has a {type(value).__name__}")
    json.dumps(value, allow_nan=False)
    return {"value": value}


def _opened(plain: Mapping[str, Any], folder: Path) -> Any:
    if "pictures" in plain:
        pictures = [
            read_image(folder / item["file"]).image if "file" in item else item["name"] for item in plain["pictures"]
        ]
        return Pictures(pictures, plain["shares"], plain["names"])
    if "map" in plain:
        return Map(read_image(folder / plain["map"]).image, plain["name"])
    return plain["value"]


def _write(picture: Image.Image, path: Path) -> str:
    """The pixels alone, in sRGB: whatever else the upload held is left behind. Raises ``OSError``."""
    clean = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    clean.save(path, compress_level=1)
    return path.name
