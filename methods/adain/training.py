"""Training of the AdaIN decoder.

Huang & Belongie 2017 (arXiv 1703.06868), equations 11 to 13. A perceptual network compares:

1. content: the result's relu4_1 with the photo's relu4_1 after AdaIN;
2. style: the result's means and standard deviations at relu1_1 to relu4_1 with the painting's.

Additions to the paper: losses of Gram matrices and of colour moments; each error is divided by the energy of both
sides, so that all paintings weigh the same (Cheng et al. 2021, arXiv 2104.10064); a start as an autoencoder; pairs of a
picture with itself; mixtures of two paintings.

With a teacher, a large AdaIN network, these losses compare the result with the teacher's picture of the same pair.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from hub.errors import TrainingError
from hub.images import to_image
from hub.parameters import inherited
from hub.training import TrainingTask
from hub.training.data import Epochs, open_photos
from hub.weights import load_strict, read_safetensors, write_model
from methods.adain.network import LAYER, AdaINNetwork, adain
from methods.adain.teacher import Teacher
from methods.parts.paintings import read_painting, read_styles
from methods.parts.perceptual.backbone import read_slim
from methods.parts.perceptual.losses import balanced_error, colour_moments, gram_matrix, total_variation
from methods.parts.perceptual.statistics import Statistics, statistics
from methods.parts.perceptual.training import PerceptualLearning
from methods.parts.perceptual.vgg import read_vgg
from methods.parts.sheets import contact_sheet
from methods.parts.style_vectors import PRESET, vector_of, without_presets
from methods.parts.transformation.training import ArbitrarySettings, PerceptualSettings, PhotoCrops

CONTENT = "relu4_1"
MOMENTS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
GRAMS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
IMITATED = ("relu1_2", "relu2_2", "relu3_3", "relu4_1")


class AdaINSettings(ArbitrarySettings):
    """Settings of ``stylehub train adain``."""

    encoder: Path | None = Field(
        None, description="Encoder: VGG-16 or VGG-19 as safetensors. Default: the bundled vgg-slim."
    )
    muon_rate: float = inherited(
        PerceptualSettings,
        "muon_rate",
        0.005,
        description="Muon's peak learning rate. The decoder has no normalisation; with a larger rate it does not converge.",
    )
    reconstruction: float = Field(
        0.1, ge=0, le=1, description="Share of the steps, at the start, that only learn to reconstruct."
    )
    style_weight: float = inherited(
        PerceptualSettings,
        "style_weight",
        4.0,
        description="Weight of the balanced errors of moments and Gram matrices.",
    )
    colour_weight: float = Field(
        6.0, ge=0, description="Weight of the difference in the colours' first and second moments."
    )
    identity_weight: float = Field(
        4.0, ge=0, description="Weight of the reconstruction error of a picture that is its own style."
    )
    content_weight: float = inherited(
        PerceptualSettings, "content_weight", 1.0, description="Weight of the balanced error at relu4_1 after AdaIN."
    )
    teacher_encoder: Path | None = Field(
        None, description="Encoder of a large AdaIN network to imitate: VGG-16 or VGG-19 as safetensors."
    )
    teacher_decoder: Path | None = Field(None, description="Decoder of the network to imitate.")
    teacher_pictures: Path = Field(Path("runs/teacher"), description="Folder for the teacher's pictures.")
    teacher_pairs: int = Field(3000, ge=1, description="Pairs of a photo and a painting that the teacher paints.")
    imitation_weight: float = Field(10.0, ge=0, description="Weight of the mean difference to the teacher's pictures.")
    gram_target: Literal["teacher", "painting"] = Field(
        "teacher",
        description="Whose Gram matrices the result should have, with a teacher: its picture's or the painting's.",
    )
    encoder_factor: float = Field(
        0.0, ge=0, le=1, description="Factor on the encoder's learning rate, with a teacher; 0 keeps it frozen."
    )


class Pairs(Dataset[dict[str, Tensor]]):
    """For each step as many crops of photos as of paintings. Paintings are scaled, mirrored and recoloured at random."""

    def __init__(self, settings: AdaINSettings) -> None:
        self.photos = PhotoCrops(settings)
        self.paintings = open_photos(settings.paintings)
        self.settings = settings
        self.epochs = Epochs(len(self.paintings), settings.seed + 1)

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        s = self.settings
        side = self.photos.side(step)
        indices = [step * s.batch + slot for slot in range(s.batch)]
        if s.teacher_encoder:
            indices = [index % s.teacher_pairs for index in indices]
        photos = torch.stack([self.photos.crop(index, side) for index in indices])
        return {"photos": photos, "paintings": torch.stack([self.crop(index, side) for index in indices])}

    def crop(self, index: int, side: int) -> Tensor:
        rng = np.random.default_rng([self.settings.seed, 2, index])
        painting = self.paintings.image(self.epochs[index])
        for _ in range(8):
            crop = self.photos.draw(painting, side, rng, (side, 2 * side), grey=0.02)
            if crop.std() > 0.03:
                break
        if rng.random() < 0.5:  # other colours: permute the channels, make them darker or brighter
            crop = crop[rng.permutation(3)] ** float(rng.uniform(0.7, 1.4))
        return crop


class AdaINTraining(PerceptualLearning, TrainingTask):
    """The encoder is frozen; the decoder learns."""

    Settings = AdaINSettings
    settings: AdaINSettings
    network: AdaINNetwork

    def __init__(self, settings: AdaINSettings, device: torch.device) -> None:
        super().__init__(settings, device, GRAMS)
        encoder = read_vgg(settings.encoder, LAYER) if settings.encoder else read_slim([LAYER])
        self.network = AdaINNetwork(encoder.blocks)
        own = self.network.encoder.state_dict()
        own = {name: tensor for name, tensor in encoder.state_dict().items() if name in own}
        self.network.encoder.load_state_dict(own)
        if settings.initial:
            load_strict(self.network, without_presets(read_safetensors(settings.initial)), settings.initial)
        self.network.encoder.frozen()
        self.teacher = None
        if settings.teacher_encoder:
            if not settings.teacher_decoder:
                raise TrainingError("The teacher has an encoder and a decoder; give --teacher-decoder too.")
            self.teacher = Teacher(
                settings.teacher_encoder, settings.teacher_decoder, settings.teacher_pictures, device
            )
            self.network.encoder.requires_grad_(settings.encoder_factor > 0)
        self.network = self.network.to(device).to(memory_format=torch.channels_last)
        self.pairs = Pairs(settings)

    def batches(self) -> Dataset[dict[str, Tensor]]:
        return self.pairs

    def parameter_groups(self) -> list[dict[str, object]]:
        named = list(self.network.decoder.named_parameters())
        return [
            {"params": [p for name, p in named if name.endswith("weight")], "muon": True},
            {"params": [p for name, p in named if name.endswith("bias")]},
            {
                "params": [p for p in self.network.encoder.parameters() if p.requires_grad],
                "factor": self.settings.encoder_factor,
            },
        ]

    def losses(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        s = self.settings
        photos, paintings = (batch[k].contiguous(memory_format=torch.channels_last) for k in ("photos", "paintings"))
        if self.teacher:
            return self.imitation(photos, paintings, self.teacher(photos, paintings))
        warm = step < s.reconstruction * s.steps
        with torch.no_grad():
            content, style = self.network.encode(photos), self.network.encode(paintings)
            wanted = self.vgg(paintings, {*MOMENTS, *GRAMS})
            moments = {layer: statistics(wanted[layer]) for layer in MOMENTS}
            grams = {layer: gram_matrix(wanted[layer]) for layer in GRAMS}
            colours = colour_moments(paintings)
            # Prepare for fusion: mix 30 % of the paintings with the next one, with a share of 0.35 to 0.5.
            share = torch.rand(len(photos), 1, generator=torch.Generator().manual_seed(s.seed * 1_000_003 + step))
            share = (0.5 * share.to(self.device)) * (share.to(self.device) > 0.7)
            target = _mixed(statistics(style), share)
            moments = {layer: _mixed(moments[layer], share) for layer in MOMENTS}
            grams = {layer: g.lerp(g.roll(1, 0), share[:, :, None]) for layer, g in grams.items()}
            colours = colours.lerp(colours.roll(1, 0), share[:, :, None])
        identity = self.network.decode(style if step % 2 else content).float()
        itself = paintings if step % 2 else photos
        same = (identity - itself).abs().mean((1, 2, 3))
        if warm:
            with torch.no_grad():
                features = self.vgg(itself, [CONTENT])[CONTENT]
            same = same + balanced_error(self.vgg(identity, [CONTENT])[CONTENT], features)
        loss, parts = s.identity_weight * same, {"identity": same.mean()}
        if not warm:
            result = self.network.decode(adain(content, statistics(content), target)).float()
            features = self.vgg(result, {CONTENT, *MOMENTS, *GRAMS})
            with torch.no_grad():
                own = self.vgg(photos, [CONTENT])[CONTENT]
                exchanged = adain(own, statistics(own), moments[CONTENT])
            content_error = balanced_error(features[CONTENT], exchanged)
            found = {layer: statistics(features[layer]) for layer in MOMENTS}
            moment_error = torch.stack(
                [balanced_error(a, b) for k in MOMENTS for a, b in zip(found[k], moments[k], strict=True)]
            ).mean(0)
            gram_error = torch.stack([balanced_error(gram_matrix(features[k]), grams[k]) for k in GRAMS]).mean(0)
            colour_error = (colour_moments(result) - colours).abs().mean((1, 2))
            variation = total_variation(result)
            loss = loss + s.content_weight * content_error + s.style_weight * (moment_error + gram_error)
            loss = loss + s.colour_weight * colour_error + s.variation_weight * variation
            parts |= {"content": content_error.mean(), "moments": moment_error.mean(), "grams": gram_error.mean()}
            parts["colours"] = colour_error.mean()
        return {"loss": loss.mean(), **parts}

    def imitation(self, photos: Tensor, paintings: Tensor, shown: Tensor) -> dict[str, Tensor]:
        """The difference to the teacher's pictures ``shown``: of pixels, of features and of Gram matrices."""
        s = self.settings
        content, style = self.network.encode(photos), self.network.encode(paintings)
        result = self.network.decode(adain(content, statistics(content), statistics(style))).float()
        features = self.vgg(result, IMITATED)
        with torch.no_grad():
            wanted = self.vgg(paintings if s.gram_target == "painting" else shown, IMITATED)
            grams = {layer: gram_matrix(wanted[layer]) for layer in IMITATED}
            if s.content_weight and s.gram_target == "painting":
                wanted = self.vgg(shown, IMITATED)

        def error(pairs: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
            return torch.stack([balanced_error(found, target).mean() for found, target in pairs]).mean()

        weighted = {
            "imitation": (s.imitation_weight, (result - shown).abs().mean()),
            "grams": (s.style_weight, error((gram_matrix(features[k]), grams[k]) for k in IMITATED)),
            "identity": (
                s.identity_weight / s.batch,
                (self.network.decode(content[:1]).float() - photos[:1]).abs().mean(),
            ),
        }
        if s.content_weight:
            weighted["content"] = (s.content_weight, error((features[k], wanted[k]) for k in IMITATED))
        loss = torch.stack([weight * part for weight, part in weighted.values()]).sum()
        return {"loss": loss, **{name: part for name, (_, part) in weighted.items()}}

    @torch.no_grad()
    def sheet(self, network: AdaINNetwork) -> Image.Image:
        """Three photos in the styles of five paintings: paintings in the top row, reconstructions in the left column."""
        photos = torch.stack([self.pairs.photos.crop(index, 256) for index in range(3)]).to(self.device)
        paintings = torch.stack([self.pairs.crop(index, 224) for index in range(5)]).to(self.device)
        style, blank = statistics(network.encode(paintings)), torch.ones_like(photos[:1])
        cells = [blank, *torch.split(F.interpolate(paintings, 256), 1)]
        for photo in torch.split(photos, 1):
            features = network.encode(photo)
            own = statistics(features)
            cells.append(network.decode(features).float())
            for index in range(len(paintings)):
                exchanged = adain(
                    features, own, Statistics(style.mean[index : index + 1], style.deviation[index : index + 1])
                )
                cells.append(network.decode(exchanged).float())
        return contact_sheet([to_image(cell) for cell in cells], columns=6)

    def export(self, network: AdaINNetwork, folder: Path, facts: dict[str, Any]) -> None:
        training = facts | {"perceptual_network": self.perceptual_network}
        tensors, presets = dict(network.state_dict()), []
        for style in read_styles(self.settings.presets, everything=True) if self.settings.presets else ():
            painting = read_painting(cast(Path, self.settings.presets), style)
            tensors[PRESET + style.name] = vector_of(
                painting, network.encoder_hash(), network.shape, network.describe
            ).numbers
            presets.append(style.model_dump())
        config = {"method": "adain", "blocks": network.encoder.blocks, "presets": presets, "training": training}
        write_model(folder, tensors, config)


def _mixed(own: Statistics, share: Tensor) -> Statistics:
    return Statistics(*(s.lerp(s.roll(1, 0), share) for s in own))
