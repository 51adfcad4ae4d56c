"""Weights: found in the cache, in the package or on the hub; checked by size and sha256; safetensors in and out.

Nothing heavy is imported until it is needed, so that listing methods stays fast.
"""

from hub.weights.finding import cached_weights as cached_weights
from hub.weights.finding import fetch_repository as fetch_repository
from hub.weights.finding import find_weights as find_weights
from hub.weights.spec import FileHash as FileHash
from hub.weights.spec import Repository as Repository
from hub.weights.spec import WeightsSpec as WeightsSpec
from hub.weights.tensors import check_finite as check_finite
from hub.weights.tensors import checked_config as checked_config
from hub.weights.tensors import load_strict as load_strict
from hub.weights.tensors import network_sha256 as network_sha256
from hub.weights.tensors import read_config as read_config
from hub.weights.tensors import read_metadata as read_metadata
from hub.weights.tensors import read_safetensors as read_safetensors
from hub.weights.tensors import read_weights as read_weights
from hub.weights.tensors import sha256_of as sha256_of
from hub.weights.tensors import write_model as write_model
from hub.weights.tensors import write_safetensors as write_safetensors
