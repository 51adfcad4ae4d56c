"""Training photos, from WebDataset-style tar shards or from picture files.

They are read by index, so that every batch is a function of the seed and the step only.
"""

import io
import tarfile
from collections.abc import Sequence
from glob import glob
from pathlib import Path

import numpy as np
from PIL import Image

from hub.errors import TrainingError
from hub.images import find_images, read_image


class Shards:
    """The samples of some tar files: ``000001.jpg``, ``000001.json``, ``000001.depth.png``, ... share a key.

    ``paths`` are tar files, folders of them, or glob patterns. At the start only headers are read, so the set may have
    any size. Streaming readers are faster on remote storage but cannot repeat the samples of a given step, which
    resuming needs. Raises ``TrainingError`` if nothing is found or a tar file is damaged.
    """

    def __init__(self, paths: Sequence[Path | str], extension: str = "jpg") -> None:
        self.samples: list[tuple[Path, int, int]] = []
        for shard in _expand(paths):
            try:
                with tarfile.open(shard) as tar:
                    self.samples += [
                        (shard, m.offset_data, m.size)
                        for m in tar
                        if m.isfile() and m.name.partition(".")[2] == extension
                    ]
            except (tarfile.TarError, OSError) as error:
                raise TrainingError(f"The shard {shard} cannot be read ({error}); replace or remove it.") from error
        if not self.samples:
            named = ", ".join(map(str, paths))
            raise TrainingError(f"{named} has no .{extension} samples; give tar shards with --content.")

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int) -> bytes:
        path, offset, size = self.samples[index]
        with path.open("rb") as file:  # every time: forked loader processes would share the position of one handle
            file.seek(offset)
            return file.read(size)

    def image(self, index: int) -> Image.Image:
        """Sample ``index`` as RGB. The user's own data are trusted, so only Pillow's limit on size applies."""
        try:
            return Image.open(io.BytesIO(self.read(index))).convert("RGB")
        except OSError as error:
            path, offset, _ = self.samples[index]
            raise TrainingError(f"Sample {index} of {path} (byte {offset}) is not an image: {error}.") from error


class PhotoFiles:
    """Picture files with the interface of ``Shards``: ``len`` and ``image``."""

    def __init__(self, paths: Sequence[Path | str]) -> None:
        self.paths = find_images(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def image(self, index: int) -> Image.Image:
        """Picture ``index`` as RGB. Raises ``ImageError``."""
        return read_image(self.paths[index]).visible


def open_photos(paths: Sequence[Path | str]) -> Shards | PhotoFiles:
    """``paths`` as tar shards if they contain a tar file, otherwise as pictures."""
    named = [Path(path) for path in paths]
    tars = any(str(path).endswith(".tar") or (path.is_dir() and any(path.glob("*.tar"))) for path in named)
    return Shards(paths) if tars else PhotoFiles(paths)


class Epochs:
    """Endless shuffled epochs over ``size`` items: ``epochs[i]`` depends only on the seed and ``i``."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self._epoch, self._order = -1, np.arange(size)

    def __getitem__(self, index: int) -> int:
        number, position = divmod(index, self.size)
        if number != self._epoch:
            self._epoch, self._order = number, np.random.default_rng([self.seed, number]).permutation(self.size)
        return int(self._order[position])


def _expand(paths: Sequence[Path | str]) -> list[Path]:
    shards: list[Path] = []
    for path in paths:
        if Path(path).is_dir():
            found = sorted(Path(path).glob("*.tar"))
        elif Path(path).is_file():
            found = [Path(path)]
        else:
            found = sorted(Path(p) for p in glob(str(path)))  # noqa: PTH207 (patterns may be absolute)
        if not found:
            raise TrainingError(f"{path} has no tar shards; give a tar file, a folder of them or a pattern.")
        shards += found
    return shards
