"""Write a small tar shard to train on: pictures made by rule, or those that are named.

python make_data.py data/photos.tar
python make_data.py data/photos.tar holiday/*.jpg
"""

import io
import sys
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 128  # pixels


def made_by_rule(seed):
    """A gradient with discs and noise."""
    rng = np.random.default_rng(seed)
    corners = Image.fromarray(rng.integers(0, 255, (2, 2, 3), dtype=np.uint8))
    picture = corners.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    for _ in range(8):
        (x, y), radius = rng.integers(0, SIDE, 2).tolist(), int(rng.integers(4, 40))
        ImageDraw.Draw(picture).circle((x, y), radius, fill=tuple(rng.integers(0, 255, 3).tolist()))
    noisy = np.asarray(picture) + rng.normal(0, 6, (SIDE, SIDE, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def main(shard, photos):
    pictures = [Image.open(photo).convert("RGB") for photo in photos] or [made_by_rule(seed) for seed in range(24)]
    shard.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(shard, "w") as tar:
        for number, picture in enumerate(pictures):
            encoded = io.BytesIO()
            picture.save(encoded, "JPEG", quality=95)
            member = tarfile.TarInfo(f"{number:06d}.jpg")
            member.size = encoded.tell()
            encoded.seek(0)
            tar.addfile(member, encoded)
    print(f"{shard}: {len(pictures)} pictures")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
