"""Shards of small photos with their maps."""

import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from methods.parts.dense.depth.scenes import scene


def depth_shard(path: Path, count: int, rng: np.random.Generator) -> Path:
    """A tar of small photos with their maps."""
    with tarfile.open(path, "w") as tar:
        for index in range(count):
            picture, inverse = scene([rng.random((8, 8, 3), dtype=np.float32)], 64, 80, rng)
            photo, plane = BytesIO(), BytesIO()
            Image.fromarray((picture * 255).astype(np.uint8)).save(photo, "JPEG")
            scaled = 1 + inverse / inverse.max() * 65000
            Image.fromarray(scaled.astype(np.uint16)).save(plane, "PNG")
            facts = BytesIO(b'{"source": "rendered"}')
            facts.seek(0, 2)
            for suffix, data in (("jpg", photo), ("depth.png", plane), ("json", facts)):
                member = tarfile.TarInfo(f"{index:06d}.{suffix}")
                member.size = data.tell()
                data.seek(0)
                tar.addfile(member, data)
    return path
