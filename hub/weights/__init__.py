"""Weights: find them in the cache, in the package or on the hub, check them, and read and write safetensors.

Heavy modules are imported only when they are needed, so that listing methods stays fast.
"""

from hub.weights.finding import Fetching, cached_weights, fetch_repository, find_weights
from hub.weights.spec import REPOSITORY, FileHash, Repository, WeightsSpec
from hub.weights.tensors import (
    check_finite,
    check_tensors,
    checked_config,
    load_strict,
    network_sha256,
    read_config,
    read_metadata,
    read_safetensors,
    read_weights,
    sha256_of,
    write_model,
    write_safetensors,
)

__all__ = (
    "REPOSITORY", "Fetching", "FileHash", "Repository", "WeightsSpec", "cached_weights", "check_finite", "check_tensors",
    "checked_config", "fetch_repository", "find_weights", "load_strict", "network_sha256", "read_config", "read_metadata",
    "read_safetensors", "read_weights", "sha256_of", "write_model", "write_safetensors",
)  # fmt: skip
