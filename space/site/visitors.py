"""Tell visitors apart without storing who they are: only hashes of tokens and addresses are kept."""

import hashlib
import hmac
import secrets
from contextlib import suppress
from pathlib import Path

from hub.files import write_whole


def new_token() -> str:
    """A token that nobody guesses: who has it owns what it was used for."""
    return secrets.token_urlsafe(24)


def owner_of(token: str) -> str:
    """What is stored of ``token``."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(token: str | None, expected: str | None) -> bool:
    """Whether ``token`` is the ``expected`` one, in a time that tells nothing about how much of it is right."""
    return bool(token and expected) and hmac.compare_digest(str(token).encode(), str(expected).encode())


class Visitors:
    """Tells visitors apart for the limits. The key lies in the data folder and never leaves it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "visitors.key"
        if not path.exists():
            with suppress(FileExistsError):  # another process was first
                write_whole(path, secrets.token_bytes(32), overwrite=False)
            path.chmod(0o600)
        self._key = path.read_bytes()

    def of(self, host: str | None) -> str:
        """What is stored of the address ``host``."""
        return hmac.new(self._key, (host or "").encode(), "sha256").hexdigest()[:32]
