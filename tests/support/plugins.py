"""A stranger's method: its entry and its code, which needs a module ``parts`` beside it."""

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
