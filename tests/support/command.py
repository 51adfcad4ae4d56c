"""The command line, called in this process."""

from typer.testing import CliRunner, Result

from hub.cli import app
from hub.errors import StylehubError


def call(*words: object, stdin: bytes | None = None) -> Result:
    """Run ``stylehub words``; an expected error becomes exit 1 and its sentence, as ``main`` does it."""
    result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
    if isinstance(result.exception, StylehubError):
        assert "\n" not in str(result.exception)
        result.sentence = str(result.exception)
    elif result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
