"""``python -m hub`` is ``stylehub``."""

from hub.cli import main

main()
