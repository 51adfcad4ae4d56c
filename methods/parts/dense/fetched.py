"""Third-party networks from the hub by ``transformers``: pinned revisions, safetensors only, always optional."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch

from hub.errors import DownloadError, StylehubError


def fetched(
    kind: str, repo_id: str, revision: str, device: torch.device, fetching: Mapping[str, Any], advice: str
) -> Any:
    """The frozen model of a repository's ``revision``. ``kind`` is a class such as ``AutoModelForDepthEstimation``.

    ``fetching`` is ``Method.fetching``; ``advice`` names an alternative, for messages. Raises ``DownloadError``, or
    ``StylehubError`` without ``transformers``.
    """
    options = fetching.get("cache_dir"), fetching.get("token"), bool(fetching.get("offline"))
    return _fetched(kind, repo_id, revision, device, *options, advice)


@lru_cache(maxsize=2)
def _fetched(
    kind: str,
    repo_id: str,
    revision: str,
    device: torch.device,
    cache_dir: Any,
    token: str | None,
    offline: bool,
    advice: str,
) -> Any:
    try:
        import transformers
    except ImportError:
        raise StylehubError(f"{repo_id} needs another package: pip install transformers. {advice}") from None
    try:
        model = getattr(transformers, kind).from_pretrained(
            repo_id, revision=revision, use_safetensors=True, cache_dir=cache_dir, token=token, local_files_only=offline
        )
    except OSError as error:
        raise DownloadError(f"{repo_id} could not be fetched ({str(error).splitlines()[0]}). {advice}") from None
    return model.requires_grad_(False).eval().to(device)
