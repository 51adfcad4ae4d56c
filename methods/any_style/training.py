"""Training of one network for any painting.

Ghiasi et al. 2017 (arXiv 1705.06830), section 2: the losses of Johnson et al. 2016, with another painting for each
photo of a batch; the scales and shifts are predicted from the painting. The losses are those of
``methods/parts/style_code/training.py``. Another addition to the paper: the filters start from ``cin-25styles``, the codes
from the principal components of its 25 rows.
"""

from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from hub.errors import TrainingError
from hub.weights import load_strict, read_config, read_safetensors
from methods.any_style.network import AnyStyleNetwork
from methods.parts.style_code.training import CodeSettings, CodeTraining
from methods.parts.style_vectors import SCALES, short_side
from methods.parts.transformation.network import ImageTransformationNetwork


class AnyStyleSettings(CodeSettings):
    """Settings of ``stylehub train any-style``."""

    base: Path | None = Field(
        None, description="Weights of a conditional network to start from; its paintings must be among the presets."
    )


class AnyStyleTraining(CodeTraining):
    """Trains filters, rows of scales and shifts, and the prediction network."""

    Settings = AnyStyleSettings
    method = "any-style"
    fit_steps: ClassVar = 400  # of ``fit``
    settings: AnyStyleSettings
    network: AnyStyleNetwork

    def build(self, description: int) -> AnyStyleNetwork:
        return AnyStyleNetwork(self.settings.width, self.settings.code, description, self.settings.hidden)

    def architecture(self) -> dict[str, Any]:
        return {name: getattr(self.settings, name) for name in ("width", "code", "hidden")}

    def begin(self) -> None:
        if self.settings.base:
            self.start_from(self.settings.base)

    def start_from(self, base: Path) -> None:
        """Take the filters of the conditional network in ``base``; make the principal components of its rows the codes."""
        styles = styles_of(base)
        if missing := sorted(set(styles) - set(self.presets)):
            raise TrainingError(f"--presets lacks {missing[0]}, a style of {base}; add the painting.")
        tensors = read_safetensors(base)
        # This checks the shapes.
        load_strict(ImageTransformationNetwork(len(styles), self.settings.width), tensors, base)
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

    def fit(self, styles: list[str], codes: Tensor) -> None:
        """Train the prediction network on the codes of the base's paintings, at several sizes of each."""
        descriptions, wanted = [], []
        for name, code in zip(styles, codes, strict=True):
            for scale in SCALES[:3]:
                descriptions.append(self.description(self.presets[name], short_side(scale)))
                wanted.append(code)
        x, y = torch.cat(descriptions), torch.stack(wanted)
        optimizer = torch.optim.Adam(self.network.predictor.parameters(), lr=1e-3)
        for _ in range(self.fit_steps):
            noisy = x + 0.1 * self.network.predictor.deviation * torch.randn_like(x)
            found = self.network.predictor(noisy)[:, 1:]
            loss = (found[:, : y.shape[1]] - y).square().mean() + 0.1 * found[:, y.shape[1] :].square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def parameter_groups(self) -> list[dict[str, object]]:
        transformation = list(self.network.transformation.named_parameters())
        return [
            {"params": [p for name, p in transformation if ".norm." not in name], "muon": True},
            {"params": [p for name, p in transformation if ".norm." in name]},
            {"params": list(self.network.predictor.parameters())},
        ]


def styles_of(base: Path) -> list[str]:
    """The names of a conditional network's styles, in the order of its rows. Raises ``TrainingError`` for other weights."""
    config = read_config(base)
    if config.get("method") != "cin":
        raise TrainingError(f"{base} is not a file of weights of cin; choose another one with --base.")
    return [style["name"] for style in config["styles"]]
