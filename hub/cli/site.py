"""The settings of a site as flags, for `stylehub space` and `stylehub worker`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import ParameterError, StylehubError

if TYPE_CHECKING:
    from space.site.settings import Settings

EPILOG = (
    "docs/site.md lists the settings, such as --host, --port and --data-dir: flags, or variables such as STYLEHUB_PORT."
)


def settings_and_folders(words: Sequence[str], trust: bool) -> "tuple[Settings, list[Path]]":
    """The settings among ``words``; the rest are folders with methods, which are shown too. Raises ``StylehubError``."""
    from hub.cli.flags import parse
    from hub.folders import require_consent
    from hub.registry import include

    try:
        from space.site.settings import Settings, gather
    except ModuleNotFoundError as error:
        if error.name != "pydantic_settings":
            raise
        raise StylehubError("The app needs more packages: pip install 'stylehub[space]'.") from None

    values, rest = parse(Settings, words)
    for word in rest:
        if word.startswith("-"):
            raise ParameterError(f"{word} is not a setting of a site; docs/site.md lists them.")
        require_consent(Path(word), trust)
        include(Path(word))
    return gather(values), [Path(word) for word in rest]
