"""``python -m space``: the same as ``stylehub space``."""

import sys

from hub.cli import main

sys.argv = ["stylehub", "space", *sys.argv[1:]]
main()
