"""A large AdaIN network as the teacher of the small one. Its pictures are painted once and kept on disk."""

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hub.errors import TrainingError
from hub.files import write_whole
from hub.images import to_image, to_tensor
from hub.weights import load_strict, network_sha256, read_safetensors
from methods.adain.network import LAYER, AdaINNetwork, adain
from methods.parts.perceptual.statistics import statistics
from methods.parts.perceptual.vgg import read_vgg


class Teacher:
    """The pictures of an AdaIN network with a whole VGG: ``teacher(photos, paintings)``.

    The name of a file is a hash of the network, the photo and the painting, so several trainings may share the folder.
    """

    def __init__(self, encoder: Path, decoder: Path, folder: Path, device: torch.device) -> None:
        """``decoder`` has the keys of ``Decoder``. Raises ``WeightsError`` for weights that do not fit."""
        vgg = read_vgg(encoder, LAYER, padding="reflect")
        self.network = AdaINNetwork(vgg.blocks)
        self.network.encoder = vgg
        load_strict(self.network.decoder, read_safetensors(decoder), decoder)
        self.name = network_sha256(self.network)
        self.network = self.network.to(device).requires_grad_(False).to(memory_format=torch.channels_last)
        self.folder = folder

    def __call__(self, photos: Tensor, paintings: Tensor) -> Tensor:
        """The pictures ``(N, 3, H, W)`` of ``photos`` in the styles of ``paintings``, both ``(N, 3, H, W)`` in [0, 1]."""
        pairs = zip(torch.split(photos, 1), torch.split(paintings, 1), strict=True)
        return torch.cat([self.picture(photo, painting) for photo, painting in pairs])

    @torch.no_grad()
    def picture(self, photo: Tensor, painting: Tensor) -> Tensor:
        pixels = [np.asarray(to_image(part)) for part in (photo, painting)]
        shapes = f"{self.name} {[p.shape for p in pixels]}".encode()
        path = self.folder / f"{hashlib.sha256(b''.join([shapes, *(p.tobytes() for p in pixels)])).hexdigest()}.png"
        try:
            with Image.open(path) as kept:
                return to_tensor(kept.convert("RGB")).to(photo.device)
        except OSError:  # not there, or damaged
            pass
        content = self.network.encode(photo)
        exchanged = adain(content, statistics(content), statistics(self.network.encode(painting)))
        picture = self.network.decode(exchanged).float().clamp(0, 1)
        kept_as = BytesIO()
        to_image(picture).save(kept_as, format="PNG", compress_level=1)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, kept_as.getvalue())
        except OSError as error:
            raise TrainingError(f"The teacher's pictures cannot be kept in {self.folder}: {error.strerror}.") from None
        return to_tensor(to_image(picture)).to(photo.device)
