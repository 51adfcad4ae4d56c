"""How one network learns to paint like paintings that it has never seen.

Ghiasi et al. 2017 (arXiv 1705.06830), section 2: the losses of Johnson et al. 2016 with another painting in every
slot of every batch, the style's rows predicted from the painting. Beyond the paper: the filters start as those of
``cin-25styles`` and the code as the principal components of its 25 rows, so the first step paints already; the
painting's Gram matrices are those of the whole painting, computed once; each error is over the energy of both sides
(Cheng et al. 2021, arXiv 2104.10064); the photo's large lights and darks are kept by a loss of their own.
"""

import json
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from hub.errors import TrainingError
from hub.images import at_short_side, to_image, to_tensor
from hub.method import Style
from hub.parameters import inherited
from hub.shards import Rounds, open_photos
from hub.sheets import contact_sheet
from hub.training import Recipe
from hub.weights import load_strict, read_metadata, read_safetensors, write_model
from methods.adain.network import statistics
from methods.adain.vectors import SCALES, SIDE
from methods.any_style.network import LAYERS as DESCRIBED
from methods.any_style.network import AnyStyleNetwork, describe
from methods.any_style.targets import GRAMS, MOMENTS, VIEWS, PaintingTargets, colour_moments
from methods.parts.backbone import open_backbone, read_slim
from methods.parts.losses import gram_matrix, relative_error, total_variation
from methods.parts.paintings import read_painting, read_styles
from methods.parts.perceptual import PerceptualSettings, PhotoCrops
from methods.parts.transformation import ImageTransformationNetwork

CONTENT = ("relu2_2", "relu3_3")


class AnyStyleSettings(PerceptualSettings):
    """Settings of ``stylehub train any-style``."""

    paintings: list[Path] = Field(description="Paintings: pictures, folders, patterns, or tar shards.")
    presets: Path | None = Field(
        None, description="A folder of paintings whose codes go into the weights, with a styles.csv perhaps."
    )
    base: Path | None = Field(
        None, description="Weights of a conditional network to start from; its paintings must be among the presets."
    )
    initial: Path | None = Field(None, description="Weights to start from, such as an earlier run's model.safetensors.")
    targets: Path = Field(
        Path("runs/targets"), description="Folder for what is computed once of each painting (up to 1.4 MB each)."
    )
    width: int = Field(16, ge=2, le=64, description="Channels of the first convolution; 32 is the paper's.")
    code: int = Field(64, ge=2, le=512, description="Numbers of a code; 100 in the paper.")
    hidden: int = Field(256, ge=4, description="Width of the prediction network.")
    crops: list[int] = inherited(PerceptualSettings, "crops", [192, 256])
    crop_starts: list[float] = inherited(PerceptualSettings, "crop_starts", [0.0, 0.75])
    muon_rate: float = inherited(PerceptualSettings, "muon_rate", 0.01)
    content_weight: float = inherited(
        PerceptualSettings, "content_weight", 1.0, description="Weight of the relative errors at relu2_2 and relu3_3."
    )
    style_weight: float = inherited(
        PerceptualSettings, "style_weight", 8.0, description="Weight of the balanced errors of the Gram matrices."
    )
    moments_weight: float = Field(2.0, ge=0, description="Weight of the balanced errors of means and deviations.")
    colour_weight: float = Field(4.0, ge=0, description="Weight of the difference in colours: their first two moments.")
    light_weight: float = Field(0.3, ge=0, description="Weight of the difference in the large lights and darks.")


