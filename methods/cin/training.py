"""Training of the conditional network.

Each step takes a few photo crops, each with another painting. The loss compares the result with the photo's content and
with the painting's Gram matrices (Johnson et al. 2016; Dumoulin et al. 2017). Both losses are relative, so all
paintings weigh the same. ``style_weights`` lowers the weight of flat paintings that would hide the photo.
"""

import json
from pathlib import Path

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from hub.errors import TrainingError
from hub.images import to_image
from hub.training import TrainingTask
from hub.training.data import Epochs
from hub.weights import load_strict, read_metadata, read_safetensors, write_model
from methods.parts.paintings import read_painting, read_styles
from methods.parts.perceptual.losses import STYLE_LAYERS, large_lights, total_variation
from methods.parts.sheets import contact_sheet
from methods.parts.transformation.network import ImageTransformationNetwork
from methods.parts.transformation.training import PerceptualSettings, PerceptualTask


class CinSettings(PerceptualSettings):
    """Settings of ``stylehub train cin``."""

    styles: Path = Field(description="A folder of paintings; the file names become the styles' names.")
    width: int = Field(16, ge=2, le=64, description="Channels of the first convolution; the paper has 32.")
    content_layers: list[str] = Field(
        ["relu2_2", "relu3_3"], min_length=1, description="Layers of the content error, which is their mean."
    )
    light_weight: float = Field(0.3, ge=0, description="Weight of the difference in lightness at large scale.")
    rows_factor: float = Field(
        8.0,
        gt=0,
        description="Factor on the learning rate of scales and shifts: with N styles, each row gets every Nth update.",
    )
    initial: Path | None = Field(None, description="Weights to start from, such as an earlier run's model.safetensors.")
    style_weights: Path | None = Field(
        None, description="JSON file: a factor on the style weight for each style's name."
    )
    teacher: Path | None = Field(None, description="Weights of a larger model with the same styles, to imitate.")
    imitation_weight: float = Field(10.0, ge=0, description="Weight of the mean difference to the teacher's results.")


class CinTraining(PerceptualTask, TrainingTask):
    """Shuffled epochs of all styles: each style trains its own row, all of them train the filters."""

    Settings = CinSettings
    settings: CinSettings

    def __init__(self, settings: CinSettings, device: torch.device) -> None:
        self.styles = read_styles(settings.styles)
        self.names = [style.name for style in self.styles]
        self.content_layers = tuple(settings.content_layers)
        super().__init__(settings, device, [read_painting(settings.styles, style) for style in self.styles])
        torch.manual_seed(settings.seed)
        self.network = ImageTransformationNetwork(len(self.names), settings.width).to(memory_format=torch.channels_last)
        if settings.initial:
            load_strict(self.network, read_safetensors(settings.initial), settings.initial)
        self.teacher = read_network(settings.teacher, self.names).to(device) if settings.teacher else None
        self.epochs = Epochs(len(self.names), settings.seed + 1)
        factors = json.loads(settings.style_weights.read_text()) if settings.style_weights else {}
        self.factors = torch.tensor([float(factors.get(name, 1.0)) for name in self.names], device=device)

    def parameter_groups(self) -> list[dict[str, object]]:
        rows = [p for name, p in self.network.named_parameters() if ".norm." in name]
        filters = [p for name, p in self.network.named_parameters() if ".norm." not in name]
        return [{"params": filters, "muon": True}, {"params": rows, "factor": self.settings.rows_factor}]

    def losses(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        s = self.settings
        photos = batch.contiguous(memory_format=torch.channels_last)
        chosen = torch.tensor([self.epochs[step * s.batch + slot] for slot in range(len(photos))], device=self.device)
        mix = torch.nn.functional.one_hot(chosen, len(self.names)).float()
        result = self.network(photos, mix).float()
        variation = total_variation(result)
        light = (large_lights(result) - large_lights(photos)).square().mean((1, 2, 3))
        loss = s.variation_weight * variation + s.light_weight * light
        parts = {"variation": variation.mean(), "light": light.mean()}
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
    def sheet(self, network: ImageTransformationNetwork) -> Image.Image:
        """One photo, then the same photo in every style."""
        photo = self.crops.crop(0, 256)[None].to(self.device)
        cells = [photo]
        for mix in torch.eye(len(self.names), device=self.device):
            cells.append(network(photo, mix[None]).float())
        return contact_sheet([to_image(cell) for cell in cells], columns=7)

    def export(self, network: ImageTransformationNetwork, folder: Path, facts: dict[str, object]) -> None:
        styles = [style.model_dump() for style in self.styles]
        training = facts | {"perceptual_network": self.perceptual_network}
        config = {"method": "cin", "width": network.width, "styles": styles, "training": training}
        write_model(folder, network.state_dict(), config)


def read_network(path: Path, names: list[str]) -> ImageTransformationNetwork:
    """The network that ``export`` wrote to ``path``, frozen. Raises ``TrainingError`` if its styles are not ``names``."""
    config = json.loads(read_metadata(path).get("config", "{}"))
    if [style["name"] for style in config.get("styles", [])] != names:
        raise TrainingError(f"The teacher {path} has other styles than --styles; train it on the same paintings.")
    network = ImageTransformationNetwork(len(names), config["width"])
    load_strict(network, read_safetensors(path), path)
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
