"""Choose and open the perceptual network: by name, or the best one on this machine."""

import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from hub.errors import DownloadError, ParameterError, WeightsError
from hub.registry import PACKAGE_ROOT, parts
from hub.weights import cached_weights, find_weights, load_strict, read_config, read_safetensors
from methods.parts.perceptual.vgg import ARCHITECTURES, VGG, read_vgg

Backbone = Literal["auto", "vgg-slim", "vgg-16", "vgg-19"]
VARIABLE = "STYLEHUB_VGG"  # environment variable with the path of a VGG

logger = logging.getLogger(__name__)


def open_backbone(
    name: Backbone = "auto",
    vgg: Path | str | None = None,
    *,
    layers: Collection[str] = ("relu5_1",),
    pooling: Literal["max", "average"] = "max",
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    fetching: Mapping[str, Any] | None = None,
) -> tuple[VGG, str]:
    """The frozen network up to the deepest of ``layers``, and its name. It has reflection padding.

    "auto" is the first of these that exists: the file ``vgg``; the file of STYLEHUB_VGG; a VGG-19 that was downloaded before;
    the bundled ``vgg-slim``. Only "vgg-19" may download; ``fetching`` are the download options of ``hub.load``
    (offline, cache_dir, endpoint, token).

    Raises ``ParameterError``, ``WeightsError`` or ``DownloadError``; each message names an alternative.
    """
    path = Path(vgg).expanduser() if vgg else Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None
    vgg19 = parts()["vgg-19"].weights
    assert vgg19 is not None
    if name == "auto":
        if path is None:
            path = cached_weights(vgg19, (fetching or {}).get("cache_dir"))
        name = "vgg-slim" if path is None else "auto"
    elif name == "vgg-19" and path is None:
        try:
            path = find_weights(vgg19, root=None, **(fetching or {}))
        except DownloadError as error:
            raise DownloadError(
                f"{error} Without it --backbone vgg-slim works, or --vgg with a file of your own."
            ) from None
    elif name == "vgg-16" and path is None:
        raise ParameterError(
            f"VGG-16 is needed as a safetensors file: give --vgg FILE (vgg=...) or set {VARIABLE}; "
            "--backbone vgg-slim needs none."
        )
    if name == "vgg-slim":
        network, label = read_slim(layers, pooling), "vgg-slim"
    else:
        assert path is not None
        network = read_vgg(path, max(layers, key=lambda layer: layer[4:]), padding="reflect", pooling=pooling)
        label = next(label for label, blocks in ARCHITECTURES.items() if blocks == network.blocks)
        if name in ("vgg-16", "vgg-19") and label.lower() != name:
            raise WeightsError(f"{path} is a {label}, not a {name.upper()}; give another file, or --backbone auto.")
    logger.info("The perceptual network is %s%s.", label, f" of {path}" if path else "")
    return network.to(device, dtype), label


def read_slim(layers: Collection[str], pooling: Literal["max", "average"] = "max", weights: Path | None = None) -> VGG:
    """The bundled ``vgg-slim``, or another file of its training. It has only the ``layers`` that it was trained for."""
    spec = parts()["vgg-slim"].weights
    if weights is None:
        if spec is None:
            raise WeightsError("vgg-slim is not bundled yet; give a VGG with --vgg.")
        weights = find_weights(spec, root=PACKAGE_ROOT)
    config = read_config(weights)
    blocks = tuple(tuple(block) for block in config["blocks"])
    network = VGG(blocks, config["last"], padding="reflect", pooling=pooling, projected=config["projected"])
    load_strict(network, read_safetensors(weights), weights)
    if unknown := sorted(set(layers) - set(network.projections)):
        raise ParameterError(
            f"vgg-slim has no layer {unknown[0]!r}; it has {', '.join(sorted(network.projections))}. "
            "A whole VGG (--vgg FILE) has all."
        )
    return network.frozen()