class AnyStyleRecipe(Recipe):
    """Photo crops, each with another painting; filters, rows and the prediction network learn together."""

    Settings = AnyStyleSettings
    settings: AnyStyleSettings
    network: AnyStyleNetwork

    def __init__(self, settings: AnyStyleSettings, device: torch.device) -> None:
        self.settings, self.device = settings, device
        torch.manual_seed(settings.seed)
        precision = torch.bfloat16 if settings.bf16 else torch.float32
        self.vgg, self.perceptual_network = open_backbone(
            "auto", settings.vgg, layers={*CONTENT, *GRAMS, *MOMENTS}, device=device, dtype=precision
        )
        self.encoder = read_slim(DESCRIBED).to(device)
        self.crops = PhotoCrops(settings)
        self.targets = PaintingTargets(
            open_photos(settings.paintings), self.vgg, self.encoder, settings.targets, settings.seed
        )
        self.rounds = Rounds(len(self.targets), settings.seed + 1)
        folder = settings.presets
        self.presets = {s.name: s for s in (read_styles(folder, everything=True) if folder else ())}
        with torch.no_grad():
            sample = torch.stack([self.targets[self.rounds[i]]["description"] for i in range(64)])
            crops = torch.stack([self.crops.crop(index, 192) for index in range(16)]).to(device)
            features = self.vgg(crops, CONTENT)
        self.energy = {k: settings.content_floor * f.float().square().mean().item() for k, f in features.items()}
        self.network = AnyStyleNetwork(settings.width, settings.code, sample.shape[1], settings.hidden).to(device)
        if settings.initial:
            kept = {k: t for k, t in read_safetensors(settings.initial).items() if not k.startswith("presets.")}
            load_strict(self.network, kept, settings.initial)
        else:
            self.network.predictor.mean.copy_(sample.mean(0))
            self.network.predictor.deviation.copy_(sample.std(0).clamp_min(1e-4))
            if settings.base:
                self.start_from(settings.base)
        self.network = self.network.to(memory_format=torch.channels_last)

    def start_from(self, base: Path) -> None:
        """Filters of the conditional network in ``base``; codes as the principal components of its rows."""
        styles = [s["name"] for s in config_of(base)["styles"]]
        if missing := sorted(set(styles) - set(self.presets)):
            raise TrainingError(f"--presets lacks {missing[0]}, which {base} has learnt; add the painting.")
        tensors = read_safetensors(base)
        source = ImageTransformationNetwork(len(styles), self.settings.width)
        load_strict(source, tensors, base)
        names = [name for name in tensors if ".norm." in name]
        rows = torch.cat([tensors[name].float() for name in names], dim=1)
        mean = rows.mean(0)
        left, sizes, right = torch.linalg.svd(rows - mean, full_matrices=False)
        known = min(len(styles) - 1, self.settings.code - 1)
        scale = len(styles) ** 0.5
        codes = left[:, :known] * scale
        components = torch.randn(self.settings.code, rows.shape[1]) * 0.02
        components[0] = mean
        components[1 : known + 1] = sizes[:known, None] * right[:known] / scale
        state = {name: tensor for name, tensor in tensors.items() if name not in names}
        widths = [tensors[name].shape[1] for name in names]
        state |= dict(zip(names, components.split_with_sizes(widths, dim=1), strict=True))
        load_strict(self.network.transformation, state, base)
        self.fit(styles, codes.to(self.device))

    def fit(self, styles: list[str], codes: Tensor, steps: int = 400) -> None:
        """Teach the prediction network the codes of the paintings that are known already, at several sizes of each."""
        descriptions, wanted = [], []
        for name, code in zip(styles, codes, strict=True):
            for size in (256, 362, 512):
                descriptions.append(self.description(self.presets[name], size))
                wanted.append(code)
        x, y = torch.cat(descriptions), torch.stack(wanted)
        optimizer = torch.optim.Adam(self.network.predictor.parameters(), lr=1e-3)
        for _ in range(steps):
            noisy = x + 0.1 * self.network.predictor.deviation * torch.randn_like(x)
            found = self.network.predictor(noisy)[:, 1:]
            loss = (found[:, : y.shape[1]] - y).square().mean() + 0.1 * found[:, y.shape[1] :].square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def description(self, style: Style, size: int) -> Tensor:
        painting = read_painting(cast(Path, self.settings.presets), style)
        return describe(to_tensor(at_short_side(painting, size)).to(self.device), self.encoder)

    def batches(self) -> Dataset[Tensor]:
        return self.crops

    def parameter_groups(self) -> list[dict[str, object]]:
        transformation = list(self.network.transformation.named_parameters())
        return [
            {"params": [p for name, p in transformation if ".norm." not in name], "muon": True},
            {"params": [p for name, p in transformation if ".norm." in name]},
            {"params": list(self.network.predictor.parameters())},
        ]

    def losses(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        s = self.settings
        photos = batch.contiguous(memory_format=torch.channels_last)
        chosen = [self.targets[self.rounds[step * s.batch + slot]] for slot in range(len(photos))]
        target = {name: torch.stack([c[name] for c in chosen]).to(self.device) for name in chosen[0]}
        # Some paintings mixed with the next one, most of them hardly: what fusion will ask for.
        generator = torch.Generator().manual_seed(s.seed * 1_000_003 + step)
        share = torch.rand(len(photos), generator=generator).to(self.device)
        share = 0.5 * share * (share > 0.75)

        def mixed(x: Tensor) -> Tensor:
            return x.lerp(x.roll(1, 0), share.view(-1, *[1] * (x.ndim - 1)))

        code = mixed(self.network.predictor(target["description"]))
        result = self.network.transformation(photos, code).float()
        with torch.no_grad():
            wanted = self.vgg(photos, CONTENT)
        features = self.vgg(result, {*CONTENT, *GRAMS, *MOMENTS})
        content = torch.stack([relative_error(features[k], wanted[k], self.energy[k]) for k in CONTENT]).mean(0)
        grams = torch.stack([balanced(gram_matrix(features[k]), mixed(target[f"gram.{k}"])) for k in GRAMS]).mean(0)
        found = {k: torch.stack(statistics(features[k]), dim=1) for k in MOMENTS}
        moments = torch.stack([balanced(found[k], mixed(target[f"moments.{k}"])) for k in MOMENTS]).mean(0)
        colours = (colour_moments(result) - mixed(target["colours"])).abs().mean((1, 2))
        light = (large_lights(result) - large_lights(photos)).square().mean((1, 2, 3))
        variation = total_variation(result)
        loss = s.content_weight * content + s.style_weight * grams + s.moments_weight * moments
        loss = loss + s.colour_weight * colours + s.light_weight * light + s.variation_weight * variation
        parts = {"content": content, "grams": grams, "moments": moments, "colours": colours, "light": light}
        return {"loss": loss.mean(), **{name: part.mean() for name, part in parts.items()}}

    @torch.no_grad()
    def sheet(self, network: AnyStyleNetwork) -> Image.Image:
        """Three photos by five paintings, which are above: presets if there are any, otherwise those of the training."""
        photos = torch.stack([self.crops.crop(index, 256) for index in range(3)]).to(self.device)
        shown: list[tuple[Image.Image, Tensor]] = []
        for style in [*self.presets.values()][1::9][:5]:
            shown.append((read_painting(cast(Path, self.settings.presets), style), self.description(style, SIDE)))
        for index in range(min(5 - len(shown), len(self.targets) // VIEWS)):
            shown.append(
                (self.targets.view(VIEWS * index), self.targets[VIEWS * index]["description"][None].to(self.device))
            )
        cells = [Image.new("RGB", (256, 256), "white"), *(painting.resize((256, 256)) for painting, _ in shown)]
        for photo in torch.split(photos, 1):
            cells.append(to_image(photo))
            cells += [to_image(network(photo, description).float()) for _, description in shown]
        return contact_sheet(cells, columns=6)

    def export(self, network: AnyStyleNetwork, folder: Path, facts: dict[str, Any]) -> None:
        tensors = dict(network.state_dict())
        with torch.no_grad():
            for style in self.presets.values():
                sizes = [self.description(style, round(SIDE * scale)) for scale in SCALES]
                tensors[f"presets.{style.name}"] = network.predictor(torch.cat(sizes))
        config = {
            "method": "any-style",
            **{name: getattr(self.settings, name) for name in ("width", "code", "hidden")},
            "presets": [style.model_dump() for style in self.presets.values()],
            "training": facts | {"perceptual_network": self.perceptual_network},
        }
        write_model(folder, tensors, config)


def config_of(path: Path) -> dict[str, Any]:
    """What weights of ours say of themselves."""
    config: dict[str, Any] = json.loads(read_metadata(path)["config"])
    return config


def balanced(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared difference over the energy of both sides, ``(N,)`` in [0, 2]: no target is so small that it weighs all."""
    axes = tuple(range(1, wanted.ndim))
    energy = found.square().sum(axes).detach() + wanted.square().sum(axes)
    error: Tensor = 2 * (found - wanted).square().sum(axes) / energy.clamp_min(1e-8)
    return error


def large_lights(pictures: Tensor) -> Tensor:
    """The lightness of ``(N, 3, H, W)`` in cells of 16 pixels, with mean 0 and deviation 1: ``(N, 1, H / 16, W / 16)``."""
    grey = (pictures * pictures.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    cells = F.avg_pool2d(grey.float(), 16)
    variance, mean = torch.var_mean(cells, dim=(1, 2, 3), keepdim=True, correction=0)
    return (cells - mean) / (variance + 1e-3).sqrt()
