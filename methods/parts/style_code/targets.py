"""The targets of each painting for training: its description, Gram matrices and moments, computed once and kept on disk.

They are computed from the whole painting at about the size of use. Later steps need no pass of VGG for the painting.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hub.errors import WeightsError
from hub.images import at_short_side, to_tensor
from hub.training.data import PhotoFiles, Shards
from hub.weights import network_sha256, read_safetensors, write_safetensors
from methods.parts.perceptual.losses import STYLE_LAYERS, colour_moments, gram_matrix
from methods.parts.perceptual.statistics import statistics
from methods.parts.perceptual.vgg import VGG
from methods.parts.style_code.network import describe
from methods.parts.transformation.runner import pad_to_multiple

MOMENTS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
VIEWS = 2  # each painting as it is, and a smaller view in other colours


class PaintingTargets:
    """``targets[index]`` are the targets of view ``index % VIEWS`` of painting ``index // VIEWS``.

    The name of a file is a hash of everything that its numbers depend on. So paintings and perceptual networks may
    share a folder.
    """

    def __init__(self, paintings: Shards | PhotoFiles, vgg: VGG, encoder: VGG, folder: Path, seed: int) -> None:
        self.paintings, self.vgg, self.encoder, self.folder, self.seed = paintings, vgg, encoder, folder, seed
        self.networks = network_sha256(vgg) + network_sha256(encoder)

    def __len__(self) -> int:
        return VIEWS * len(self.paintings)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """``description`` ``(D,)``, the Gram matrix ``(C, C)`` and the moments ``(2, C)`` of each layer, all float32.

        Raises ``WeightsError`` when a file cannot be written.
        """
        view = self.view(index)
        key = hashlib.sha256(f"{self.networks} {view.size}".encode() + view.tobytes()).hexdigest()
        path = self.folder / f"{key}.safetensors"
        if path.is_file():
            with suppress(WeightsError):  # a damaged file is computed again
                return {name: tensor.float() for name, tensor in read_safetensors(path).items()}
        found = self.compute(view)
        # bfloat16 is precise to 0.4 % and, unlike float16, has the range of a Gram matrix.
        kept = {n: t if n == "description" else t.bfloat16() for n, t in found.items()}
        write_safetensors(path, kept, {})
        return {name: tensor.float() for name, tensor in kept.items()}

    def view(self, index: int) -> Image.Image:
        """View ``index`` of its painting: at a random size; every second view is smaller and in other colours."""
        painting = self.paintings.image(index // VIEWS)
        rng = np.random.default_rng([self.seed, 3, index])
        if index % VIEWS == 0:
            return at_short_side(painting, int(rng.integers(288, 449)))
        pixels = np.asarray(at_short_side(painting, int(rng.integers(224, 321))), dtype=np.float32) / 255
        pixels = pixels[..., rng.permutation(3)] ** rng.uniform(0.7, 1.4)
        return Image.fromarray((pixels * 255).round().astype(np.uint8))

    @torch.no_grad()
    def compute(self, view: Image.Image) -> dict[str, Tensor]:
        """The targets of ``view``, not rounded."""
        device = self.vgg.mean.device
        pixels = pad_to_multiple(to_tensor(view).to(device), 16).contiguous(memory_format=torch.channels_last)
        features = self.vgg(pixels, {*STYLE_LAYERS, *MOMENTS})
        found = {"description": describe(pixels, self.encoder)[0]}
        found |= {f"gram.{layer}": gram_matrix(features[layer])[0] for layer in STYLE_LAYERS}
        for layer in MOMENTS:
            mean, deviation = statistics(features[layer])
            found[f"moments.{layer}"] = torch.stack([mean[0], deviation[0]])
        found["colours"] = colour_moments(pixels)[0]
        return {name: tensor.float().cpu() for name, tensor in found.items()}
