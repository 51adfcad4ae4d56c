"""How the conditional style network learns its paintings.

Every step shows a few photo crops, each with another painting, and asks for the photo's content and the painting's
Gram matrices at once (Johnson et al. 2016; Dumoulin et al. 2017). Both losses are relative, so one painting weighs as
much as another; flat paintings that would swallow the photo can be given less (``style_weights``).
"""

import csv
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from hub.errors import TrainingError
from hub.images import FORMATS, at_short_side, find_named, read_image, to_image, to_tensor
from hub.method import Style
from hub.shards import Rounds, open_photos
from hub.sheets import contact_sheet
from hub.training import Recipe, TrainingSettings
from hub.weights import load_strict, read_metadata, read_safetensors, write_safetensors
from methods.cin.network import ConditionalStyleNetwork
from methods.parts.backbone import open_backbone
from methods.parts.losses import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    gram_matrix,
    relative_error,
    style_distances,
    total_variation,
)


class PerceptualSettings(TrainingSettings):
    """What every training by VGG features has in common."""

    content: list[Path] = Field(description="Photos: pictures, folders, patterns, or tar shards (WebDataset layout).")
    vgg: Path | None = Field(
        None,
        description="VGG-16 or VGG-19 as safetensors, keys as torchvision's; the best at hand when left out: the file that "
        "STYLEHUB_VGG names, a VGG-19 downloaded before, or the bundled vgg-slim.",
    )
    crops: list[int] = Field(
        [128, 192, 256],
        description="Sides of the photo crops, part by part: small ones are cheap, large ones teach strokes.",
    )
    crop_starts: list[float] = Field([0.0, 0.4, 0.8], description="Where each part begins, as a share of all steps.")
    style_size: int = Field(512, ge=64, description="Short side of the paintings: the scale of the strokes.")
    content_weight: float = Field(1.0, ge=0, description="Weight of the relative relu3_3 error.")
    content_floor: float = Field(
        0.2,
        ge=0,
        description="Least energy that a photo's features count as, as a share of the usual: empty crops weigh less.",
    )
    style_weight: float = Field(1.0, ge=0, description="Weight of the relative Gram errors, summed over four layers.")
    variation_weight: float = Field(4.0, ge=0, description="Weight of the total variation.")


class CinSettings(PerceptualSettings):
    """Settings of ``stylehub train cin``."""

    styles: Path = Field(description="A folder of paintings; the file names become the styles' names.")
    width: int = Field(16, ge=2, le=64, description="Channels of the first convolution; 32 is the paper's.")
    rows_factor: float = Field(
        8.0,
        gt=0,
        description="Learning rate of scale and shift rows, as a multiple: a row sees one update in `styles`.",
    )
    initial: Path | None = Field(None, description="Weights to start from, such as an earlier run's model.safetensors.")
    style_weights: Path | None = Field(None, description="JSON file of factors on single styles' weight, by name.")
    teacher: Path | None = Field(None, description="Weights of a larger model of the same styles, to be imitated.")
    imitation_weight: float = Field(10.0, ge=0, description="Weight of the mean difference to the teacher's pictures.")


class PhotoCrops(Dataset[Tensor]):
    """Step -> ``(batch, 3, crop, crop)`` in [0, 1]: crops of photos scaled to 288 to 512 pixels on their short side."""

    def __init__(self, settings: PerceptualSettings) -> None:
        self.settings = settings
        self.photos = open_photos(settings.content)
        self.rounds = Rounds(len(self.photos), settings.seed)

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> Tensor:
        s = self.settings
        side = [crop for crop, begin in zip(s.crops, s.crop_starts, strict=True) if step >= begin * s.steps][-1]
        return torch.stack([self.crop(step * s.batch + slot, side) for slot in range(s.batch)])

    def crop(self, index: int, side: int) -> Tensor:
        """One crop; an empty one is drawn again, since instance norm blows its rounding errors up at every layer."""
        rng = np.random.default_rng([self.settings.seed, 1, index])
        photo = self.photos.image(self.rounds[index])
        for _ in range(8):
            crop = self.draw(photo, side, rng)
            if crop.std() > 0.03:
                break
        return crop

    def draw(self, photo: Image.Image, side: int, rng: np.random.Generator) -> Tensor:
        short = min(photo.size)
        scale = rng.uniform(max(288, side), max(512, side)) / short
        region = min(short, side / scale)
        x, y = rng.uniform(0, photo.width - region), rng.uniform(0, photo.height - region)
        photo = photo.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + region, y + region))
        if rng.random() < 0.5:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if rng.random() < 0.1:  # grey photographs keep their faces only if some were seen
            photo = photo.convert("L").convert("RGB")
        return to_tensor(photo)[0]


