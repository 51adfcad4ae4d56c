"""Prepare photos for training: square crops with their matting Laplacians and their scene parsing.

    python -m methods.fast_photo_affine.matrices PHOTOS ... --out shards/ --side 192

Both depend on the photo alone, so they are computed once instead of at every step. The results are tar shards
(WebDataset layout):

- ``000001.png`` is the crop;
- ``000001.safetensors`` holds ``matting``, the couplings of the Laplacian (see ``stencil.py``; ``(12, side, side)`` in
  float16), and ``groups``, the shares of the ten groups of scene parsing (``(10, side, side)`` in 0..255).
"""

import argparse
import io
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save
from torch import Tensor

from hub.errors import StylehubError
from hub.files import already_exists, remove_leftovers, write_whole
from hub.images import to_tensor
from hub.training.data import open_photos
from methods.fast_photo_affine.stencil import stencil
from methods.parts.dense.segmentation.parse import parse
from methods.parts.matting import matting_laplacian
from methods.parts.memory import keep_freed_memory

PHOTOS_A_SHARD = 100


def prepare(paths: Sequence[Path | str], out: Path, side: int, seed: int = 0, *, overwrite: bool = False) -> list[Path]:
    """Write the photos of ``paths`` (pictures, folders, patterns, or tar shards) into ``out``; return the shards.

    A crop is a square at a random position, between ``side`` pixels and the photo's short side, resized to ``side``. A
    shard is written completely or not at all. Raises ``StylehubError`` when a shard exists and ``overwrite`` is off,
    when pymatting is missing, or when a photo cannot be read.
    """
    photos = open_photos(paths)
    shards = [out / f"matting-{side}-{n:04d}.tar" for n in range(-(-len(photos) // PHOTOS_A_SHARD))]
    if not overwrite and (existing := next((shard for shard in shards if shard.exists()), None)):
        raise StylehubError(already_exists(existing))
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    keep_freed_memory()
    for number, shard in enumerate(shards):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            for index in range(number * PHOTOS_A_SHARD, min(len(photos), (number + 1) * PHOTOS_A_SHARD)):
                crop = square(photos.image(index), side, np.random.default_rng([seed, index]))
                picture = io.BytesIO()
                crop.save(picture, "PNG")
                _add(tar, f"{index:06d}.png", picture.getvalue())
                _add(tar, f"{index:06d}.safetensors", save(facts(to_tensor(crop))))
        write_whole(shard, data.getvalue())
        print(f"{shard.name}: {min(len(photos), (number + 1) * PHOTOS_A_SHARD)} of {len(photos)} photos", flush=True)
    return shards


def square(photo: Image.Image, side: int, rng: np.random.Generator) -> Image.Image:
    """A random square of ``photo``, resized to ``side``."""
    short = min(photo.size)
    region = rng.uniform(min(side, short), short)
    left, top = rng.uniform(0, photo.width - region), rng.uniform(0, photo.height - region)
    box = (left, top, left + region, top + region)
    return photo.resize((side, side), Image.Resampling.LANCZOS, box=box)


def facts(photo: Tensor) -> dict[str, Tensor]:
    """The tensors that are stored with a crop ``(1, 3, H, W)`` in [0, 1]."""
    height, width = photo.shape[-2:]
    groups = (parse(photo)[0].clamp(0, 1) * 255).round()
    return {
        "matting": stencil(matting_laplacian(photo), height, width).half(),
        "groups": groups.to(torch.uint8),
    }


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def main(words: Sequence[str] | None = None) -> None:
    """The command. An error that a user can fix gives one sentence and exit status 1."""
    parser = argparse.ArgumentParser(
        prog="python -m methods.fast_photo_affine.matrices",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", nargs="+", help="pictures, folders, patterns, or tar shards")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the new shards")
    parser.add_argument("--side", type=int, default=192, help="side of the crops in pixels; a multiple of 16")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random crops")
    parser.add_argument("--overwrite", action="store_true", help="replace shards that exist")
    options = parser.parse_args(words)
    if options.side < 32 or options.side % 16:
        parser.error("--side must be a multiple of 16, at least 32: the networks halve it four times")
    try:
        prepare(options.photos, options.out, options.side, options.seed, overwrite=options.overwrite)
    except (StylehubError, OSError) as error:
        sys.exit(f"matrices: {error}")


if __name__ == "__main__":
    main()
