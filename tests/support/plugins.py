"""Methods of strangers: one with code of its own, which needs a module ``parts`` beside it, and one without."""

from pathlib import Path

MIRROR_ENTRY = """
methods:
  mirror:
    plugin: method:Mirror
    tasks: [single]
    inputs: [content]
    tiling: none
    half: false
    code_license: MIT
    paper: {title: Mirrors, authors: Nobody, year: 2020, url: "https://example.org"}
    models:
      mirror: {title: Mirror, summary: Turns the picture round.}
"""
MIRROR = """
from hub.method import Method
from .parts import turn

class Mirror(Method):
    def setup(self, config, tensors):
        assert not config and not tensors

    def stylize(self, content, parameters, progress):
        return turn(content)
"""

# The entry of a package whose weights are for an installed method; ``weights:`` is still to be added.
STRANGE_CIN = """
methods:
  strange-cin:
    plugin: methods.cin.method:Cin
    weights_of: cin
    tasks: [single]
    inputs: [content, style-names]
    tiling: exact
    half: true
    code_license: MIT
    paper: {title: Tiny, authors: Nobody, year: 2020, url: "https://arxiv.org/abs/1610.07629"}
    models:
      tiny:
        title: Tiny
        summary: For the tests.
"""


def write_mirror(folder: Path) -> Path:
    """Make ``folder`` with the stranger's method in it."""
    folder.mkdir()
    (folder / "registry.yaml").write_text(MIRROR_ENTRY)
    (folder / "method.py").write_text(MIRROR)
    (folder / "parts.py").write_text("def turn(x):\n    return x.flip(3)\n")
    return folder