class PerceptualRecipe(Recipe):
    """The losses of the paper: a photo's content and a painting's Gram matrices, both by VGG-16."""

    settings: PerceptualSettings
    network: ConditionalStyleNetwork

    def __init__(self, settings: PerceptualSettings, device: torch.device, paintings: list[Image.Image]) -> None:
        self.settings, self.device = settings, device
        torch.manual_seed(settings.seed)
        self.vgg, self.perceptual_network = open_backbone(
            "auto",
            settings.vgg,
            layers=STYLE_LAYERS,
            device=device,
            dtype=torch.bfloat16 if settings.bf16 else torch.float32,
        )
        self.crops = PhotoCrops(settings)
        self.energy = settings.content_floor * self.typical_energy()
        per_style = [self.style_grams(painting) for painting in paintings]
        self.grams = {layer: torch.cat([grams[layer] for grams in per_style]) for layer in STYLE_LAYERS}

    def typical_energy(self) -> float:
        """Mean square of the content features over a few crops."""
        crops = torch.stack([self.crops.crop(index, 192) for index in range(16)]).to(self.device)
        with torch.no_grad():
            features: Tensor = self.vgg(crops, [CONTENT_LAYER])[CONTENT_LAYER]
        return float(features.float().square().mean())

    def style_grams(self, painting: Image.Image) -> dict[str, Tensor]:
        pixels = to_tensor(at_short_side(painting, self.settings.style_size)).to(self.device)
        with torch.no_grad():
            return {layer: gram_matrix(f) for layer, f in self.vgg(pixels, STYLE_LAYERS).items()}

    def batches(self) -> Dataset[Tensor]:
        return self.crops

    def perceptual(self, photos: Tensor, result: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Relative relu3_3 error to the photos, and relative Gram errors summed over the layers: each ``(N,)``.

        ``chosen`` is the painting of every picture, ``(N,)``.
        """
        with torch.no_grad():
            target = self.vgg(photos, [CONTENT_LAYER])[CONTENT_LAYER]
        features = self.vgg(result, STYLE_LAYERS)
        grams = {layer: grams[chosen] for layer, grams in self.grams.items()}
        return relative_error(features[CONTENT_LAYER], target, self.energy), style_distances(features, grams).sum(0)


class CinRecipe(PerceptualRecipe):
    """Shuffled rounds of all styles, each with its rows; the filters learn from every one of them."""

    Settings = CinSettings
    settings: CinSettings

    def __init__(self, settings: CinSettings, device: torch.device) -> None:
        self.styles = read_styles(settings.styles)
        self.names = [style.name for style in self.styles]
        super().__init__(settings, device, [read_painting(settings.styles, style) for style in self.styles])
        torch.manual_seed(settings.seed)
        self.network = ConditionalStyleNetwork(len(self.names), settings.width).to(memory_format=torch.channels_last)
        if settings.initial:
            load_strict(self.network, read_safetensors(settings.initial), settings.initial)
        self.teacher = read_network(settings.teacher, self.names).to(device) if settings.teacher else None
        self.rounds = Rounds(len(self.names), settings.seed + 1)
        factors = json.loads(settings.style_weights.read_text()) if settings.style_weights else {}
        self.factors = torch.tensor([float(factors.get(name, 1.0)) for name in self.names], device=device)

    def parameter_groups(self) -> list[dict[str, object]]:
        rows = [p for name, p in self.network.named_parameters() if ".norm." in name]
        filters = [p for name, p in self.network.named_parameters() if ".norm." not in name]
        return [{"params": filters, "muon": True}, {"params": rows, "factor": self.settings.rows_factor}]

    def losses(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        s = self.settings
        photos = batch.contiguous(memory_format=torch.channels_last)
        chosen = torch.tensor([self.rounds[step * s.batch + slot] for slot in range(len(photos))], device=self.device)
        mix = torch.nn.functional.one_hot(chosen, len(self.names)).float()
        result = self.network(photos, mix).float()
        variation = total_variation(result)
        loss = s.variation_weight * variation
        parts = {"variation": variation.mean()}
        if s.content_weight or s.style_weight:
            content, style = self.perceptual(photos, result, chosen)
            loss = loss + s.content_weight * content + s.style_weight * self.factors[chosen] * style
            parts |= {"content": content.mean(), "style": style.mean() / len(STYLE_LAYERS)}
            for i, style_index in enumerate(chosen.tolist()):
                parts[f"content/{self.names[style_index]}"] = content[i].detach()
                parts[f"style/{self.names[style_index]}"] = style[i].detach() / len(STYLE_LAYERS)
        if self.teacher:
            with torch.no_grad():
                shown = self.teacher(photos, mix).float()
            imitation = (result - shown).abs().mean((1, 2, 3))
            loss = loss + s.imitation_weight * imitation
            parts["imitation"] = imitation.mean()
        return {"loss": loss.mean(), **parts}

    @torch.no_grad()
    def sheet(self, network: ConditionalStyleNetwork) -> Image.Image:
        """Every style on one photo of the first shard, five a row, the photo first."""
        photo = self.crops.crop(0, 256)[None].to(self.device)
        cells = [photo]
        for mix in torch.eye(len(self.names), device=self.device):
            cells.append(network(photo, mix[None]).float())
        return contact_sheet([to_image(cell) for cell in cells], columns=7)

    def export(self, network: ConditionalStyleNetwork, folder: Path, facts: dict[str, object]) -> None:
        write_model(folder, network, self.styles, facts | {"perceptual_network": self.perceptual_network})


def read_network(path: Path, names: list[str]) -> ConditionalStyleNetwork:
    """The network that ``write_model`` wrote to ``path``, for inference; raises ``TrainingError`` on other styles."""
    config = json.loads(read_metadata(path).get("config", "{}"))
    if [style["name"] for style in config.get("styles", [])] != names:
        raise TrainingError(f"The teacher {path} has other styles than --styles; train it on the same paintings.")
    network = ConditionalStyleNetwork(len(names), config["width"])
    load_strict(network, read_safetensors(path), path)
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def write_model(folder: Path, network: ConditionalStyleNetwork, styles: list[Style], facts: dict[str, object]) -> None:
    """``model.safetensors``, float16 with its configuration in the metadata, and that again as ``config.json``."""
    config = {"method": "cin", "width": network.width, "styles": [s.model_dump() for s in styles], "training": facts}
    tensors = {name: tensor.half() for name, tensor in network.state_dict().items()}
    write_safetensors(folder / "model.safetensors", tensors, {"config": json.dumps(config)})
    (folder / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_styles(folder: Path) -> list[Style]:
    """Every painting of ``folder`` by its file name; with a ``styles.csv``, those with ``pick`` = 1 and their titles.

    The columns are ``slug``, ``pick``, ``title``, ``artist`` and ``year``; the pictures are ``slug.jpg``.
    """
    table = folder / "styles.csv"
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row.get("pick", "1") == "1"]
        styles = [Style(name=r["slug"], title=r["title"], artist=r["artist"], year=r["year"]) for r in rows]
    else:
        styles = [Style(name=p.stem) for p in sorted(folder.glob("*")) if p.suffix.lower() in FORMATS]
    if not styles:
        raise TrainingError(f"No painting in {folder}; give a folder of pictures with --styles.")
    return styles


def read_painting(folder: Path, style: Style) -> Image.Image:
    """The painting of ``style`` as RGB."""
    return read_image(find_named(folder, style.name)).rgb
