"""Weights: found in the cache, in the package or on the hub; checked by size and sha256; safetensors in and out.

Nothing heavy is imported until it is needed, so that listing methods stays fast.
"""

from hub.weights.finding import cached_weights, fetch_repository, find_weights
from hub.weights.spec import FileHash, Repository, WeightsSpec
from hub.weights.tensors import (
    check_finite,
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
    "FileHash", "Repository", "WeightsSpec", "cached_weights", "check_finite", "checked_config",
    "fetch_repository", "find_weights", "load_strict", "network_sha256", "read_config", "read_metadata",
    "read_safetensors", "read_weights", "sha256_of", "write_model", "write_safetensors",
)  # fmt: skip
